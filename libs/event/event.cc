#include "libs/event/event.h"

#include <array>

namespace daemoneye::event {
namespace {

template <size_t kSize>
std::string_view At(const std::array<std::string_view, kSize>& names, int number) {
  return number >= 0 && static_cast<size_t>(number) < kSize ? names[number] : std::string_view();
}

constexpr std::array<std::string_view, 8> kProcessActions = {
    "", "SNAPSHOT", "START", "EXEC", "STOP", "MODIFIED", "SUSPICIOUS", "SAMPLE"};
constexpr std::array<std::string_view, 7> kNetworkActions = {
    "", "SNAPSHOT", "CONNECT", "ACCEPT", "LISTEN", "CLOSE", "STATE"};
constexpr std::array<std::string_view, 8> kFilesystemActions = {
    "", "CREATE", "MODIFY", "DELETE", "ACCESS", "MOVE", "ATTRIB", "EXECUTE"};

}  // namespace

v1::EventKind KindOf(const Event& event) {
  switch (event.payload_case()) {
    case Event::kProcess:
      return v1::EVENT_KIND_PROCESS;
    case Event::kNetwork:
      return v1::EVENT_KIND_NETWORK;
    case Event::kFilesystem:
      return v1::EVENT_KIND_FILESYSTEM;
    case Event::kPerformance:
      return v1::EVENT_KIND_PERFORMANCE;
    case Event::kTriggerRequest:
      return v1::EVENT_KIND_TRIGGER_REQUEST;
    case Event::kLoss:
      return v1::EVENT_KIND_LOSS;
    case Event::kControl:
      return v1::EVENT_KIND_CONTROL;
    case Event::PAYLOAD_NOT_SET:
      break;
  }
  return v1::EVENT_KIND_UNSPECIFIED;
}

int ActionOf(const Event& event) {
  switch (event.payload_case()) {
    case Event::kProcess:
      return event.process().action();
    case Event::kNetwork:
      return event.network().action();
    case Event::kFilesystem:
      return event.filesystem().action();
    default:
      return 0;
  }
}

std::string_view KindName(v1::EventKind kind) {
  static constexpr std::array<std::string_view, 8> kNames = {
      "unknown", "process", "network", "filesystem", "performance", "trigger", "loss", "control"};
  const std::string_view name = At(kNames, kind);
  return name.empty() ? "unknown" : name;
}

std::string_view ActionName(v1::EventKind kind, int action) {
  switch (kind) {
    case v1::EVENT_KIND_PROCESS:
      return At(kProcessActions, action);
    case v1::EVENT_KIND_NETWORK:
      return At(kNetworkActions, action);
    case v1::EVENT_KIND_FILESYSTEM:
      return At(kFilesystemActions, action);
    case v1::EVENT_KIND_PERFORMANCE:
      return action == 0 ? "METRIC" : "";
    case v1::EVENT_KIND_TRIGGER_REQUEST:
      return action == 0 ? "REQUEST" : "";
    case v1::EVENT_KIND_LOSS:
      return action == 0 ? "LOST" : "";
    default:
      return "";
  }
}

std::string_view SubjectOf(const Event& event) {
  if (event.has_process()) return event.process().process_key();
  if (event.has_network()) return event.network().connection_id();
  return "";
}

std::optional<uint32_t> PidOf(const Event& event) {
  const auto pid_of = [](const auto& payload) {
    return payload.has_pid() ? std::optional<uint32_t>(payload.pid()) : std::nullopt;
  };
  switch (event.payload_case()) {
    case Event::kProcess:
      return pid_of(event.process());
    case Event::kNetwork:
      return pid_of(event.network());
    case Event::kFilesystem:
      return pid_of(event.filesystem());
    case Event::kPerformance:
      return pid_of(event.performance());
    case Event::kTriggerRequest:
      if (!event.trigger_request().has_target_pid()) return std::nullopt;
      return event.trigger_request().target_pid();
    default:
      return std::nullopt;
  }
}

std::string_view ProcessKeyOf(const Event& event) {
  switch (event.payload_case()) {
    case Event::kProcess:
      return event.process().process_key();
    case Event::kNetwork:
      return event.network().process_key();
    case Event::kFilesystem:
      return event.filesystem().process_key();
    case Event::kPerformance:
      return event.performance().process_key();
    case Event::kTriggerRequest:
      return event.trigger_request().target_process_key();
    default:
      return "";
  }
}

bool IsSnapshot(const Event& event) {
  return (event.has_process() && event.process().action() == v1::PROCESS_ACTION_SNAPSHOT) ||
         (event.has_network() && event.network().action() == v1::NETWORK_ACTION_SNAPSHOT);
}

bool EndsSubject(const Event& event) {
  return (event.has_process() && event.process().action() == v1::PROCESS_ACTION_STOP) ||
         (event.has_network() && event.network().action() == v1::NETWORK_ACTION_CLOSE);
}

bool IsSample(const Event& event) {
  return event.has_process() && event.process().action() == v1::PROCESS_ACTION_SAMPLE;
}

bool IsOwn(const Event& event) { return event.has_process() && event.process().own(); }

}  // namespace daemoneye::event
