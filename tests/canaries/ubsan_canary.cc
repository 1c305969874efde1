// Overflows a signed integer: UndefinedBehaviorSanitizer must stop it.

#include <climits>
#include <cstdio>

int main(int argc, char**) {
  volatile int largest = INT_MAX;
  std::printf("%d\n", largest + argc);
  return 0;
}
