// The program of TestChild: says that it is ready, and waits for the end of its input.

#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>
#include <thread>

namespace {

bool Cover(const char* directory) {
  return ::unshare(CLONE_NEWNS) == 0 &&
         ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
         ::mount("none", directory, "tmpfs", 0, nullptr) == 0;
}

// Runs `other` with one exec less to do, and this program as what is to follow it.
void ExecAnother(const char* self, int execs, const char* other) {
  const std::string rest = "execs=" + std::to_string(execs - 1);
  ::execl(other, other, rest.c_str(), self, nullptr);
}

// The first thread ends with 3, and when it is a zombie another ends the process with 9.
void EndBehindFirstThread() {
  std::thread([] {
    char state = 0;
    while (state != 'Z') {
      std::ifstream file("/proc/self/stat");
      std::string text;
      std::getline(file, text);
      state = text.at(text.rfind(')') + 2);
    }
    ::_exit(9);
  }).detach();
  ::syscall(SYS_exit, 3);
}

}  // namespace

int main(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    if (std::strncmp(argv[i], "name=", 5) == 0) ::prctl(PR_SET_NAME, argv[i] + 5);
    if (std::strncmp(argv[i], "chroot=", 7) == 0 && ::chroot(argv[i] + 7) != 0) return 1;
    if (std::strncmp(argv[i], "proc=", 5) == 0 &&
        ::mount("proc", argv[i] + 5, "proc", 0, nullptr) != 0) {
      return 1;
    }
    // "execs=N OTHER": N execs, of OTHER and this program in turn.
    if (std::strncmp(argv[i], "execs=", 6) == 0 && i + 1 < argc) {
      const int execs = std::atoi(argv[i] + 6);
      if (execs > 0) ExecAnother(argv[0], execs, argv[i + 1]);
    }
    // From here on an empty directory covers this one, for itself alone.
    if (std::strncmp(argv[i], "cover=", 6) == 0 && !Cover(argv[i] + 6)) return 1;
    if (std::strcmp(argv[i], "headless") == 0) EndBehindFirstThread();
    // Writes a title over the arguments and leaves NULs behind it.
    if (std::strcmp(argv[i], "title") == 0) {
      std::memset(argv[0], 0, static_cast<size_t>(argv[i] - argv[0]) + 5);
      std::strcpy(argv[0], "a title");
      break;
    }
  }
  char byte = 'r';
  if (::write(STDOUT_FILENO, &byte, 1) != 1) return 1;
  while (::read(STDIN_FILENO, &byte, 1) > 0) {
  }
  return 0;
}
