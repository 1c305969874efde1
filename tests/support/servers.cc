#include "tests/support/servers.h"

#include <gtest/gtest.h>
#include <signal.h>

#include "absl/time/clock.h"
#include "libs/metrics/loopback_client.h"
#include "tests/support/client.h"

namespace daemoneye::testing_support {
namespace {

ChildSpec Spec(const std::string& program, const std::string& listen,
               const std::vector<std::string>& flags, std::optional<uid_t> user) {
  ChildSpec spec{.argv = {program, "--listen=" + listen}, .environment = {}, .user = user};
  for (const std::string& flag : QuietFlags()) {
    const std::string name = flag.substr(0, flag.find('=') + 1);
    bool is_given = false;
    for (const std::string& other : flags) is_given |= other.starts_with(name);
    if (!is_given) spec.argv.push_back(flag);
  }
  spec.argv.insert(spec.argv.end(), flags.begin(), flags.end());
  return spec;
}

// The value behind `key` at the end of a log line.
std::string ValueOf(const std::string& line, const std::string& key) {
  const size_t at = line.find(key);
  return at == std::string::npos ? "" : line.substr(at + key.size());
}

}  // namespace

std::vector<std::string> QuietFlags() { return {"--config=", "--metrics_address=", "--data_dir="}; }

Server::Server(const std::string& program, const std::string& listen,
               const std::vector<std::string>& flags, std::optional<uid_t> user)
    : ChildProcess(Spec(program, listen, flags, user)) {
  const std::optional<std::string> line = AwaitLine({" listening address="});
  if (line.has_value()) address_ = ValueOf(*line, "address=");
  EXPECT_TRUE(line.has_value()) << "it does not listen";
}

Server& Server::Ready() {
  const absl::Status status = Client(address_).AwaitHealth("readiness", "SERVING");
  EXPECT_TRUE(status.ok()) << status;
  return *this;
}

std::string Server::Metrics() {
  const std::string log = output();
  const size_t at = log.find("metrics url=http://127.0.0.1:");
  if (at == std::string::npos) return "no page of metrics";
  const int port = std::atoi(log.c_str() + log.find("127.0.0.1:", at) + 10);
  const std::string answer = metrics::HttpGet(static_cast<uint16_t>(port), "/metrics");
  const size_t body = answer.find("\r\n\r\n");
  return body == std::string::npos ? answer : answer.substr(body + 4);
}

absl::Duration Server::Terminate() {
  const absl::Time begin = absl::Now();
  Signal(SIGTERM);
  EXPECT_EQ(AwaitExit(), 0);
  return absl::Now() - begin;
}

}  // namespace daemoneye::testing_support
