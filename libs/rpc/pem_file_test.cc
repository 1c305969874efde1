#include "libs/rpc/pem_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

namespace daemoneye::rpc {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

std::string Write(const std::string& text) {
  const std::string path = ::testing::TempDir() + "/file.pem";
  std::ofstream(path, std::ios::trunc) << text;
  return path;
}

TEST(PemFileTest, GivesTheTextOrNothingWhereNoneIsSet) {
  const std::string text =
      "# whose\n-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n";
  EXPECT_EQ(*ReadPemFile("tls_cert", Write(text)), text);
  EXPECT_EQ(*ReadPemFile("tls_cert", ""), "");
}

TEST(PemFileTest, SaysWhichSettingAndWhy) {
  const struct {
    std::string path;
    const char* why;
  } cases[] = {
      {"/nowhere/x.pem", "cannot read /nowhere/x.pem: No such file or directory"},
      {::testing::TempDir(), "Is a directory"},
      {Write(""), "no PEM"},
      {"/proc/self/stat", "no PEM"},
      {"/dev/zero", "more than 1 MiB"},
  };
  for (const auto& c : cases) {
    const absl::Status status = ReadPemFile("tls_key", c.path).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << c.path;
    EXPECT_THAT(std::string(status.message()), StartsWith("tls_key: cannot read"));
    EXPECT_THAT(std::string(status.message()), HasSubstr(c.why));
  }
}

}  // namespace
}  // namespace daemoneye::rpc
