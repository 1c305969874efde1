#include "libs/metrics/listen_address.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace daemoneye::metrics {
namespace {

TEST(ParseListenAddressTest, TakesNumericHosts) {
  const struct {
    const char* text;
    const char* want;
  } cases[] = {{"127.0.0.1:9464", "127.0.0.1:9464"},
               {"0.0.0.0:0", "0.0.0.0:0"},
               {"[::1]:9464", "[::1]:9464"},
               {"[::]:65535", "[::]:65535"},
               {"localhost:1", "127.0.0.1:1"}};
  for (const auto& c : cases) {
    const absl::StatusOr<ListenAddress> address = ParseListenAddress(c.text);
    ASSERT_TRUE(address.ok()) << address.status();
    EXPECT_EQ(address->ToString(), c.want);
  }
}

TEST(ParseListenAddressTest, RefusesTheRestAndSaysWhatToWrite) {
  for (const char* text :
       {"9464", ":9464", "127.0.0.1", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:65536",
        "127.0.0.1:-1", "127.0.0.1: 1", "::1:9464", "[::1]", "[127.0.0.1]:1", "host.example:1",
        "unix:///run/x.sock", "1.2.3.4:80,5.6.7.8:80", "127.0.0.1:80s"}) {
    const absl::StatusOr<ListenAddress> address = ParseListenAddress(text);
    EXPECT_TRUE(absl::IsInvalidArgument(address.status())) << text;
    EXPECT_THAT(std::string(address.status().message()),
                testing::HasSubstr("write 127.0.0.1:9464 or [::1]:9464"));
  }
}

TEST(CheckBindableTest, GivesTheKernelsReason) {
  EXPECT_TRUE(CheckBindable({.host = "127.0.0.1", .port = 0}).ok());
  // Reserved for documentation: no machine has it.
  EXPECT_EQ(CheckBindable({.host = "192.0.2.1", .port = 0}),
            absl::UnavailableError("metrics_address=192.0.2.1:0: Cannot assign requested address"));
}

}  // namespace
}  // namespace daemoneye::metrics
