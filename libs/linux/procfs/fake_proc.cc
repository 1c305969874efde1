#include "libs/linux/procfs/fake_proc.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <cstdio>
#include <filesystem>
#include <fstream>

namespace daemoneye::procfs {
namespace {

namespace fs = std::filesystem;

void Require(bool is_done, std::string_view what, const fs::path& path) {
  if (is_done) return;
  fmt::print(stderr, "FakeProc: cannot {} {}\n", what, path.string());
  std::abort();
}

std::string StatText(const FakeProcess& p) {
  const int code = p.is_in_exec ? 0 : 1;
  return fmt::format(
      "{} ({}) {} {} {} {} {} -1 {} 0 0 0 0 {} {} 0 0 20 0 1 0 {} 1000000 {} 18446744073709551615 "
      "{} {} {} 0 0 0 0 0 0 0 0 0 17 0 0 0 0 0 0 0 0 0 0 0 0 0 {}\n",
      p.pid, p.comm, p.state, p.ppid, p.pid, p.pid, p.tty_nr, p.flags, p.utime_ticks, p.stime_ticks,
      p.start_ticks, p.is_in_exec ? 0 : p.rss_pages, code, code, p.start_stack, p.exit_code);
}

std::string StatusText(const FakeProcess& p) {
  return fmt::format(
      "Name:\t{0}\nTgid:\t{1}\nPid:\t{1}\nPPid:\t{2}\nTracerPid:\t0\nUid:\t{3}\t{3}\t{3}\t{3}\n"
      "Gid:\t{3}\t{3}\t{3}\t{3}\nNSpid:\t{1}\nThreads:\t1\nCapInh:\t0000000000000000\n"
      "CapPrm:\t0000000000000000\nCapEff:\t0000000000000000\nCapBnd:\t000001ffffffffff\n"
      "CapAmb:\t0000000000000000\nNoNewPrivs:\t0\nSeccomp:\t0\n",
      p.comm, p.pid, p.ppid, p.uid);
}

}  // namespace

FakeProc::FakeProc() {
  root_ = fmt::format("{}/proc.XXXXXX", ::testing::TempDir());
  Require(::mkdtemp(root_.data()) != nullptr, "make", root_);
  WriteFile("sys/kernel/random/boot_id", fmt::format("{}\n", kBootId));
  SetForks(1000);
  WriteFile("self/status", "Uid:\t0\t0\t0\t0\nGid:\t0\t0\t0\t0\nNSpid:\t1\n");
  WriteLink("self/ns/pid", fmt::format("pid:[{}]", kPidNamespace));
}

FakeProc::~FakeProc() {
  std::error_code ignored;
  fs::remove_all(root_, ignored);
}

void FakeProc::SetForks(uint64_t processes_started_count) {
  WriteFile("stat", fmt::format("cpu  1 2 3 4\nintr 0\nbtime {}\nprocesses {}\nprocs_running 1\n"
                                "procs_blocked 0\n",
                                kBootTimeSeconds, processes_started_count));
}

void FakeProc::Put(const FakeProcess& process) {
  const std::string dir = std::to_string(process.pid);
  WriteFile(dir + "/stat", StatText(process));
  WriteFile(dir + "/status", StatusText(process));
  WriteFile(dir + "/cmdline", process.is_in_exec ? "" : process.cmdline);
  WriteFile(dir + "/cgroup", process.cgroup);
  WriteFile(dir + "/loginuid", std::to_string(process.login_uid));
  WriteLink(dir + "/root", "/");
  if (process.exe.empty()) {
    RemovePath(dir + "/exe");
  } else {
    WriteLink(dir + "/exe", process.exe);
  }
  WriteLink(dir + "/cwd", process.cwd);
  for (const char* kind : {"cgroup", "ipc", "mnt", "net", "time", "user", "uts"}) {
    WriteLink(fmt::format("{}/ns/{}", dir, kind), fmt::format("{}:[4026531000]", kind));
  }
  WriteLink(dir + "/ns/pid", fmt::format("pid:[{}]", kPidNamespace));
}

void FakeProc::Remove(pid_t pid) { RemovePath(std::to_string(pid)); }

void FakeProc::WriteFile(const std::string& path, std::string_view content) {
  const fs::path file = fs::path(root_) / path;
  fs::create_directories(file.parent_path());
  std::ofstream out(file, std::ios::binary | std::ios::trunc);
  out << content;
  out.close();
  Require(out.good(), "write", file);
}

void FakeProc::WriteLink(const std::string& path, const std::string& target) {
  const fs::path link = fs::path(root_) / path;
  fs::create_directories(link.parent_path());
  fs::remove(link);
  fs::create_symlink(target, link);
}

void FakeProc::RemovePath(const std::string& path) { fs::remove_all(fs::path(root_) / path); }

void FakeProc::CopyRecorded(const std::string& directory) {
  Require(fs::is_directory(directory), "find the recorded tree", directory);
  for (const auto& entry : fs::recursive_directory_iterator(directory)) {
    if (!entry.is_regular_file() || entry.path().filename() == "LINKS") continue;
    std::ifstream in(entry.path(), std::ios::binary);
    const std::string content((std::istreambuf_iterator<char>(in)),
                              std::istreambuf_iterator<char>());
    WriteFile(entry.path().lexically_relative(directory).string(), content);
  }
  std::ifstream links(directory + "/LINKS");
  for (std::string line; std::getline(links, line);) {
    const size_t space = line.find(' ');
    Require(space != std::string_view::npos, "read LINKS of", directory);
    WriteLink(line.substr(0, space), line.substr(space + 1));
  }
}

}  // namespace daemoneye::procfs
