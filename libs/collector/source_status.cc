#include "libs/collector/source_status.h"

namespace daemoneye::collector {

std::string_view SourceStateName(SourceState state) {
  switch (state) {
    case SourceState::kCreated:
      return "created";
    case SourceState::kStarting:
      return "starting";
    case SourceState::kRunning:
      return "running";
    case SourceState::kDegraded:
      return "degraded";
    case SourceState::kStopping:
      return "stopping";
    case SourceState::kStopped:
      return "stopped";
    case SourceState::kFailed:
      return "failed";
  }
  return "unknown";
}

}  // namespace daemoneye::collector
