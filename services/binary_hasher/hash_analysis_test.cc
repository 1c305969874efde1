// Real files and processes, some of which change while they are hashed.

#include "services/binary_hasher/hash_analysis.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <optional>
#include <string>

#include "libs/base/fake_clock.h"
#include "libs/base/mutex.h"
#include "libs/base/unique_fd.h"
#include "libs/linux/procfs/process_reader.h"
#include "libs/linux/procfs/test_child.h"
#include "tests/support/processes.h"

namespace daemoneye::hasher {
namespace {

namespace fs = std::filesystem;
using base::operator+;
using procfs::TestChild;
using testing_support::Sha256OfFile;

constexpr char kAbc[] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
const std::string kOther(64, '0');

// A clock that does something when it is asked for the n-th time, as while a file is read.
class TellingClock final : public base::Clock {
 public:
  absl::Time Now() const override { return clock_.Now(); }
  base::Monotonic MonotonicNow() const override {
    ++asked_;
    if (asked_ == when_) what_();
    return clock_.MonotonicNow();
  }
  bool WaitUntil(base::CondVar& cv, base::Mutex& mu, base::Monotonic deadline) override
      REQUIRES(mu) {
    return clock_.WaitUntil(cv, mu, deadline);
  }
  void Advance(absl::Duration d) { clock_.Advance(d); }
  void At(int when, std::function<void()> what) {
    asked_ = 0;
    when_ = when;
    what_ = std::move(what);
  }

 private:
  base::FakeClock clock_;
  mutable int asked_ = 0;
  int when_ = -1;
  std::function<void()> what_;
};

// The deadline and the limits are asked for first, then the time before each chunk.
constexpr int kBehindTheFirstChunk = 5;

class HashAnalysisTest : public testing::Test {
 protected:
  HashAnalysisTest() : fs_(*procfs::ProcFs::Open("/proc")) {
    char name[] = "/tmp/hasher_XXXXXX";
    top_ = fs::canonical(::mkdtemp(name));
    root_ = top_ + "/root";
    fs::create_directory(root_);
    Configure("");
  }
  ~HashAnalysisTest() override { fs::remove_all(top_); }

  void Configure(const std::string& baseline, uint64_t max_file_bytes = 64 << 20) {
    HashSettings settings;
    settings.roots = {root_};
    settings.baseline = *Baseline::Parse(baseline);
    analysis_ = *HashAnalysis::Create("here", fs_, hasher_, {.max_file_bytes = max_file_bytes},
                                      clock_, std::move(settings));
  }
  std::string Write(const std::string& name, const std::string& text) const {
    const std::string path = name.starts_with('/') ? name : root_ + "/" + name;
    std::ofstream(path) << text;
    return path;
  }
  absl::StatusOr<v1::AnalysisResult> Analyze(const v1::AnalyzeRequest& request,
                                             const std::stop_token& stop = {}) {
    const absl::Status checked = analysis_->Check(request);
    if (!checked.ok()) return checked;
    return analysis_->Analyze(
        {.request = request, .deadline = clock_.MonotonicNow() + absl::Seconds(30), .stop = stop});
  }
  absl::StatusOr<v1::AnalysisResult> AnalyzeFile(const std::string& path,
                                                 const std::string& expected = "") {
    v1::AnalyzeRequest request;
    request.mutable_target()->set_path(path);
    if (!expected.empty()) {
      (*request.mutable_context()->mutable_parameters())["expected_sha256"] = expected;
    }
    return Analyze(request);
  }
  std::string KeyOf(pid_t pid) const {
    procfs::ProcessReader reader(fs_);
    EXPECT_TRUE(reader.Select(pid).ok());
    event::ProcessKey key;
    key.space = *event::MakeProcessKeySpace(fs_.boot_id(), fs_.pid_namespace_inode());
    key.pid = static_cast<uint32_t>(pid);
    key.start_ticks = reader.ReadStat()->start_ticks;
    return event::FormatProcessKey(key);
  }
  absl::StatusOr<v1::AnalysisResult> AnalyzeProcess(const std::string& key) {
    v1::AnalyzeRequest request;
    request.mutable_target()->set_process_key(key);
    return Analyze(request);
  }
  static std::string Text(const v1::AnalysisResult& result, const std::string& key) {
    const auto& fields = result.result().fields();
    return fields.contains(key) ? fields.at(key).string_value() : "(absent)";
  }
  static bool Flag(const v1::AnalysisResult& result, const std::string& key) {
    return result.result().fields().at(key).bool_value();
  }

  const procfs::ProcFs fs_;
  TellingClock clock_;
  file::FileHasher hasher_{64, clock_};
  std::string top_;
  std::string root_;
  std::unique_ptr<HashAnalysis> analysis_;
};

TEST_F(HashAnalysisTest, HashesAFileBelowItsRoots) {
  const auto result = AnalyzeFile(Write("abc", "abc"));
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(Text(*result, "sha256"), kAbc);
  EXPECT_EQ(Text(*result, "subject"), "file");
  EXPECT_EQ(Text(*result, "path"), root_ + "/abc");
  EXPECT_EQ(result->result().fields().at("size_bytes").number_value(), 3);
  struct stat st;
  ASSERT_EQ(::stat((root_ + "/abc").c_str(), &st), 0);
  EXPECT_EQ(Text(*result, "inode"), std::to_string(st.st_ino));
  EXPECT_FALSE(Flag(*result, "from_cache"));
  EXPECT_TRUE(result->authoritative());
  EXPECT_TRUE(result->completeness().complete());
  EXPECT_EQ(result->confidence(), 1);
  EXPECT_TRUE(Flag(*AnalyzeFile(root_ + "/abc"), "from_cache"));
}

TEST_F(HashAnalysisTest, TheVerdictIsTheBaselines) {
  const std::string path = Write("abc", "abc");
  EXPECT_EQ(AnalyzeFile(path)->verdict(), v1::ANALYSIS_VERDICT_UNKNOWN);
  Configure(kAbc + ("  " + path) + "\n");
  EXPECT_EQ(AnalyzeFile(path)->verdict(), v1::ANALYSIS_VERDICT_CLEAN);
  EXPECT_EQ(Text(*AnalyzeFile(path), "baseline_source"), "file");
  Configure(kOther + "  " + path + "\n");
  const auto differs = AnalyzeFile(path);
  EXPECT_EQ(differs->verdict(), v1::ANALYSIS_VERDICT_SUSPICIOUS);
  EXPECT_EQ(Text(*differs, "baseline"), "differs");
  EXPECT_EQ(Text(*differs, "expected_sha256"), kOther);
  Configure(kOther + "  " + path + "\n" + kAbc + "  " + path + "\n");
  EXPECT_EQ(AnalyzeFile(path)->verdict(), v1::ANALYSIS_VERDICT_CLEAN) << "listed twice";
  // What the request expects counts more.
  EXPECT_EQ(AnalyzeFile(path, kOther)->verdict(), v1::ANALYSIS_VERDICT_SUSPICIOUS);
  std::string upper = kAbc;
  for (char& c : upper) c = static_cast<char>(::toupper(c));
  EXPECT_EQ(AnalyzeFile(path, upper)->verdict(), v1::ANALYSIS_VERDICT_CLEAN);
  EXPECT_EQ(Text(*AnalyzeFile(path, upper), "baseline_source"), "parameter");
}

TEST_F(HashAnalysisTest, WhatIsNotThereAndWhatMayNotBeLookedAtReadTheSame) {
  Write(top_ + "/outside", "abc");
  fs::create_symlink("/etc/passwd", root_ + "/link");
  fs::create_directory_symlink("/etc", root_ + "/linked");
  fs::create_directory(root_ + "/directory");
  ASSERT_EQ(::mkfifo((root_ + "/fifo").c_str(), 0600), 0);
  for (const std::string& path :
       {root_ + "/none", root_ + "/link", root_ + "/linked/passwd", root_ + "/directory",
        root_ + "/fifo", root_, top_ + "/outside", std::string("/etc/passwd"),
        std::string("/proc/self/exe"), std::string("/dev/zero")}) {
    EXPECT_EQ(AnalyzeFile(path).status(), file::NoSuchTarget()) << path;
  }
  v1::AnalyzeRequest elsewhere;
  elsewhere.mutable_target()->set_path(Write("abc", "abc"));
  elsewhere.mutable_target()->set_host("elsewhere");
  EXPECT_EQ(Analyze(elsewhere).status(), file::NoSuchTarget());
  elsewhere.mutable_target()->set_host("here");
  EXPECT_TRUE(Analyze(elsewhere).ok());
}

TEST_F(HashAnalysisTest, RefusesTenGigabytesByTheirSize) {
  const std::string path = Write("sparse", "");
  fs::resize_file(path, uint64_t{10} << 30);
  EXPECT_EQ(AnalyzeFile(path).status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(hasher_.statistics().hashed_bytes, 0u);
}

TEST_F(HashAnalysisTest, TellsNoVerdictOfAFileThatWasSwappedOrWrittenMeanwhile) {
  const std::string text(600'000, 'a');
  const struct {
    const char* what;
    int when;  // 1: it has been opened, and nothing been read
    std::function<void(const std::string&)> change;
  } cases[] = {
      {"renamed over before", 1,
       [&](const auto& path) { fs::rename(Write(top_ + "/new", "x"), path); }},
      {"renamed over during", kBehindTheFirstChunk,
       [&](const auto& path) { fs::rename(Write(top_ + "/new", "x"), path); }},
      {"written during", kBehindTheFirstChunk,
       [](const auto& path) { std::fstream(path, std::ios::in | std::ios::out) << "b"; }},
      {"removed", 1, [](const auto& path) { fs::remove(path); }},
      {"replaced by a link", 1,
       [](const auto& path) {
         fs::remove(path);
         fs::create_symlink("/etc/passwd", path);
       }},
  };
  for (const auto& c : cases) {
    const std::string path = Write("swapped", text);
    const std::string digest = Sha256OfFile(path);
    // The first question is the test's own, for the deadline.
    clock_.At(c.when + 1, [&] { c.change(path); });
    const auto result = AnalyzeFile(path, digest);
    ASSERT_TRUE(result.ok()) << c.what << result.status();
    EXPECT_FALSE(result->authoritative()) << c.what;
    EXPECT_EQ(result->verdict(), v1::ANALYSIS_VERDICT_UNKNOWN) << c.what;
    EXPECT_LT(result->confidence(), 1) << c.what;
    EXPECT_FALSE(result->completeness().complete()) << c.what;
    fs::remove(path);
  }
}

TEST_F(HashAnalysisTest, HashesWhatAProcessRuns) {
  const std::string path = root_ + "/program";
  TestChild::CopyProgram(path);
  const std::string digest = Sha256OfFile(path);
  Configure(digest + "  " + path + "\n");
  const TestChild child(path);
  const auto result = AnalyzeProcess(KeyOf(child.pid()));
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(Text(*result, "sha256"), digest);
  EXPECT_EQ(Text(*result, "subject"), "process");
  EXPECT_EQ(Text(*result, "path"), path);
  EXPECT_EQ(Text(*result, "process_key"), KeyOf(child.pid()));
  EXPECT_EQ(Text(*result, "on_disk"), "same");
  EXPECT_FALSE(Flag(*result, "on_disk_mismatch"));
  EXPECT_TRUE(Flag(*result, "running"));
  EXPECT_TRUE(result->authoritative());
  EXPECT_EQ(result->verdict(), v1::ANALYSIS_VERDICT_CLEAN);
}

TEST_F(HashAnalysisTest, AProcessIsHashedWhereverItsImageIs) {
  const std::string path = top_ + "/program";  // below no root
  TestChild::CopyProgram(path);
  const TestChild child(path);
  EXPECT_EQ(Text(*AnalyzeProcess(KeyOf(child.pid())), "sha256"), Sha256OfFile(path));
}

TEST_F(HashAnalysisTest, HashesTheImageThatRunsNotWhatStandsAtItsPath) {
  const std::string path = root_ + "/program";
  TestChild::CopyProgram(path);
  const std::string digest = Sha256OfFile(path);
  Configure(digest + "  " + path + "\n");
  const TestChild child(path);
  const std::string key = KeyOf(child.pid());
  fs::rename(Write(top_ + "/innocent", "abc"), path);
  auto result = AnalyzeProcess(key);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(Text(*result, "sha256"), digest);
  EXPECT_EQ(Text(*result, "on_disk"), "replaced");
  EXPECT_TRUE(Flag(*result, "on_disk_mismatch"));
  EXPECT_EQ(Text(*result, "on_disk_sha256"), kAbc);
  // The same program in a new file is no mismatch: a package installed again.
  TestChild::CopyProgram(top_ + "/again");
  fs::rename(top_ + "/again", path);
  result = AnalyzeProcess(key);
  EXPECT_EQ(Text(*result, "on_disk"), "replaced");
  EXPECT_FALSE(Flag(*result, "on_disk_mismatch"));
  fs::remove(path);
  result = AnalyzeProcess(key);
  EXPECT_EQ(Text(*result, "sha256"), digest) << "removed, and it runs on";
  EXPECT_EQ(Text(*result, "on_disk"), "missing");
  EXPECT_TRUE(Flag(*result, "on_disk_mismatch"));
}

TEST_F(HashAnalysisTest, HashesAnImageThatNeverHadAPath) {
  const base::UniqueFd program(::open(TestChild::ProgramPath().c_str(), O_RDONLY | O_CLOEXEC));
  const int memfd = ::memfd_create("innocent", 0);
  ASSERT_GE(memfd, 0);
  struct stat st;
  ASSERT_EQ(::fstat(program.get(), &st), 0);
  std::string bytes(static_cast<size_t>(st.st_size), '\0');
  ASSERT_EQ(::pread(program.get(), bytes.data(), bytes.size(), 0), st.st_size);
  ASSERT_EQ(::write(memfd, bytes.data(), bytes.size()), st.st_size);
  {
    const TestChild child("innocent", {}, memfd);
    const auto result = AnalyzeProcess(KeyOf(child.pid()));
    ASSERT_TRUE(result.ok()) << result.status();
    EXPECT_EQ(Text(*result, "sha256"), Sha256OfFile(TestChild::ProgramPath()));
    EXPECT_TRUE(Flag(*result, "memfd"));
    EXPECT_EQ(Text(*result, "on_disk"), "none");
    EXPECT_EQ(Text(*result, "baseline"), "none");
  }
  ::close(memfd);
}

TEST_F(HashAnalysisTest, AnotherProcessUnderThatPidIsNoTarget) {
  const TestChild child(TestChild::ProgramPath());
  const event::ProcessKey key = *event::ParseProcessKey(KeyOf(child.pid()));
  const struct {
    const char* what;
    std::function<void(event::ProcessKey&)> change;
  } cases[] = {
      {"began later", [](auto& k) { ++k.start_ticks; }},
      {"began earlier", [](auto& k) { --k.start_ticks; }},
      {"of another boot", [](auto& k) { ++k.space.boot_id_high; }},
      {"of another pid namespace", [](auto& k) { ++k.space.pid_namespace; }},
      {"no pid", [](auto& k) { k.pid = 0; }},
      {"beyond all pids", [](auto& k) { k.pid = ~uint32_t{0}; }},
  };
  for (const auto& c : cases) {
    event::ProcessKey changed = key;
    c.change(changed);
    EXPECT_EQ(AnalyzeProcess(event::FormatProcessKey(changed)).status(), file::NoSuchTarget())
        << c.what;
  }
  v1::AnalyzeRequest other_pid;
  other_pid.mutable_target()->set_process_key(event::FormatProcessKey(key));
  other_pid.mutable_target()->set_pid(key.pid + 1);
  EXPECT_EQ(Analyze(other_pid).status(), file::NoSuchTarget());
}

TEST_F(HashAnalysisTest, APidAloneIsWhoHasItUnlessTheEventKnowsBetter) {
  const TestChild child(TestChild::ProgramPath());
  v1::AnalyzeRequest request;
  request.mutable_target()->set_pid(static_cast<uint32_t>(child.pid()));
  const auto result = Analyze(request);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(Text(*result, "process_key"), KeyOf(child.pid()));
  v1::ProcessEvent& event = *request.mutable_context()->mutable_event()->mutable_process();
  event.set_pid(static_cast<uint32_t>(child.pid()));
  event.set_process_key(KeyOf(child.pid()));
  EXPECT_TRUE(Analyze(request).ok());
  event::ProcessKey earlier = *event::ParseProcessKey(KeyOf(child.pid()));
  --earlier.start_ticks;
  event.set_process_key(event::FormatProcessKey(earlier));
  EXPECT_EQ(Analyze(request).status(), file::NoSuchTarget());
}

TEST_F(HashAnalysisTest, AProcessThatHasEndedOrHasNoImageIsNoTarget) {
  TestChild child(TestChild::ProgramPath());
  const std::string key = KeyOf(child.pid());
  child.Kill();  // a zombie
  EXPECT_EQ(AnalyzeProcess(key).status(), file::NoSuchTarget());
  child.Reap();
  EXPECT_EQ(AnalyzeProcess(key).status(), file::NoSuchTarget());
}

TEST_F(HashAnalysisTest, AProcessThatEndsWhileItIsHashedIsStillTheOneThatWasOpened) {
  const std::string path = root_ + "/program";
  TestChild::CopyProgram(path);
  const std::string digest = Sha256OfFile(path);
  auto child = std::make_unique<TestChild>(path);
  const std::string key = KeyOf(child->pid());
  clock_.At(4, [&] {
    child.reset();
    fs::remove(path);
    Write(path, "another");
  });
  const auto result = AnalyzeProcess(key);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_FALSE(Flag(*result, "running"));
  // Its removal moved the image's ctime, which might as well have been a change of its content.
  EXPECT_FALSE(result->authoritative());
  EXPECT_EQ(Text(*result, "sha256"), "(absent)");

  TestChild::CopyProgram(path);
  child = std::make_unique<TestChild>(path);
  const std::string next = KeyOf(child->pid());
  clock_.At(4, [&] { child.reset(); });
  const auto ended = AnalyzeProcess(next);
  ASSERT_TRUE(ended.ok()) << ended.status();
  EXPECT_FALSE(Flag(*ended, "running"));
  EXPECT_EQ(Text(*ended, "sha256"), digest);
  EXPECT_TRUE(ended->authoritative());
}

// A process that runs this test's image until it is told to run TestChild's.
class ExecLater {
 public:
  ExecLater() {
    int input[2];
    int done[2];
    EXPECT_EQ(::pipe2(input, O_CLOEXEC), 0);
    EXPECT_EQ(::pipe2(done, O_CLOEXEC), 0);
    const std::string program = TestChild::ProgramPath();
    pid_ = ::fork();
    if (pid_ == 0) {
      char byte;
      ::dup2(input[0], 0);
      ::dup2(open("/dev/null", O_WRONLY), 1);
      ::close(input[1]);
      if (::read(0, &byte, 1) == 1) ::execl(program.c_str(), program.c_str(), nullptr);
      ::_exit(1);
    }
    ::close(input[0]);
    ::close(done[1]);
    input_.Reset(input[1]);
    done_.Reset(done[0]);
  }
  ~ExecLater() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  pid_t pid() const { return pid_; }
  // Returns when the other program runs: its end of the pipe was closed by the exec.
  void Exec() const {
    char byte = 'x';
    EXPECT_EQ(::write(input_.get(), &byte, 1), 1);
    EXPECT_EQ(::read(done_.get(), &byte, 1), 0);
  }

 private:
  pid_t pid_ = -1;
  base::UniqueFd input_, done_;
};

TEST_F(HashAnalysisTest, AProcessThatBeginsAnotherProgramMeanwhileHasNoVerdict) {
  const ExecLater process;
  Configure("", 1 << 30);
  clock_.At(4, [&] { process.Exec(); });
  const auto result = AnalyzeProcess(KeyOf(process.pid()));
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_FALSE(result->authoritative());
  EXPECT_EQ(result->verdict(), v1::ANALYSIS_VERDICT_UNKNOWN);
  EXPECT_EQ(Text(*result, "sha256"), Sha256OfFile(fs::read_symlink("/proc/self/exe")))
      << "of what it ran when it was opened";
}

TEST_F(HashAnalysisTest, EndsWhenNobodyWaitsAnyMore) {
  v1::AnalyzeRequest request;
  request.mutable_target()->set_path(Write("abc", std::string(600'000, 'a')));
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(Analyze(request, stop.get_token()).status().code(), absl::StatusCode::kCancelled);
  clock_.At(4, [&] { clock_.Advance(absl::Seconds(31)); });
  EXPECT_EQ(Analyze(request).status().code(), absl::StatusCode::kDeadlineExceeded);
}

TEST_F(HashAnalysisTest, NamesTheFieldThatIsWrong) {
  using Request = v1::AnalyzeRequest;
  const struct {
    const char* field;
    std::function<void(Request&)> set;
  } cases[] = {
      {"target.process_key: ", [](Request& r) { r.mutable_target()->set_process_key("42"); }},
      {"target.pid: ", [](Request& r) { r.mutable_target()->set_pid(0); }},
      {"target.pid: ", [](Request& r) { r.mutable_target()->set_pid(~uint32_t{0}); }},
      {"context.parameters[\"expected_sha256\"]: ",
       [](Request& r) {
         r.mutable_target()->set_path("/usr/bin/true");
         (*r.mutable_context()->mutable_parameters())["expected_sha256"] = "abc";
       }},
  };
  for (const auto& c : cases) {
    Request request;
    c.set(request);
    const absl::Status status = Analyze(request).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << c.field;
    EXPECT_THAT(std::string(status.message()), testing::StartsWith(c.field));
  }
}

TEST_F(HashAnalysisTest, TakesOtherRootsAndAnotherBaselineWhileItRuns) {
  const std::string path = Write(top_ + "/outside", "abc");
  EXPECT_FALSE(AnalyzeFile(path).ok());
  analysis_->SetSettings({.roots = {top_}, .baseline = *Baseline::Parse(kAbc + ("  " + path))});
  EXPECT_EQ(AnalyzeFile(path)->verdict(), v1::ANALYSIS_VERDICT_CLEAN);
}

}  // namespace
}  // namespace daemoneye::hasher
