// The program of TestChild: says that it is ready, and waits for the end of its input.

#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cstring>

namespace {

bool Cover(const char* directory) {
  return ::unshare(CLONE_NEWNS) == 0 &&
         ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
         ::mount("none", directory, "tmpfs", 0, nullptr) == 0;
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
    // From here on an empty directory covers this one, for itself alone.
    if (std::strncmp(argv[i], "cover=", 6) == 0 && !Cover(argv[i] + 6)) return 1;
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
