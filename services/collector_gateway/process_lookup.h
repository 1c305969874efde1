// ProcessLookup: what the gateway knows of a process: from the live table `processes`, and of one
// that is there no longer from the store.
//
// Threads:    any. Blocks for queries of the store.
// Ownership:  borrows all of Ports, which outlives it.
// Cost:       live: a look-up by key, and of each ancestor one more; a query of the store by key
//             where the live table knows no more.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "daemoneye/v1/analysis.pb.h"
#include "daemoneye/v1/event.pb.h"
#include "libs/base/clock.h"
#include "libs/storage/event_store.h"
#include "services/collector_gateway/live_query_tables.h"
#include "services/collector_gateway/query_engine.h"

namespace daemoneye::gateway {

struct KnownProcess {
  // The last word on it.
  v1::CollectionEvent event;
  bool is_living = true;
  // When it ended, ns since 1970, where that is known.
  std::optional<int64_t> end_ns;
  // An event of the log that tells of it: the last word, or what the store has where that is part
  // of a snapshot. Without a sequence: there is none.
  v1::Origin evidence;
};

struct Ancestry {
  // The parent first.
  std::vector<KnownProcess> processes;
  // Why it does not reach the first process; empty: it does.
  std::string gap;
};

class ProcessLookup {
 public:
  static constexpr size_t kMaxAncestors = 64;
  static constexpr size_t kMaxMatches = 20;

  struct Ports {
    // Shows the live tables. May be empty: nothing lives.
    ReadLive read_live;
    // Null: nothing is stored.
    const QueryEngine* queries = nullptr;
    const storage::EventStore* events = nullptr;
  };

  explicit ProcessLookup(Ports ports) : ports_(std::move(ports)) {}

  // The processes that `target` names: one by process_key, those with the pid on the host, or those
  // that run the path; living ones first, at most kMaxMatches. Empty: none is known.
  absl::StatusOr<std::vector<KnownProcess>> Find(const v1::AnalysisTarget& target,
                                                 absl::Duration timeout,
                                                 std::stop_token stop) const;

  // Up to the first process; a cycle ends it.
  absl::StatusOr<Ancestry> AncestorsOf(const KnownProcess& process, absl::Duration timeout,
                                       std::stop_token stop) const;

  // Living processes with the parent `parent_key` on `host`, but for `process_key`; at most
  // `max_processes`. `total` is how many there are.
  std::vector<KnownProcess> ChildrenOf(std::string_view parent_key, std::string_view except_key,
                                       size_t max_processes, size_t* total) const;

  // What the table hash_baseline says of a path on a host.
  struct Baseline {
    std::string hash;
    std::string algorithm;
    std::string source;
    std::optional<int64_t> first_seen_ns;
  };
  std::vector<Baseline> BaselineOf(std::string_view path, std::string_view host) const;

  // The last events of the process, the newest first, SAMPLE left out. FailedPrecondition: nothing
  // is stored.
  absl::StatusOr<std::vector<v1::CollectionEvent>> LastEvents(std::string_view process_key,
                                                              size_t max_events,
                                                              absl::Duration timeout,
                                                              std::stop_token stop) const;

  // The answer to one statement of ours, whole. FailedPrecondition: nothing is stored.
  absl::StatusOr<std::vector<v1::QueryRow>> Query(std::string sql, std::vector<v1::Cell> parameters,
                                                  absl::Duration timeout,
                                                  std::stop_token stop) const;

  // The oldest event that is stored; nullopt: none is.
  std::optional<absl::Time> oldest_stored() const;

 private:
  absl::StatusOr<std::vector<KnownProcess>> FindAll(const v1::AnalysisTarget& target,
                                                    absl::Duration timeout,
                                                    std::stop_token stop) const;
  void AddEvidence(KnownProcess& process, absl::Duration timeout, std::stop_token stop) const;
  // The events whose stream_id and sequence a statement returns; ?1 is the key.
  absl::StatusOr<std::vector<v1::CollectionEvent>> Events(std::string sql,
                                                          std::string_view process_key,
                                                          absl::Duration timeout,
                                                          std::stop_token stop) const;
  std::optional<KnownProcess> FindLive(std::string_view process_key) const;
  absl::StatusOr<std::optional<KnownProcess>> FindStored(std::string_view process_key,
                                                         absl::Duration timeout,
                                                         std::stop_token stop) const;

  const Ports ports_;
};

}  // namespace daemoneye::gateway
