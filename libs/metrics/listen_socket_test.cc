#include "libs/metrics/listen_socket.h"

#include <gtest/gtest.h>

namespace daemoneye::metrics {
namespace {

TEST(CheckBindableTest, GivesTheKernelsReason) {
  EXPECT_TRUE(CheckBindable({.host = "127.0.0.1", .port = 0}).ok());
  // Reserved for documentation: no machine has it.
  EXPECT_EQ(CheckBindable({.host = "192.0.2.1", .port = 0}),
            absl::UnavailableError("metrics_address=192.0.2.1:0: Cannot assign requested address"));
}

}  // namespace
}  // namespace daemoneye::metrics
