#include "libs/base/listen_address.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace daemoneye::base {
namespace {

using ::testing::HasSubstr;

TEST(ListenAddressTest, AcceptsUnixSocketsAndNumericAddresses) {
  const struct {
    const char* text;
    const char* printed;
    bool is_loopback;
  } cases[] = {
      {"unix:///run/x.sock", "unix:///run/x.sock", true},
      {"unix:/run/x.sock", "unix:///run/x.sock", true},
      {"unix:x.sock", "unix:x.sock", true},
      {"127.0.0.1:50051", "127.0.0.1:50051", true},
      {"localhost:0", "localhost:0", true},
      {"[::1]:50051", "[::1]:50051", true},
      {"0.0.0.0:1", "0.0.0.0:1", false},
      {"[::]:65535", "[::]:65535", false},
  };
  for (const auto& c : cases) {
    const absl::StatusOr<ListenAddress> address = ParseListenAddress(c.text);
    ASSERT_TRUE(address.ok()) << address.status();
    EXPECT_EQ(address->ToString(), c.printed);
    EXPECT_EQ(address->is_loopback(), c.is_loopback) << c.text;
  }
}

TEST(ListenAddressTest, RefusesWhatCannotBeListenedOnAndSaysWhy) {
  const std::string long_path = "unix:///" + std::string(107, 'x');
  const struct {
    std::string text;
    const char* why;
  } cases[] = {
      {"", "no port"},
      {"procmond", "no port"},
      {"127.0.0.1:", "no number"},
      {"127.0.0.1:65536", "no number"},
      {"127.0.0.1:-1", "no number"},
      {"127.0.0.1:80x", "no number"},
      {"::1:50051", "no numeric address"},
      {"example.com:80", "no numeric address"},
      {"http://127.0.0.1:80", "no numeric address"},
      {":50051", "no numeric address"},
      {"unix:", "no socket name"},
      {"unix:///", "no socket name"},
      {"unix://host/x.sock", "starts with /"},
      {std::string("unix:///a\0b", 11), "zero byte"},
      {long_path, "has 108 bytes, the kernel takes 107"},
  };
  for (const auto& c : cases) {
    const absl::Status status = ParseListenAddress(c.text).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << c.text;
    EXPECT_THAT(std::string(status.message()), HasSubstr(c.why)) << c.text;
  }
}

TEST(ListenAddressTest, TcpAloneTakesNoUnixSocketAndIsOtherwiseTheSame) {
  const absl::StatusOr<ListenAddress> address = ParseTcpListenAddress("[::]:9464");
  ASSERT_TRUE(address.ok()) << address.status();
  EXPECT_EQ(address->ToString(), "[::]:9464");
  for (const char* text : {"9464", ":9464", "127.0.0.1", "127.0.0.1:", "127.0.0.1:x",
                           "127.0.0.1: 1", "::1:9464", "[::1]", "[127.0.0.1]:1", "[localhost]:1",
                           "host.example:1", "unix:///run/x.sock", "1.2.3.4:80,5.6.7.8:80"}) {
    const absl::Status status = ParseTcpListenAddress(text).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << text;
    EXPECT_THAT(std::string(status.message()), HasSubstr("want host:port, as 127.0.0.1:9464"));
  }
}

TEST(ListenAddressTest, LongestPathFits) {
  EXPECT_TRUE(ParseListenAddress("unix:///" + std::string(106, 'x')).ok());
}

}  // namespace
}  // namespace daemoneye::base
