// A process as a stage's result tells it.
#pragma once

#include <string>

#include "google/protobuf/struct.pb.h"
#include "services/collector_gateway/process_lookup.h"
#include "services/collector_gateway/struct_fields.h"

namespace daemoneye::gateway {

// process_key, pid, name, executable_path, command_line, host, monitor, start_time, end_time,
// living, origin; texts of 1 KiB.
Struct DescribeProcess(const KnownProcess& process);

// An event in short: time, kind, action, source, and what tells it from others of the process.
Struct DescribeEvent(const v1::CollectionEvent& event);

// {monitor, host, stream_id, sequence}
Struct DescribeOrigin(const v1::Origin& origin);

// "sh (pid 7) under sshd under systemd", at most five of them.
std::string ChainText(const KnownProcess& process, const Ancestry& ancestry);

}  // namespace daemoneye::gateway
