#include "services/collector_gateway/process_struct.h"

#include <algorithm>
#include <string_view>

#include "absl/time/time.h"
#include "fmt/format.h"
#include "fmt/ranges.h"
#include "libs/event/event.h"
#include "libs/event/event_builder.h"

namespace daemoneye::gateway {
namespace {

constexpr size_t kMaxShortBytes = 256;
constexpr size_t kMaxNamed = 5;

std::string TimeText(absl::Time time) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%E*SZ", time, absl::UTCTimeZone());
}

std::string CommandLineOf(const v1::ProcessEvent& process) {
  return fmt::format("{}", fmt::join(process.command_line(), " "));
}

std::string_view ShortName(const v1::ProcessEvent& process) {
  return process.has_name() ? std::string_view(process.name()) : "(no name)";
}

}  // namespace

Struct DescribeOrigin(const v1::Origin& origin) {
  Struct out;
  PutText("monitor", origin.monitor(), out);
  PutText("host", origin.host(), out);
  PutText("stream_id", origin.stream_id(), out);
  PutNumber("sequence", static_cast<double>(origin.sequence()), out);
  return out;
}

Struct DescribeProcess(const KnownProcess& known) {
  const v1::ProcessEvent& process = known.event.process();
  Struct out;
  PutText("process_key", process.process_key(), out);
  if (process.has_pid()) PutNumber("pid", process.pid(), out);
  PutText("name", process.name(), out);
  PutText("executable_path", process.executable_path(), out);
  PutText("command_line", CommandLineOf(process), out);
  PutText("host", known.event.origin().host(), out);
  PutText("monitor", known.event.origin().monitor(), out);
  if (process.has_start_time()) {
    PutText("start_time", TimeText(event::ToTime(process.start_time())), out);
  }
  if (known.end_ns.has_value()) {
    PutText("end_time", TimeText(absl::FromUnixNanos(*known.end_ns)), out);
  }
  PutBool("living", known.is_living, out);
  if (known.evidence.sequence() != 0) PutObject("origin", out) = DescribeOrigin(known.evidence);
  return out;
}

Struct DescribeEvent(const v1::CollectionEvent& event) {
  const v1::EventKind kind = event::KindOf(event);
  Struct out;
  PutText("time", TimeText(event::ToTime(event.event_time())), out);
  PutText("kind", event::KindName(kind), out);
  PutText("action", event::ActionName(kind, event::ActionOf(event)), out);
  PutText("source", event.source(), out);
  if (event.has_process()) {
    const v1::ProcessEvent& process = event.process();
    PutText("name", process.name(), out, kMaxShortBytes);
    PutText("executable_path", process.executable_path(), out, kMaxShortBytes);
    PutText("command_line", CommandLineOf(process), out, kMaxShortBytes);
    if (process.has_exit_code()) PutNumber("exit_code", process.exit_code(), out);
    if (process.has_suspicion()) PutText("suspicion", process.suspicion().rule(), out);
  } else if (event.has_network()) {
    const v1::NetworkEvent& network = event.network();
    PutText("protocol", network.protocol(), out, kMaxShortBytes);
    PutText("destination_address", network.destination_address(), out, kMaxShortBytes);
    if (network.has_destination_port()) {
      PutNumber("destination_port", network.destination_port(), out);
    }
  } else if (event.has_filesystem()) {
    PutText("path", event.filesystem().path(), out, kMaxShortBytes);
  }
  PutObject("origin", out) = DescribeOrigin(event.origin());
  return out;
}

std::string ChainText(const KnownProcess& known, const Ancestry& ancestry) {
  const v1::ProcessEvent& process = known.event.process();
  std::string text(ShortName(process));
  if (process.has_pid()) text += fmt::format(" (pid {})", process.pid());
  const size_t named = std::min(ancestry.processes.size(), kMaxNamed);
  for (size_t i = 0; i < named; ++i) {
    text += fmt::format(" under {}", ShortName(ancestry.processes[i].event.process()));
  }
  if (ancestry.processes.size() > named) text += " ...";
  return text;
}

}  // namespace daemoneye::gateway
