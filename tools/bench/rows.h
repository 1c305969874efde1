// The rows of the bench table, by subject.
#pragma once

#include <string>

#include "tools/bench/table.h"

namespace daemoneye::bench {

// Where the programs are that rows run, and how long they may take.
struct Setting {
  std::string bin;  // folder with services/ and libs/, such as bazel-bin
  std::string self;
  // How many times each comparison is made; the median counts.
  int rounds = 3;
  // Of the rows that watch a server for a while.
  int watch_seconds = 60;
};

// A scan of 500 and 5,000 processes against a bare reader of the same files, and against ps.
void AddScanRows(const Setting& setting, Table& table);
// Streams against a bare typed gRPC stream of the same bytes.
void AddStreamRows(const Setting& setting, Table& table);
// Through the real gateway, against one hop.
void AddHopRows(const Setting& setting, Table& table);
// Publishing against serialising alone.
void AddBusRows(const Setting& setting, Table& table);
// Storing events against SQLite alone.
void AddStoreRows(const Setting& setting, Table& table);
// Hashing files against openssl.
void AddHashRows(const Setting& setting, Table& table);
// What triggers cost an event, against SQLite asked for each event and trigger.
void AddTriggerRows(const Setting& setting, Table& table);
// From an event of a monitor to its alert in a file, through the real gateway.
void AddAlertRows(const Setting& setting, Table& table);
// Workflows of the real gateway: a stage, the whole chain, what executions leave behind.
void AddWorkflowRows(const Setting& setting, Table& table);
// The real gateway with a store and 100 triggers at 5,000 events a second: memory, CPU, accounting.
void AddSoakRows(const Setting& setting, Table& table);
// The real procmond: CPU and memory, idle and at 1,000 events a second; the time it takes to end.
void AddServerRows(const Setting& setting, Table& table);

// Every exec on the machine, beside execsnoop, forkstat and auditd: cost, delay, loss.
void AddExecRows(const Setting& setting, Table& table);

}  // namespace daemoneye::bench
