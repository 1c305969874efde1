#include "libs/rpc/listen_address.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace daemoneye::rpc {
namespace {

using ::testing::HasSubstr;

TEST(ListenAddressTest, AcceptsUnixSocketsAndNumericAddresses) {
  const struct {
    const char* text;
    const char* grpc;
    const char* printed;
    bool is_loopback;
  } cases[] = {
      {"unix:///run/x.sock", "unix:/run/x.sock", "unix:///run/x.sock", true},
      {"unix:/run/x.sock", "unix:/run/x.sock", "unix:///run/x.sock", true},
      {"unix:x.sock", "unix:x.sock", "unix:x.sock", true},
      {"127.0.0.1:50051", "127.0.0.1:50051", "127.0.0.1:50051", true},
      {"localhost:0", "localhost:0", "localhost:0", true},
      {"[::1]:50051", "[::1]:50051", "[::1]:50051", true},
      {"0.0.0.0:1", "0.0.0.0:1", "0.0.0.0:1", false},
      {"[::]:65535", "[::]:65535", "[::]:65535", false},
  };
  for (const auto& c : cases) {
    const absl::StatusOr<ListenAddress> address = ParseListenAddress(c.text);
    ASSERT_TRUE(address.ok()) << address.status();
    EXPECT_EQ(address->ToGrpcAddress(), c.grpc);
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

TEST(ListenAddressTest, LongestPathFits) {
  EXPECT_TRUE(ParseListenAddress("unix:///" + std::string(106, 'x')).ok());
}

}  // namespace
}  // namespace daemoneye::rpc
