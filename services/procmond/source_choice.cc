#include "services/procmond/source_choice.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdlib>

namespace daemoneye::procmond {
namespace {

using privilege::Capability;
using privilege::CapabilitySet;

// Whether the settings leave a live source a chance; `word` is what `sources` calls it.
bool IsAllowed(const SourceSettings& settings, std::string_view word) {
  const auto names = [&](std::string_view name) {
    return std::ranges::count(settings.sources, name) > 0;
  };
  return settings.enable_event_driven && (names("auto") || names(word));
}

std::string LeftOut(const SourceSettings& settings, std::string_view word) {
  if (!settings.enable_event_driven) return "left out by enable_event_driven=false";
  return fmt::format("left out by sources={}; auto or {} would use it",
                     fmt::join(settings.sources, ","), word);
}

// Since 6.6 everybody may listen to the proc connector (drivers/connector/cn_proc.c).
bool ConnectorNeedsNetAdmin(const std::string& kernel_release) {
  char* end = nullptr;
  const long major = std::strtol(kernel_release.c_str(), &end, 10);
  const long minor = *end == '.' ? std::strtol(end + 1, nullptr, 10) : 0;
  return major < 6 || (major == 6 && minor < 6);
}

}  // namespace

bool SourceChoice::Uses(std::string_view source) const {
  return std::ranges::count(used, source) > 0;
}

std::string SourceChoice::UsedText() const {
  return fmt::format("{} (by {})", fmt::join(used, ", "),
                     scan_reader == ScanReader::kTaskIterator ? "the task iterator" : "/proc");
}

std::string SourceChoice::NotUsedText() const {
  std::string text;
  for (const NotUsed& source : not_used) {
    text += fmt::format("{}{}: {}", text.empty() ? "" : "; ", source.source, source.why);
  }
  return text;
}

SourceChoice ChooseSources(const SourceSettings& settings, const SourceSituation& situation) {
  SourceChoice choice;
  const absl::Status bpf = situation.bpf.Check();
  const auto consider = [&](std::string_view source, std::string_view word,
                            const absl::Status& can) {
    if (!IsAllowed(settings, word)) {
      choice.not_used.push_back({source, LeftOut(settings, word), false});
    } else if (!choice.used.empty()) {
      choice.not_used.push_back(
          {source, fmt::format("{} runs and sees more", choice.used.front()), false});
    } else if (!can.ok()) {
      choice.not_used.push_back({source, std::string(can.message()), true});
    } else {
      choice.used.push_back(source);
    }
  };
  consider(kExecSource, "exec", bpf);
  consider(kConnectorSource, "connector", situation.connector);
  choice.used.push_back(kScanSource);
  choice.scan_reader = bpf.ok() ? ScanReader::kTaskIterator : ScanReader::kProcFs;
  return choice;
}

CapabilitySet NeededCapabilities(const SourceSettings& settings, const bpf::BpfSupport& support) {
  // Scans, and enrichment: whose executable, directory and namespaces may be looked at, and files
  // that not everybody may read are hashed.
  CapabilitySet needed = {Capability::kSysPtrace, Capability::kDacReadSearch};
  // The task iterator is BPF as well.
  needed.Add(Capability::kBpf);
  needed.Add(Capability::kPerfmon);
  // It stands for both where they are not there.
  if (!support.has_cap_bpf || !support.has_cap_perfmon) needed.Add(Capability::kSysAdmin);
  // Where it is named its receive buffer is to be as large as is asked for, too.
  const bool is_named = std::ranges::count(settings.sources, "connector") > 0;
  if (IsAllowed(settings, "connector") &&
      (is_named || ConnectorNeedsNetAdmin(support.kernel_release))) {
    needed.Add(Capability::kNetAdmin);
  }
  return needed;
}

std::vector<std::string> LimitsOf(CapabilitySet kept) {
  std::vector<std::string> limits;
  if (!kept.Contains(Capability::kSysPtrace)) {
    limits.emplace_back(
        "capability cap_sys_ptrace is missing: what other users' processes run is not hashed, and "
        "/proc does not tell their executables, directories and namespaces");
  }
  if (!kept.Contains(Capability::kDacReadSearch)) {
    limits.emplace_back(
        "capability cap_dac_read_search is missing: executables that this user may not read are "
        "not hashed");
  }
  return limits;
}

}  // namespace daemoneye::procmond
