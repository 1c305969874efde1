// Two threads write one integer without an order: ThreadSanitizer must report it.

#include <cstdio>
#include <thread>

int shared_value = 0;

int main() {
  std::thread other([] { shared_value = 1; });
  shared_value = 2;
  other.join();
  std::printf("%d\n", shared_value);
  return 0;
}
