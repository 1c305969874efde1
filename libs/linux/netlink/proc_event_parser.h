// Datagrams of the process events connector to structs: nlmsghdr, cn_msg, proc_event.
#pragma once

#include <cstdint>
#include <string_view>

#include "absl/status/statusor.h"
#include "libs/linux/netlink/proc_event.h"

namespace daemoneye::netlink {

struct ProcMessage {
  ProcEvent event;
  // Of the CPU's messages, those that nobody was told included; of an acknowledge, what was asked.
  uint32_t sequence = 0;
};

// DataLoss: cut short, or not of this connector. A kind that is not known is taken as it is,
// without its pids.
absl::StatusOr<ProcMessage> ParseProcMessage(std::string_view datagram);

}  // namespace daemoneye::netlink
