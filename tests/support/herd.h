// Herd: many idle processes, started and ended together.
#pragma once

#include <string>

#include "libs/linux/procfs/test_child.h"

namespace daemoneye::testing_support {

class Herd {
 public:
  // Returns when all `count` live; they end with the object.
  explicit Herd(int count) : keeper_("tests/support/herd_main", {std::to_string(count)}) {}

  // The process that started them.
  pid_t pid() const { return keeper_.pid(); }

 private:
  procfs::TestChild keeper_;
};

}  // namespace daemoneye::testing_support
