#include "libs/linux/bpf/libbpf_log.h"

#include <bpf/libbpf.h>

#include <algorithm>
#include <cstdarg>
#include <cstdio>

#include "libs/base/text.h"

namespace daemoneye::bpf {
namespace {

constexpr size_t kKeptBytes = 4096;
constexpr size_t kExcerptBytes = 600;

thread_local LibbpfLog* g_log = nullptr;

int Print(enum libbpf_print_level level, const char* format, va_list arguments) {
  if (g_log == nullptr || level == LIBBPF_DEBUG) return 0;
  // A verifier's log is long, and says what matters at its end.
  std::string line(kKeptBytes, '\0');
  va_list again;
  va_copy(again, arguments);
  const int length = std::vsnprintf(line.data(), line.size(), format, arguments);
  if (length > 0 && static_cast<size_t>(length) >= line.size()) {
    line.resize(static_cast<size_t>(length) + 1);
    std::vsnprintf(line.data(), line.size(), format, again);
  }
  va_end(again);
  if (length > 0) g_log->Append(std::string_view(line.data(), static_cast<size_t>(length)));
  return 0;
}

}  // namespace

LibbpfLog::LibbpfLog() : outer_(g_log) {
  g_log = this;
  ::libbpf_set_print(&Print);
}

LibbpfLog::~LibbpfLog() { g_log = outer_; }

void LibbpfLog::Append(std::string_view text) {
  text_.append(text);
  if (text_.size() > kKeptBytes) text_.erase(0, text_.size() - kKeptBytes);
}

std::string LibbpfLog::Excerpt() const {
  std::string_view end = text_;
  if (end.size() > kExcerptBytes) end.remove_prefix(end.size() - kExcerptBytes);
  std::string line(end);
  while (!line.empty() && line.back() == '\n') line.pop_back();
  std::replace(line.begin(), line.end(), '\n', ';');
  return base::EscapeForTerminal(line);
}

}  // namespace daemoneye::bpf
