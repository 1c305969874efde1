#include "services/binary_hasher/baseline.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <string>

#include "tests/support/child_process.h"

namespace daemoneye::hasher {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsNull;
using ::testing::Pointee;

const std::string kA(64, 'a');
const std::string kB(64, 'b');

TEST(BaselineTest, ReadsWhatSha256sumPrints) {
  const auto baseline = Baseline::Parse(kA + "  /usr/bin/a\n" + kB + " */usr/bin/b\n\n# said so\n" +
                                        "\\" + kA + "  /usr/bin/new\\nline\\\\\n" +
                                        std::string(64, 'F') + "  /usr/bin/two  spaces");
  ASSERT_TRUE(baseline.ok()) << baseline.status();
  EXPECT_EQ(baseline->size(), 4u);
  EXPECT_THAT(baseline->Find("/usr/bin/a"), Pointee(ElementsAre(kA)));
  EXPECT_THAT(baseline->Find("/usr/bin/b"), Pointee(ElementsAre(kB)));
  EXPECT_THAT(baseline->Find("/usr/bin/new\nline\\"), Pointee(ElementsAre(kA)));
  EXPECT_THAT(baseline->Find("/usr/bin/two  spaces"), Pointee(ElementsAre(std::string(64, 'f'))));
  EXPECT_THAT(baseline->Find("/usr/bin"), IsNull());
}

TEST(BaselineTest, ReadsTheRealToolsOutput) {
  const testing_support::Ended sums = testing_support::RunToEnd(
      {.argv = {"/usr/bin/sha256sum", "/bin/sh", "/etc/passwd"}, .environment = {}, .user = {}});
  ASSERT_EQ(sums.code, 0) << sums.output;
  const std::string file = testing::TempDir() + "/sums";
  std::ofstream(file) << sums.output;
  const auto baseline = Baseline::Read(file);
  ASSERT_TRUE(baseline.ok()) << baseline.status();
  EXPECT_EQ(baseline->size(), 2u);
}

TEST(BaselineTest, APathThatIsListedTwiceMayBeEither) {
  const auto baseline = Baseline::Parse(kA + "  /x\n" + kB + "  /x\n");
  ASSERT_TRUE(baseline.ok());
  EXPECT_THAT(baseline->Find("/x"), Pointee(ElementsAre(kA, kB)));
}

TEST(BaselineTest, NamesTheLineThatIsWrong) {
  const struct {
    std::string line;
    const char* wrong;
  } cases[] = {
      {"x", "64 hexadecimal digits"},
      {kA.substr(1) + "  /x", "64 hexadecimal digits"},
      {kA + "a  /x", "two spaces"},
      {kA + " /x", "two spaces"},
      {kA, "two spaces"},
      {kA + "  ", "not absolute"},
      {kA + "  usr/bin/x", "not absolute"},
      {"\\" + kA + "  /x\\t", "escape"},
      {"\\" + kA + "  /x\\", "escape"},
      {"SHA256 (/x) = " + kA, "64 hexadecimal digits"},
  };
  for (const auto& c : cases) {
    const absl::Status status = Baseline::Parse("\n" + c.line + "\n").status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << c.line;
    EXPECT_THAT(std::string(status.message()), HasSubstr("line 2: "));
    EXPECT_THAT(std::string(status.message()), HasSubstr(c.wrong));
  }
}

TEST(BaselineTest, NoFileIsNoBaselineAndOneThatIsMissingIsAnError) {
  EXPECT_EQ(Baseline::Read("")->size(), 0u);
  EXPECT_EQ(Baseline::Read("/nonexistent/baseline").status().code(), absl::StatusCode::kNotFound);
}

TEST(BaselineTest, KnowsADigestWhenItSeesOne) {
  EXPECT_TRUE(IsSha256(kA));
  EXPECT_TRUE(IsSha256(std::string(64, 'A')));
  for (const std::string& text : {std::string(), kA + "a", kA.substr(1), std::string(64, 'g')}) {
    EXPECT_FALSE(IsSha256(text)) << text;
  }
}

}  // namespace
}  // namespace daemoneye::hasher
