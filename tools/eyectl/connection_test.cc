#include "tools/eyectl/connection.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "fmt/format.h"
#include "libs/base/unique_fd.h"

namespace daemoneye::eyectl {
namespace {

using base::UniqueFd;

// Listens and never says a word: what the kernel accepts for it waits to be counted.
UniqueFd ListenInSilence(const std::string& abstract_name) {
  UniqueFd listener(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = {}};
  std::copy(abstract_name.begin(), abstract_name.end(), address.sun_path + 1);
  const auto size = offsetof(sockaddr_un, sun_path) + 1 + abstract_name.size();
  EXPECT_EQ(::bind(listener.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
  EXPECT_EQ(::listen(listener.get(), 64), 0);
  return listener;
}

int AttemptsAt(const UniqueFd& listener) {
  for (int count = 0;; ++count) {
    const UniqueFd attempt(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!attempt.valid()) return count;
  }
}

TEST(ConnectionTest, AServerThatAnswersLateIsWaitedForByOneAttempt) {
  const std::string name = fmt::format("eyectl-connection-test-{}", ::getpid());
  const UniqueFd listener = ListenInSilence(name);
  const auto connection =
      Connection::Open({.address = "unix-abstract:" + name, .wait = absl::Milliseconds(500)});
  EXPECT_EQ(connection.status().code(), absl::StatusCode::kUnavailable) << connection.status();
  EXPECT_EQ(AttemptsAt(listener), 1);
}

}  // namespace
}  // namespace daemoneye::eyectl
