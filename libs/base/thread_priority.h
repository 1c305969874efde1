// What a thread may do for the others.
#pragma once

namespace daemoneye::base {

// Has the calling thread give way to those of ordinary priority, of this and every other program
// (nice 10). Without it the thread would only be less polite: a failure is ignored.
void LowerThreadPriority();

}  // namespace daemoneye::base
