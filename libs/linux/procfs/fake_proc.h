// FakeProc: a procfs tree of plain files that a test makes, changes and takes apart.
//
// ProcFs::Open(fake.root()) reads it like the kernel's. Removed with its directory by the
// destructor. Every failure to write ends the test program.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace daemoneye::procfs {

// What the kernel would tell of a process, for the fields that readers use.
struct FakeProcess {
  pid_t pid = 0;
  std::string comm = "fake";
  char state = 'S';
  pid_t ppid = 1;
  uint32_t tty_nr = 0;
  uint32_t flags = 0;
  uint64_t utime_ticks = 0;
  uint64_t stime_ticks = 0;
  uint64_t start_ticks = 0;
  uint64_t rss_pages = 100;
  // An exec moves it. 0: as for who may not trace the process.
  uint64_t start_stack = 0;
  // In the middle of an exec: its image laid out nowhere, and its command line is empty whatever
  // `cmdline` is.
  bool is_in_exec = false;
  int exit_code = 0;
  uint32_t uid = 0;
  // Raw, with the NULs.
  std::string cmdline = std::string("fake\0", 5);
  // Text of the link; empty for none.
  std::string exe = "/usr/bin/fake";
  std::string cwd = "/";
  std::string cgroup = "0::/\n";
  uint32_t login_uid = 4294967295;
};

class FakeProc {
 public:
  static constexpr std::string_view kBootId = "01234567-89ab-cdef-0123-456789abcdef";
  static constexpr uint64_t kPidNamespace = 4026531836;
  static constexpr int64_t kBootTimeSeconds = 1'700'000'000;

  // The machine's own files, and no process.
  FakeProc();
  ~FakeProc();
  FakeProc(const FakeProc&) = delete;
  FakeProc& operator=(const FakeProc&) = delete;

  const std::string& root() const { return root_; }

  // Adds `process`, or writes all its files anew.
  void Put(const FakeProcess& process);
  void Remove(pid_t pid);

  // `path` is below the root, such as "42/stat"; replaces what is there.
  void WriteFile(const std::string& path, std::string_view content);
  void WriteLink(const std::string& path, const std::string& target);
  void RemovePath(const std::string& path);

  // Copies the recorded tree at `directory`, whose symbolic links are lines "PATH TARGET" of a file
  // LINKS.
  void CopyRecorded(const std::string& directory);

  // Counters of /proc/stat.
  void SetForks(uint64_t processes_started_count);

 private:
  std::string root_;
};

}  // namespace daemoneye::procfs
