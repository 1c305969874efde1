// CapturedStderr: what this process writes to stderr while it lives, for tests.
#pragma once

#include <unistd.h>

#include <cstdio>
#include <string>

#include "libs/base/unique_fd.h"

namespace daemoneye::logging {

class CapturedStderr {
 public:
  CapturedStderr() : saved_(dup(STDERR_FILENO)), file_(std::tmpfile()) {
    dup2(fileno(file_), STDERR_FILENO);
  }
  ~CapturedStderr() {
    Restore();
    std::fclose(file_);
  }

  // Ends the capture, and gives what was written.
  std::string Take() {
    Restore();
    std::string text;
    char buffer[4096];
    std::rewind(file_);
    for (size_t count; (count = std::fread(buffer, 1, sizeof(buffer), file_)) > 0;) {
      text.append(buffer, count);
    }
    return text;
  }

 private:
  void Restore() {
    if (saved_.valid()) dup2(saved_.get(), STDERR_FILENO);
    saved_.Reset();
  }

  base::UniqueFd saved_;
  std::FILE* file_;
};

}  // namespace daemoneye::logging
