#include "libs/linux/netlink/proc_event_parser.h"

#include <fmt/format.h>
#include <linux/cn_proc.h>
#include <linux/connector.h>
#include <linux/netlink.h>

#include <algorithm>
#include <cstddef>
#include <cstring>

namespace daemoneye::netlink {
namespace {

constexpr size_t kHeaderBytes = NLMSG_HDRLEN + sizeof(cn_msg);
// Before 4.18 an exit was told without its parent.
constexpr size_t kExitBytes = offsetof(proc_event, event_data.exit.parent_pid);

absl::Status Broken(std::string_view what, size_t bytes) {
  return absl::DataLossError(fmt::format("proc connector: {} bytes={}", what, bytes));
}

// Bytes of the payload that a message of `kind` has at least.
size_t NeededBytes(ProcEventKind kind) {
  constexpr size_t kFixed = offsetof(proc_event, event_data);
  switch (kind) {
    case ProcEventKind::kAcknowledge:
      return kFixed + sizeof(proc_event::event_data.ack);
    case ProcEventKind::kFork:
      return kFixed + sizeof(proc_event::event_data.fork);
    case ProcEventKind::kUser:
    case ProcEventKind::kGroup:
      return kFixed + sizeof(proc_event::event_data.id);
    case ProcEventKind::kExit:
      return kExitBytes;
    case ProcEventKind::kExec:
    case ProcEventKind::kSession:
    case ProcEventKind::kTrace:
    case ProcEventKind::kName:
    case ProcEventKind::kCoreDump:
      return kFixed + sizeof(proc_event::event_data.exec);
  }
  return kFixed;
}

void SetFork(const proc_event& read, ProcEvent& event) {
  event.pid = static_cast<uint32_t>(read.event_data.fork.child_tgid);
  event.tid = static_cast<uint32_t>(read.event_data.fork.child_pid);
  event.parent_pid = static_cast<uint32_t>(read.event_data.fork.parent_tgid);
}

void SetIds(const proc_event& read, ProcEvent& event) {
  event.pid = static_cast<uint32_t>(read.event_data.id.process_tgid);
  event.tid = static_cast<uint32_t>(read.event_data.id.process_pid);
  event.real_id = read.event_data.id.r.ruid;
  event.effective_id = read.event_data.id.e.euid;
}

void SetExit(const proc_event& read, ProcEvent& event) {
  event.pid = static_cast<uint32_t>(read.event_data.exit.process_tgid);
  event.tid = static_cast<uint32_t>(read.event_data.exit.process_pid);
  event.parent_pid = static_cast<uint32_t>(read.event_data.exit.parent_tgid);
  event.wait_status = read.event_data.exit.exit_code;
}

ProcEvent EventOf(const proc_event& read) {
  ProcEvent event;
  event.kind = static_cast<ProcEventKind>(read.what);
  event.cpu = read.cpu;
  event.monotonic_ns = read.timestamp_ns;
  switch (event.kind) {
    case ProcEventKind::kAcknowledge:
      event.error = read.event_data.ack.err;
      break;
    case ProcEventKind::kFork:
      SetFork(read, event);
      break;
    case ProcEventKind::kExit:
      SetExit(read, event);
      break;
    case ProcEventKind::kUser:
    case ProcEventKind::kGroup:
      SetIds(read, event);
      break;
    case ProcEventKind::kExec:
    case ProcEventKind::kSession:
    case ProcEventKind::kTrace:
    case ProcEventKind::kName:
    case ProcEventKind::kCoreDump:
      // All of them begin with the same two.
      event.pid = static_cast<uint32_t>(read.event_data.exec.process_tgid);
      event.tid = static_cast<uint32_t>(read.event_data.exec.process_pid);
      break;
  }
  return event;
}

}  // namespace

absl::StatusOr<ProcMessage> ParseProcMessage(std::string_view datagram) {
  if (datagram.size() < kHeaderBytes) return Broken("shorter than its headers", datagram.size());
  nlmsghdr header;
  std::memcpy(&header, datagram.data(), sizeof header);
  cn_msg message;
  std::memcpy(&message, datagram.data() + NLMSG_HDRLEN, sizeof message);
  if (header.nlmsg_len > datagram.size() || header.nlmsg_len < kHeaderBytes ||
      message.len > header.nlmsg_len - kHeaderBytes) {
    return Broken("cut short", datagram.size());
  }
  if (message.id.idx != CN_IDX_PROC || message.id.val != CN_VAL_PROC) {
    return Broken("of another connector", datagram.size());
  }
  proc_event read = {};
  const size_t bytes = std::min<size_t>(message.len, sizeof read);
  std::memcpy(&read, datagram.data() + kHeaderBytes, bytes);
  if (bytes < NeededBytes(static_cast<ProcEventKind>(read.what))) {
    return Broken("too short for its kind", datagram.size());
  }
  return ProcMessage{.event = EventOf(read), .sequence = message.seq};
}

}  // namespace daemoneye::netlink
