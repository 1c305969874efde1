// RunningEyectl: the real binary as a child of a test, its output and error in pipes.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "libs/base/unique_fd.h"

namespace daemoneye::eyectl {

struct Ended {
  int code = -1;  // 128 + signal where a signal ended it
  std::string out, err;
};

class RunningEyectl {
 public:
  explicit RunningEyectl(const std::vector<std::string>& args);
  // Kills what still runs.
  ~RunningEyectl();

  // Blocks until a whole line came.
  std::string ReadLine();
  void Signal(int signal) const;
  // Our end of its output: it gets a broken pipe.
  void CloseOutput();
  // Reads the rest of both pipes and waits for its end.
  Ended Wait();

 private:
  pid_t pid_ = -1;
  base::UniqueFd out_, err_;
  std::string read_;
};

// Runs it to its end.
Ended RunEyectlBinary(const std::vector<std::string>& args);

}  // namespace daemoneye::eyectl
