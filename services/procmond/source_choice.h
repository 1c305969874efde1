// SourceChoice: which of procmond's event sources run here, and why a better one does not.
//
// In the order of what they see: process-exec (BPF: each fork, exec and exit with all there is to
// tell), process-connector (netlink: pids alone, so arguments race with the end), process-scan. One
// of the first two runs at a time, the best that can; process-scan always does, since it shows what
// was there before, and repairs what a live source lost.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "libs/linux/bpf/bpf_support.h"
#include "libs/linux/privilege/capability_set.h"

namespace daemoneye::procmond {

inline constexpr std::string_view kExecSource = "process-exec";
inline constexpr std::string_view kConnectorSource = "process-connector";
inline constexpr std::string_view kScanSource = "process-scan";

struct SourceSettings {
  // "auto", or which of exec, connector and scan may be used.
  std::vector<std::string> sources = {"auto"};
  // False: scans alone.
  bool enable_event_driven = true;
};

// What decides beside the settings.
struct SourceSituation {
  bpf::BpfSupport bpf;
  // OK, or why the proc connector cannot be used here.
  absl::Status connector;
};

enum class ScanReader {
  kProcFs,
  kTaskIterator,  // BPF
};

struct SourceChoice {
  struct NotUsed {
    std::string_view source;
    // What is missing and would mend it, or which setting leaves it out.
    std::string why;
    // The settings want it, and this machine or these privileges do not allow it.
    bool is_missed = false;
  };

  // Best first; process-scan is the last.
  std::vector<std::string_view> used;
  std::vector<NotUsed> not_used;
  ScanReader scan_reader = ScanReader::kProcFs;

  bool Uses(std::string_view source) const;
  // For the log: "process-exec, process-scan (by the task iterator)".
  std::string UsedText() const;
  // "process-connector: process-exec sees more"; with "; " between several.
  std::string NotUsedText() const;
};

SourceChoice ChooseSources(const SourceSettings& settings, const SourceSituation& situation);

// The capabilities that what the settings allow can need here, now or when it is opened again.
privilege::CapabilitySet NeededCapabilities(const SourceSettings& settings,
                                            const bpf::BpfSupport& support);

// What is not seen for want of a capability, each a sentence's part that names it; of those that
// keep a source from running ChooseSources tells.
std::vector<std::string> LimitsOf(privilege::CapabilitySet kept);

}  // namespace daemoneye::procmond
