#include "services/collector_gateway/monitor_address.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace daemoneye::gateway {
namespace {

using testing::Contains;
using testing::HasSubstr;

TEST(MonitorAddressTest, AcceptsEveryFormThatIsPromised) {
  const auto unix_socket = ParseMonitorAddress(" unix:///run/daemoneye/procmond.sock ");
  ASSERT_TRUE(unix_socket.ok()) << unix_socket.status();
  EXPECT_EQ(unix_socket->text, "unix:///run/daemoneye/procmond.sock");
  EXPECT_FALSE(unix_socket->is_tcp);

  const auto tcp = ParseMonitorAddress("127.0.0.1:50051");
  ASSERT_TRUE(tcp.ok()) << tcp.status();
  EXPECT_TRUE(tcp->is_tcp);
  EXPECT_FALSE(tcp->is_resolved);

  EXPECT_TRUE(ParseMonitorAddress("[::1]:50051").ok());

  const auto dns = ParseMonitorAddress("dns:///procmond.svc:50051");
  ASSERT_TRUE(dns.ok()) << dns.status();
  EXPECT_TRUE(dns->is_resolved);
  EXPECT_EQ(dns->host, "procmond.svc");
  EXPECT_EQ(dns->port, "50051");
}

TEST(MonitorAddressTest, SaysWhatIsWrongAndWhatWouldBeRight) {
  const struct {
    std::string text;
    const char* what;
  } cases[] = {
      {"", "is empty"},
      {"procmond", "has no port"},
      {":50051", "has no host"},
      {"host:0", "1 to 65535"},
      {"host:65536", "1 to 65535"},
      {"host:50051x", "1 to 65535"},
      {"::1:50051", "in brackets"},
      {"unix:run/x.sock", "not absolute"},
      {"unix:///" + std::string(200, 'x'), "the kernel takes 107"},
      {"http://host:1", "unknown scheme"},
      {"dns:///host", "has no port"},
  };
  for (const auto& c : cases) {
    const auto parsed = ParseMonitorAddress(c.text);
    EXPECT_EQ(parsed.status().code(), absl::StatusCode::kInvalidArgument) << c.text;
    EXPECT_THAT(std::string(parsed.status().message()), HasSubstr(c.what));
    EXPECT_THAT(std::string(parsed.status().message()), HasSubstr("use unix:///path"));
  }
}

TEST(MonitorAddressTest, ResolvesLoopback) {
  const auto targets = ResolveMonitorAddress(*ParseMonitorAddress("dns:///127.0.0.1:50051"));
  ASSERT_TRUE(targets.ok()) << targets.status();
  EXPECT_THAT(*targets, Contains("ipv4:127.0.0.1:50051"));
}

}  // namespace
}  // namespace daemoneye::gateway
