#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "libs/config/config.h"

namespace daemoneye::config {
namespace {

using ::testing::HasSubstr;

std::string PathOf(const std::string& name) { return testing::TempDir() + "/" + name; }

TEST(ReadConfigFileTest, ReadsARegularFileUpToTheBound) {
  const std::string path = PathOf("regular.yaml");
  std::ofstream(path) << "12345678";
  EXPECT_EQ(ReadConfigFile(path, 8).value(), "12345678");
  EXPECT_TRUE(absl::IsResourceExhausted(ReadConfigFile(path, 7).status()));
}

TEST(ReadConfigFileTest, SaysWhyNot) {
  EXPECT_THAT(ReadConfigFile(PathOf("absent"), 8).status().ToString(),
              HasSubstr("absent: No such file or directory"));
  EXPECT_TRUE(absl::IsNotFound(ReadConfigFile("/dev/null/x", 8).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(ReadConfigFile(testing::TempDir(), 8).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(ReadConfigFile("/dev/zero", 8).status()));
}

TEST(ReadConfigFileTest, DoesNotWaitForAWriterOfAFifo) {
  const std::string path = PathOf("fifo");
  unlink(path.c_str());
  ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);
  EXPECT_TRUE(absl::IsInvalidArgument(ReadConfigFile(path, 8).status()));
}

}  // namespace
}  // namespace daemoneye::config
