// What the probe says of what it did not tell: drops, filters, a probe that was silenced.

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <linux/io_uring.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include "libs/base/unique_fd.h"
#include "libs/linux/bpf/probe_fixture.h"
#include "libs/linux/procfs/kernel_stat_reader.h"
#include "libs/linux/procfs/proc_fs.h"

namespace daemoneye::bpf {
namespace {

using ::testing::HasSubstr;

// Nobody's on any machine, so that only what the test starts is counted.
constexpr uid_t kUser = 54'321;

void RunAsUser(int times) {
  for (int i = 0; i < times; ++i) {
    ASSERT_EQ(RunToEnd([i] {
                if (::setresuid(kUser, kUser, kUser) != 0) return 2;
                return Exec({"/bin/true", fmt::format("MARK{}", i)});
              }),
              0);
  }
}

// Reads the ring empty; what came is added to the three.
void ReadAll(ProcessProbe& probe, ProbeLoss& observed, ProbeLoss& lost) {
  ProbeBatch batch;
  do {
    probe.Read(16, batch);
    for (const ProbeRecord& record : batch.records) {
      observed.fork_count += record.event == Event::kFork;
      observed.exec_count += record.event == Event::kExec;
      observed.exit_count += record.event == Event::kExit;
    }
    lost.fork_count += batch.lost.fork_count;
    lost.exec_count += batch.lost.exec_count;
    lost.exit_count += batch.lost.exit_count;
  } while (batch.has_more);
}

TEST_F(ProbeTest, ObservedAndDroppedAreWhatWasExecuted) {
  Open({.ring_bytes = 4096, .uid = kUser});
  ProbeLoss observed, lost;
  constexpr uint64_t kRounds = 5, kTimes = 40;
  for (uint64_t round = 0; round < kRounds; ++round) {
    RunAsUser(kTimes);
    ReadAll(*probe_, observed, lost);
  }
  EXPECT_EQ(observed.exec_count + lost.exec_count, kRounds * kTimes);
  EXPECT_EQ(observed.exit_count + lost.exit_count, kRounds * kTimes);
  // The children were root when they were forked.
  EXPECT_EQ(observed.fork_count + lost.fork_count, 0u);
  EXPECT_GE(observed.exec_count, kRounds);
  EXPECT_GT(lost.exec_count, kRounds * kTimes / 2);
  const ProbeCounters counters = probe_->ReadCounters();
  for (const ProgramCounters& program : {counters.fork, counters.exec, counters.exit}) {
    EXPECT_EQ(program.seen_count, program.sent_count + program.ignored_count +
                                      program.filtered_count + program.lost_count());
  }
  EXPECT_EQ(counters.exec.ring_full_count, lost.exec_count);
}

TEST_F(ProbeTest, NothingIsLostWithRoomEnough) {
  Open({.uid = kUser});
  RunAsUser(100);
  ProbeLoss observed, lost;
  ReadAll(*probe_, observed, lost);
  EXPECT_EQ(observed, (ProbeLoss{.fork_count = 0, .exec_count = 100, .exit_count = 100}));
  EXPECT_FALSE(lost.any());
}

TEST_F(ProbeTest, ANamePrefixIsFilteredInTheKernel) {
  const std::string program = ::testing::TempDir() + "/prefixed-xyz";
  std::filesystem::copy_file("/bin/true", program,
                             std::filesystem::copy_options::overwrite_existing);
  Open({.comm_prefix = "prefixed"});
  EXPECT_EQ(RunToEnd([] { return Exec({"/bin/true"}); }), 0);
  EXPECT_EQ(RunToEnd([&] { return Exec({program}); }), 0);
  ProbeLoss observed, lost;
  ReadAll(*probe_, observed, lost);
  EXPECT_EQ(observed, (ProbeLoss{.fork_count = 0, .exec_count = 1, .exit_count = 1}));
  EXPECT_GT(probe_->ReadCounters().exec.filtered_count, 0u);
}

bool IsReadable(const ProcessProbe& probe) {
  pollfd ready = {.fd = probe.fd(), .events = POLLIN, .revents = 0};
  return ::poll(&ready, 1, 0) == 1;
}

TEST_F(ProbeTest, ItIsReadableWhileThereIsSomething) {
  Open({.uid = kUser});
  ProbeBatch batch;
  EXPECT_FALSE(IsReadable(*probe_));
  for (int i = 0; i < 3; ++i) {
    RunAsUser(1);
    EXPECT_TRUE(IsReadable(*probe_));
    EXPECT_GT(probe_->waiting_bytes(), 0u);
    probe_->Read(100, batch);
    EXPECT_EQ(batch.records.size(), 2u);
    probe_->Release(batch);
    EXPECT_TRUE(batch.records.empty());
    EXPECT_FALSE(IsReadable(*probe_));
  }
}

TEST_F(ProbeTest, ACgroupIsFilteredInTheKernel) {
  Open({.cgroup_id = ~uint64_t{0}});
  RunAsUser(1);
  ProbeBatch batch;
  probe_->Read(100, batch);
  EXPECT_TRUE(batch.records.empty());
  EXPECT_GT(probe_->ReadCounters().exec.filtered_count, 0u);
}

// The kernel's count of forks and the probe's, read when neither moved in between.
std::optional<uint64_t> Difference(procfs::KernelStatReader& reader, const ProcessProbe& probe) {
  for (int i = 0; i < 1000; ++i) {
    const uint64_t before = reader.Read()->processes_started_count;
    const uint64_t seen = probe.ReadCounters().task_count();
    if (reader.Read()->processes_started_count == before) return before - seen;
  }
  return std::nullopt;
}

TEST_F(ProbeTest, TheForksSeenAreTheKernelsOwnCount) {
  Open();
  const procfs::ProcFs proc = *procfs::ProcFs::Open("/proc");
  procfs::KernelStatReader reader(proc);
  const auto before = Difference(reader, *probe_);
  for (int i = 0; i < 200; ++i) EXPECT_EQ(RunToEnd([] { return 0; }), 0);
  const auto after = Difference(reader, *probe_);
  ASSERT_TRUE(before.has_value());
  EXPECT_EQ(before, after);
  probe_->SwitchOn(false);
  EXPECT_EQ(RunToEnd([] { return 0; }), 0);
  EXPECT_NE(Difference(reader, *probe_), after);
}

// Nobody forks them, and the kernel counts them beside the forks.
TEST_F(ProbeTest, WorkersOfIoUringAreTold) {
  Open();
  const procfs::ProcFs proc = *procfs::ProcFs::Open("/proc");
  procfs::KernelStatReader reader(proc);
  const auto before = Difference(reader, *probe_);
  const uint64_t unforked = probe_->ReadCounters().unforked_count;
  io_uring_params params = {};
  params.flags = IORING_SETUP_SQPOLL;  // a thread of the kernel's reads what is submitted
  const base::UniqueFd ring(static_cast<int>(::syscall(SYS_io_uring_setup, 4, &params)));
  if (!ring.valid()) GTEST_SKIP() << "no io_uring here";
  EXPECT_GE(probe_->ReadCounters().unforked_count, unforked + 1);
  EXPECT_EQ(Difference(reader, *probe_), before);
}

TEST_F(ProbeTest, ASilencedProbeSaysSo) {
  Open();
  EXPECT_TRUE(probe_->Check().ok());
  probe_->SwitchOn(false);
  EXPECT_EQ(probe_->Check().code(), absl::StatusCode::kUnavailable);
  const uint64_t seen = probe_->ReadCounters().exec.seen_count;
  EXPECT_EQ(RunToEnd([] { return Exec({"/bin/true"}); }), 0);
  EXPECT_EQ(probe_->ReadCounters().exec.seen_count, seen);
  probe_->SwitchOn(true);
  EXPECT_TRUE(probe_->Check().ok());
}

// Closes the descriptors of this process that are links of raw tracepoints; returns how many.
int CloseLinks() {
  int closed = 0;
  for (int fd = 3; fd < 1024; ++fd) {
    std::ifstream file(fmt::format("/proc/self/fdinfo/{}", fd));
    const std::string text((std::istreambuf_iterator<char>(file)), {});
    if (text.find("link_type:\traw_tracepoint") == std::string::npos) continue;
    ::close(fd);
    ++closed;
  }
  return closed;
}

TEST_F(ProbeTest, AProbeWhoseLinksWereClosedSaysSo) {
  Open();
  ASSERT_EQ(CloseLinks(), 4);
  const absl::Status status = probe_->Check();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(status.message()), HasSubstr("link"));
  const uint64_t seen = probe_->ReadCounters().exec.seen_count;
  EXPECT_EQ(RunToEnd([] { return Exec({"/bin/true"}); }), 0);
  EXPECT_EQ(probe_->ReadCounters().exec.seen_count, seen);
}

// Another file may have its number by then.
TEST_F(ProbeTest, ALinkThatWasClosedIsNotClosedAgain) {
  Open();
  ASSERT_EQ(CloseLinks(), 4);
  std::vector<base::UniqueFd> others;
  for (int i = 0; i < 8; ++i) others.emplace_back(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  probe_.reset();
  for (const base::UniqueFd& other : others) EXPECT_NE(::fcntl(other.get(), F_GETFD), -1);
}

TEST_F(ProbeTest, WithoutCapabilitiesItSaysWhichAreMissing) {
  EXPECT_EQ(WEXITSTATUS(RunToEnd([] {
              if (::setresuid(kUser, kUser, kUser) != 0) return 2;
              const auto probe = ProcessProbe::Open({});
              if (probe.status().code() != absl::StatusCode::kPermissionDenied) return 3;
              const std::string message(probe.status().message());
              if (message.find("cap_bpf") == message.npos) return 4;
              return message.find("cap_perfmon") == message.npos ? 5 : 42;
            })),
            42);
}

// From here on this process is `kUser`, with these capabilities and no others.
bool BecomeUserWith(uint64_t capabilities) {
  if (::prctl(PR_SET_KEEPCAPS, 1) != 0 || ::setresuid(kUser, kUser, kUser) != 0) return false;
  __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  const auto low = static_cast<__u32>(capabilities);
  const auto high = static_cast<__u32>(capabilities >> 32);
  __user_cap_data_struct data[2] = {{low, low, 0}, {high, high, 0}};
  return ::syscall(SYS_capset, &header, data) == 0;
}

TEST_F(ProbeTest, TwoCapabilitiesAreEnough) {
  EXPECT_EQ(WEXITSTATUS(RunToEnd([this] {
              if (!BecomeUserWith(1ull << CAP_BPF | 1ull << CAP_PERFMON)) return 2;
              auto opened = ProcessProbe::Open({});
              if (!opened.ok()) {
                std::fprintf(stderr, "%s\n", opened.status().ToString().c_str());
                return 3;
              }
              probe_ = *std::move(opened);
              if (!probe_->Check().ok()) return 4;
              const KeptRecord record = ExecOf([] { return Exec({"/bin/true", "x"}); });
              return record.arguments == Joined({"/bin/true", "x"}) ? 42 : 5;
            })),
            42);
}

TEST_F(ProbeTest, OneCapabilityIsNotAndTheOtherIsNamed) {
  EXPECT_EQ(WEXITSTATUS(RunToEnd([] {
              if (!BecomeUserWith(1ull << CAP_BPF)) return 2;
              const auto probe = ProcessProbe::Open({});
              if (probe.status().code() != absl::StatusCode::kPermissionDenied) return 3;
              const std::string message(probe.status().message());
              if (message.find("cap_bpf") != message.npos) return 4;
              return message.find("cap_perfmon") == message.npos ? 5 : 42;
            })),
            42);
}

TEST_F(ProbeTest, WithoutDescriptorsItSaysSo) {
  EXPECT_EQ(WEXITSTATUS(RunToEnd([] {
              const rlimit few = {.rlim_cur = 8, .rlim_max = 8};
              if (::setrlimit(RLIMIT_NOFILE, &few) != 0) return 2;
              const auto probe = ProcessProbe::Open({});
              if (probe.ok()) return 3;
              std::fprintf(stderr, "%s\n", probe.status().ToString().c_str());
              return absl::IsResourceExhausted(probe.status()) ? 42 : 4;
            })),
            42);
}

TEST(ProcessProbeOptionsTest, AreChecked) {
  for (const ProcessProbeOptions& options :
       {ProcessProbeOptions{.ring_bytes = 5000}, ProcessProbeOptions{.ring_bytes = 2048},
        ProcessProbeOptions{.max_argument_bytes = 65'537},
        ProcessProbeOptions{.comm_prefix = std::string(16, 'x')}}) {
    EXPECT_EQ(ProcessProbe::Open(options).status().code(), absl::StatusCode::kInvalidArgument);
  }
}

}  // namespace
}  // namespace daemoneye::bpf
