// The program of TestChild: says that it is ready, and waits for the end of its input.

#include <sys/prctl.h>
#include <unistd.h>

#include <cstring>

int main(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    if (std::strncmp(argv[i], "name=", 5) == 0) ::prctl(PR_SET_NAME, argv[i] + 5);
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
