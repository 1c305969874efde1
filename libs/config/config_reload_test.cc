#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "libs/config/config.h"
#include "libs/config/fake_input.h"

namespace daemoneye::config {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// A configuration over one file that a test rewrites.
class ConfigReloadTest : public testing::Test {
 protected:
  Config Load(std::vector<std::string> args = {}) {
    ConfigInput input;
    input.args = std::move(args);
    input.read_file = [this](const std::string&, size_t) { return file_; };
    return Config::Load(EveryTypeTable(), input).value();
  }

  absl::StatusOr<std::string> file_ = std::string("count: 1\n");
};

TEST_F(ConfigReloadTest, IsTheNextGenerationWithTheChangedKeys) {
  const Config first = Load();
  file_ = "count: 2\ntags: {k: v}\nname: x\n";  // name: as the default
  const absl::StatusOr<Config::Reloaded> second = first.Reload();
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_THAT(second->changed, ElementsAre("count", "tags"));
  EXPECT_EQ(second->config.generation(), 2u);
  EXPECT_EQ(second->config.GetInt("count"), 2);
  EXPECT_EQ(first.GetInt("count"), 1);
  EXPECT_EQ(second->config.Reload()->config.generation(), 3u);
}

TEST_F(ConfigReloadTest, NamesEveryKeyThatNeedsARestart) {
  const Config config = Load();
  file_ = "count: 2\nmode: slow\nturbo: true\n";
  EXPECT_EQ(config.Reload().status(),
            absl::FailedPreconditionError("a change of mode, turbo needs a restart"));
  EXPECT_EQ(config.GetString("mode"), "fast");
}

TEST_F(ConfigReloadTest, ABadFileLeavesTheOldInForce) {
  const Config config = Load();
  file_ = "count: 99\n";
  EXPECT_THAT(config.Reload().status().ToString(), HasSubstr("99 is above 10"));
  file_ = "count: [\n";
  EXPECT_TRUE(absl::IsInvalidArgument(config.Reload().status()));
  EXPECT_EQ(config.GetInt("count"), 1);
}

TEST_F(ConfigReloadTest, AFileThatIsGoneIsAnErrorAndNotTheDefaults) {
  const Config config = Load();
  file_ = absl::NotFoundError("gone");
  EXPECT_TRUE(absl::IsNotFound(config.Reload().status()));
}

TEST_F(ConfigReloadTest, AFlagStaysInForceOverTheFile) {
  const Config config = Load({"--count=5", "--mode=slow"});
  file_ = "count: 7\nmode: fast\n";
  const absl::StatusOr<Config::Reloaded> next = config.Reload();
  ASSERT_TRUE(next.ok()) << next.status();
  EXPECT_THAT(next->changed, IsEmpty());
  EXPECT_EQ(next->config.GetInt("count"), 5);
}

}  // namespace
}  // namespace daemoneye::config
