// LoadSource: the machine's load average (/proc/loadavg, proc(5)) as a measurement ten times a
// second.
//
// Threads:    owns one between Start and Stop.
// Ownership:  borrows the clock.
#pragma once

#include <memory>

#include "libs/base/clock.h"
#include "libs/collector/event_source.h"

namespace daemoneye::example {

std::unique_ptr<collector::EventSource> MakeLoadSource(base::Clock& clock);

}  // namespace daemoneye::example
