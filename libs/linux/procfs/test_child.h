// TestChild: a real child process that stands still until the test lets it go.
//
// It runs the program test_child (or a copy of it), which says on its standard output that it is
// ready and ends when its standard input does.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "libs/base/unique_fd.h"

namespace daemoneye::procfs {

class TestChild {
 public:
  // Path of the program, from the test's data.
  static std::string ProgramPath();
  // A copy of it at `path`.
  static void CopyProgram(const std::string& path);

  // Starts the program at `path`, or where `image_fd` is given what it refers to, with `arguments`
  // behind its name, which test_child_main.cc knows. Returns when it is ready.
  explicit TestChild(const std::string& path, std::vector<std::string> arguments = {},
                     int image_fd = -1);
  // As Kill and Reap.
  ~TestChild();
  TestChild(const TestChild&) = delete;
  TestChild& operator=(const TestChild&) = delete;

  pid_t pid() const { return pid_; }
  // Kills it and waits until it is a zombie.
  void Kill();
  // Ends it altogether.
  void Reap();

 private:
  pid_t pid_ = 0;
  base::UniqueFd input_;
};

}  // namespace daemoneye::procfs
