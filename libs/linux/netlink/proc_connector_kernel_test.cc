// What the real kernel's connector tells. Skipped, aloud, for others than root.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/connector.h>
#include <linux/netlink.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "libs/base/unique_fd.h"
#include "libs/linux/netlink/proc_connector.h"

namespace daemoneye::netlink {
namespace {

constexpr int kDeadlineMs = 20'000;

pid_t Start(const std::function<int()>& body) {
  const pid_t pid = ::fork();
  if (pid == 0) ::_exit(body());
  return pid;
}

int WaitFor(pid_t pid) {
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return status;
}

class ProcConnectorTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root and the initial namespaces";
  }
  void Open(const ProcConnectorOptions& options = {}) {
    auto opened = ProcConnector::Open(options);
    ASSERT_TRUE(opened.ok()) << opened.status();
    connector_ = *std::move(opened);
  }
  // Reads all there is into `read`. Returns how many were lost.
  uint64_t Drain(std::vector<ProcEvent>& read) {
    ProcEventBatch batch;
    uint64_t lost = 0;
    do {
      const absl::Status status = connector_->Read(1024, batch);
      EXPECT_TRUE(status.ok()) << status;
      if (!status.ok()) break;
      read.insert(read.end(), batch.events.begin(), batch.events.end());
      lost += batch.lost_count;
    } while (batch.has_more);
    return lost;
  }
  // What is told of `pid` until its first thread has ended.
  std::vector<ProcEvent> LifeOf(pid_t pid) {
    const auto wanted = static_cast<uint32_t>(pid);
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(kDeadlineMs);
    std::vector<ProcEvent> all, life;
    for (bool has_ended = false; !has_ended && std::chrono::steady_clock::now() < deadline;) {
      pollfd ready = {.fd = connector_->fd(), .events = POLLIN, .revents = 0};
      if (::poll(&ready, 1, kDeadlineMs) != 1) break;
      all.clear();
      Drain(all);
      for (const ProcEvent& event : all) {
        if (event.pid != wanted) continue;
        life.push_back(event);
        has_ended |= event.kind == ProcEventKind::kExit && !event.is_of_thread();
      }
    }
    return life;
  }
  static std::vector<ProcEventKind> Kinds(const std::vector<ProcEvent>& events) {
    std::vector<ProcEventKind> kinds;
    for (const ProcEvent& event : events) kinds.push_back(event.kind);
    return kinds;
  }

  std::unique_ptr<ProcConnector> connector_;
};

class KernelsTest : public ProcConnectorTest, public ::testing::WithParamInterface<bool> {};

INSTANTIATE_TEST_SUITE_P(Kernels, KernelsTest, ::testing::Bool(), [](const auto& info) {
  return std::string(info.param ? "Old" : "Present");
});

TEST_P(KernelsTest, TellsALifeFromForkToExit) {
  Open({.kinds = MaskOf(ProcEventKind::kFork) | MaskOf(ProcEventKind::kExec) |
                 MaskOf(ProcEventKind::kExit),
        .assumes_old_kernel = GetParam()});
  const pid_t pid = Start([] { return ::execl("/bin/sh", "sh", "-c", "exit 7", nullptr); });
  const int status = WaitFor(pid);
  std::vector<ProcEvent> life = LifeOf(pid);
  std::erase_if(life, [](const ProcEvent& e) { return e.kind == ProcEventKind::kName; });
  ASSERT_THAT(Kinds(life), ::testing::ElementsAre(ProcEventKind::kFork, ProcEventKind::kExec,
                                                  ProcEventKind::kExit));
  EXPECT_EQ(life[0].parent_pid, static_cast<uint32_t>(::getpid()));
  EXPECT_EQ(life[2].wait_status, static_cast<uint32_t>(status));
  EXPECT_EQ(WEXITSTATUS(life[2].wait_status), 7);
  EXPECT_LT(life[0].monotonic_ns, life[2].monotonic_ns);
}

TEST_P(KernelsTest, TellsOnlyWhatIsAskedFor) {
  Open({.kinds = MaskOf(ProcEventKind::kExit), .assumes_old_kernel = GetParam()});
  EXPECT_EQ(connector_->has_kernel_mask(), !GetParam());
  const pid_t pid = Start([] { return ::execl("/bin/true", "true", nullptr); });
  WaitFor(pid);
  std::vector<ProcEvent> life = LifeOf(pid);
  for (const ProcEvent& event : life) {
    EXPECT_THAT(event.kind, ::testing::AnyOf(ProcEventKind::kExit, ProcEventKind::kName));
  }
}

TEST_F(ProcConnectorTest, TellsSignalsAndUsers) {
  Open();
  const pid_t pid = Start([] {
    if (::setresuid(54'321, 54'322, 54'321) != 0) return 2;
    ::raise(SIGKILL);
    return 3;
  });
  WaitFor(pid);
  const std::vector<ProcEvent> life = LifeOf(pid);
  ASSERT_FALSE(life.empty());
  EXPECT_EQ(WTERMSIG(life.back().wait_status), SIGKILL);
  bool has_user = false;
  for (const ProcEvent& event : life) {
    if (event.kind != ProcEventKind::kUser) continue;
    has_user = true;
    EXPECT_EQ(event.real_id, 54'321u);
    EXPECT_EQ(event.effective_id, 54'322u);
  }
  EXPECT_TRUE(has_user);
}

TEST_F(ProcConnectorTest, TellsThreadsApart) {
  Open();
  const pid_t pid = Start([] {
    std::thread([] {}).join();
    return 0;
  });
  WaitFor(pid);
  size_t begun = 0, ended = 0;
  for (const ProcEvent& event : LifeOf(pid)) {
    begun += event.kind == ProcEventKind::kFork && event.is_of_thread() ? 1 : 0;
    ended += event.kind == ProcEventKind::kExit && event.is_of_thread() ? 1 : 0;
  }
  EXPECT_EQ(begun, 1u);
  EXPECT_EQ(ended, 1u);
}

class LossTest : public ProcConnectorTest, public ::testing::WithParamInterface<uint32_t> {};

INSTANTIATE_TEST_SUITE_P(
    Kinds, LossTest,
    ::testing::Values(MaskOf(ProcEventKind::kFork) | MaskOf(ProcEventKind::kExit), kAllProcEvents),
    [](const auto& info) { return std::string(info.param == kAllProcEvents ? "All" : "Some"); });

TEST_P(LossTest, WhatDoesNotFitIsCountedExactly) {
  constexpr size_t kChildren = 400;
  Open({.receive_buffer_bytes = 16'384, .kinds = GetParam()});
  std::vector<uint32_t> children;
  for (size_t i = 0; i < kChildren; ++i) {
    const pid_t pid = Start([] { return 0; });
    WaitFor(pid);
    children.push_back(static_cast<uint32_t>(pid));
  }
  std::vector<ProcEvent> read;
  const uint64_t lost = Drain(read);
  EXPECT_GT(lost, 0u);
  EXPECT_GE(connector_->counters().overrun_count, 1u);
  size_t told = 0;
  for (const ProcEvent& event : read) {
    told += event.kind == ProcEventKind::kFork &&
                    std::find(children.begin(), children.end(), event.pid) != children.end()
                ? 1
                : 0;
  }
  EXPECT_LT(told, kChildren);
  // Others of the machine may have lost some, too.
  EXPECT_GE(told + lost, kChildren);
  if (GetParam() == kAllProcEvents) {
    // The next message of each CPU shows the gap before it; on a busy machine some more are lost
    // until it is there.
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(kDeadlineMs);
    const ProcConnectorCounters& counters = connector_->counters();
    while (counters.gap_count != counters.dropped_count &&
           std::chrono::steady_clock::now() < deadline) {
      for (int cpu = 0; cpu < 64; ++cpu) {
        WaitFor(Start([cpu] {
          cpu_set_t one;
          CPU_ZERO(&one);
          CPU_SET(cpu, &one);
          return ::sched_setaffinity(0, sizeof one, &one);
        }));
        Drain(read);
      }
    }
    EXPECT_EQ(counters.gap_count, counters.dropped_count);
  }
  // And it sees again.
  EXPECT_FALSE(LifeOf(Start([] { return 0; })).empty());
}

TEST_F(ProcConnectorTest, BelievesNobodyButTheKernel) {
  Open();
  sockaddr_nl address = {};
  socklen_t size = sizeof address;
  ASSERT_EQ(::getsockname(connector_->fd(), reinterpret_cast<sockaddr*>(&address), &size), 0);
  const base::UniqueFd liar(::socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_CONNECTOR));
  ASSERT_TRUE(liar.valid());
  address.nl_groups = 0;
  const std::string lie(76, '\0');
  const ssize_t sent = ::sendto(liar.get(), lie.data(), lie.size(), 0,
                                reinterpret_cast<const sockaddr*>(&address), sizeof address);
  if (sent < 0) GTEST_SKIP() << "the kernel lets nobody send to another's connector socket";
  std::vector<ProcEvent> read;
  Drain(read);
  EXPECT_EQ(connector_->counters().foreign_count, 1u);
  EXPECT_EQ(connector_->counters().malformed_count, 0u);
}

TEST_F(ProcConnectorTest, SilenceInAnotherPidNamespaceIsNoSubscription) {
  const pid_t pid = Start([] {
    if (::unshare(CLONE_NEWPID) != 0) return 9;
    return WEXITSTATUS(WaitFor(Start([] {
      const auto opened = ProcConnector::Open({});
      return opened.ok() ? 0 : static_cast<int>(opened.status().code());
    })));
  });
  EXPECT_EQ(WEXITSTATUS(WaitFor(pid)), static_cast<int>(absl::StatusCode::kUnimplemented));
}

TEST_F(ProcConnectorTest, AnotherNetworkHasNoConnector) {
  const pid_t pid = Start([] {
    if (::unshare(CLONE_NEWNET) != 0) return 9;
    const auto opened = ProcConnector::Open({});
    return opened.ok() ? 0 : static_cast<int>(opened.status().code());
  });
  EXPECT_EQ(WEXITSTATUS(WaitFor(pid)), static_cast<int>(absl::StatusCode::kUnimplemented));
}

TEST_F(ProcConnectorTest, TheBufferHasTheSizeAskedFor) {
  Open({.receive_buffer_bytes = 4 << 20});
  EXPECT_EQ(connector_->receive_buffer_bytes(), size_t{4} << 20);
}

}  // namespace
}  // namespace daemoneye::netlink
