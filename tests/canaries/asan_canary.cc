// Reads one byte behind a heap block: AddressSanitizer must stop it.

#include <cstdio>
#include <memory>

int main(int argc, char**) {
  const size_t size = static_cast<size_t>(argc) * 8;
  const auto block = std::make_unique<volatile char[]>(size);
  std::printf("%d\n", block[size]);
  return 0;
}
