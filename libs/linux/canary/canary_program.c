// The canary: a process that ends at once. Without libc, so that its life costs next to nothing.

__attribute__((noreturn, used)) void _start(void) {
#if defined(__x86_64__)
  __asm__ volatile("syscall" : : "a"(231), "D"(0) : "rcx", "r11", "memory");  // exit_group(0)
#elif defined(__aarch64__)
  register long number __asm__("x8") = 94;
  register long code __asm__("x0") = 0;
  __asm__ volatile("svc #0" : : "r"(number), "r"(code) : "memory");
#else
#error "exit_group of this architecture"
#endif
  __builtin_unreachable();
}
