// ProbeTest: a live probe, children, and the records of those children. For tests, as root.
#pragma once

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "libs/linux/bpf/process_probe.h"

namespace daemoneye::bpf {

// A record that outlives its batch.
struct KeptRecord {
  explicit KeptRecord(const ProbeRecord& read)
      : record(read),
        comm(read.task.comm),
        filename(read.filename),
        executable(read.task.executable),
        directory(read.task.directory),
        arguments(read.task.arguments) {}

  // Its views are stale.
  ProbeRecord record;
  std::string comm, filename, executable, directory, arguments;

  const TaskRecord& task() const { return record.task; }
  Event event() const { return record.event; }
};

// Runs `body` in a child, whose exit code it is.
inline pid_t Start(const std::function<int()>& body) {
  const pid_t pid = ::fork();
  if (pid == 0) ::_exit(body());
  return pid;
}

inline int Exec(const std::vector<std::string>& arguments) {
  std::vector<char*> pointers;
  for (const std::string& argument : arguments) {
    pointers.push_back(const_cast<char*>(argument.c_str()));
  }
  pointers.push_back(nullptr);
  ::execv(pointers[0], pointers.data());
  return 127;
}

inline int WaitFor(pid_t pid) {
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return status;
}

inline int RunToEnd(const std::function<int()>& body) { return WaitFor(Start(body)); }

// The arguments as the kernel lays them out.
inline std::string Joined(const std::vector<std::string>& arguments) {
  std::string bytes;
  for (const std::string& argument : arguments) bytes.append(argument).push_back('\0');
  return bytes;
}

class ProbeTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  }

  void Open(const ProcessProbeOptions& options = {}) {
    auto opened = ProcessProbe::Open(options);
    ASSERT_TRUE(opened.ok()) << opened.status();
    probe_ = *std::move(opened);
  }

  // Reads until `is_last` likes a record, and returns those that `is_ours` likes. Fails after ten
  // seconds.
  std::vector<KeptRecord> ReadUntil(const std::function<bool(const ProbeRecord&)>& is_ours,
                                    const std::function<bool(const ProbeRecord&)>& is_last) {
    std::vector<KeptRecord> kept;
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    ProbeBatch batch;
    while (std::chrono::steady_clock::now() < deadline) {
      pollfd ready = {.fd = probe_->fd(), .events = POLLIN, .revents = 0};
      probe_->Release(batch);
      ::poll(&ready, 1, 10'000);
      probe_->Read(1000, batch);
      EXPECT_EQ(batch.malformed_count, 0u);
      bool is_done = false;
      for (const ProbeRecord& record : batch.records) {
        if (is_ours(record)) kept.emplace_back(record);
        is_done |= is_last(record);
      }
      if (is_done) return kept;
    }
    ADD_FAILURE() << "the last record did not come";
    return kept;
  }

  // All records of process `pid`, which has ended.
  std::vector<KeptRecord> RecordsOf(pid_t pid) {
    const auto is_of = [pid](const ProbeRecord& record) {
      return record.task.pid == static_cast<uint32_t>(pid);
    };
    return ReadUntil(is_of, [is_of](const ProbeRecord& record) {
      return is_of(record) && record.event == Event::kExit;
    });
  }

  // The one exec of `body`, run in a child.
  KeptRecord ExecOf(const std::function<int()>& body) {
    const pid_t pid = Start(body);
    WaitFor(pid);
    const auto records = RecordsOf(pid);
    for (const KeptRecord& record : records) {
      if (record.event() == Event::kExec) return record;
    }
    ADD_FAILURE() << "no exec among " << records.size() << " records";
    return KeptRecord(ProbeRecord());
  }

  std::unique_ptr<ProcessProbe> probe_;
};

}  // namespace daemoneye::bpf
