// LibbpfLog: what libbpf says while this thread holds one, instead of on stderr.
//
// libbpf's error numbers are few and its words many: a verifier's refusal, a type that the kernel
// lacks. Once a LibbpfLog was made, libbpf prints nothing for the whole process.
//
// Threads:    that which made it.
#pragma once

#include <string>
#include <string_view>

namespace daemoneye::bpf {

class LibbpfLog {
 public:
  LibbpfLog();
  ~LibbpfLog();
  LibbpfLog(const LibbpfLog&) = delete;
  LibbpfLog& operator=(const LibbpfLog&) = delete;

  // The last lines, on one, cut to a length that fits a message; empty when it said nothing.
  std::string Excerpt() const;

  void Append(std::string_view text);

 private:
  std::string text_;
  LibbpfLog* outer_;
};

}  // namespace daemoneye::bpf
