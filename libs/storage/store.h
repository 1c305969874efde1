// Store: all that a server keeps over a restart, in one place.
//
// Threads: all methods from any.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "absl/status/status.h"
#include "libs/storage/alert_store.h"
#include "libs/storage/audit_log.h"
#include "libs/storage/event_store.h"
#include "libs/storage/execution_store.h"
#include "libs/storage/trigger_store.h"

namespace daemoneye::storage {

// Rows stored and let go of since the store was opened.
struct TableRows {
  uint64_t stored = 0;
  uint64_t pruned = 0;
};

class Store {
 public:
  virtual ~Store() = default;

  virtual EventStore& events() = 0;
  virtual AlertStore& alerts() = 0;
  virtual TriggerStore& triggers() = 0;
  virtual ExecutionStore& executions() = 0;
  virtual AuditLog& audit() = 0;

  // Ok, or why the last write failed (ResourceExhausted: the disk is full); Ok again after one that
  // did not.
  virtual absl::Status health() const = 0;

  // By the table's name; every table is there.
  virtual std::map<std::string, TableRows> rows() const = 0;
};

}  // namespace daemoneye::storage
