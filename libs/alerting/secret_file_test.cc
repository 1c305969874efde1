#include "libs/alerting/secret_file.h"

#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <string>

#include "gmock/gmock.h"

namespace daemoneye::alerting {
namespace {

std::string WriteSecret(const std::string& text, mode_t mode = 0600) {
  static int number = 0;
  const std::string path = ::testing::TempDir() + "secret-" + std::to_string(::getpid()) + "-" +
                           std::to_string(++number);
  std::ofstream(path) << text;
  ::chmod(path.c_str(), mode);
  return path;
}

TEST(SecretFileTest, RefusesASecretThatIsNone) {
  EXPECT_EQ(*ReadSecret(WriteSecret(" key\n")), "key");
  for (const std::string& path : {WriteSecret("key", 0644), WriteSecret(" \n"),
                                  WriteSecret(std::string(5000, 'x')), std::string("/nowhere")}) {
    EXPECT_TRUE(absl::IsInvalidArgument(ReadSecret(path).status())) << path;
  }
}

}  // namespace
}  // namespace daemoneye::alerting
