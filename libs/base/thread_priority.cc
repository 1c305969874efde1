#include "libs/base/thread_priority.h"

#include <sys/resource.h>
#include <unistd.h>

namespace daemoneye::base {
namespace {

constexpr int kNice = 10;

}  // namespace

void LowerThreadPriority() {
  // Of this thread alone, on Linux (setpriority(2)).
  static_cast<void>(::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), kNice));
}

}  // namespace daemoneye::base
