// LiveTables: what conditions read besides the event: `processes`, `hash_baseline`, `lists`.
//
// A hash is learned where it is first seen: a path of a host, outside containers, which have files
// of their own. Where hashes of a path were loaded, none is learned. Children that a monitor
// started itself (`own`) are in none of them.
//
// Threads: compatible.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/time/time.h"
#include "daemoneye/v1/event.pb.h"
#include "libs/sql/live_table.h"
#include "libs/sql/process_table.h"
#include "libs/sql/row_table.h"

namespace daemoneye::trigger {

// Name → values, as SQL reads them from the table `lists`.
using Lists = std::map<std::string, std::vector<std::string>>;

// A row of `hash_baseline` that is loaded rather than seen.
struct BaselineHash {
  std::string path;
  std::string hash;
  std::string algorithm = "sha256";
  // Empty: on every host.
  std::string host;
};

inline constexpr size_t kLiveTableCount = 3;

class LiveTables {
 public:
  LiveTables();

  // Follows an event; times beyond `now` do not move the tables'.
  void Apply(const v1::CollectionEvent& event, absl::Time now);
  // What is known of before it was followed: of `state`, in order, what tells of processes that are
  // not there yet.
  void FillIn(std::span<const v1::CollectionEvent> state, absl::Time now);
  // Until it is followed again.
  void ForgetProcesses() { processes_.Clear(); }
  // See sql::ProcessTable.
  size_t ForgetUntold(const std::string& host, const std::string& monitor,
                      const std::set<std::string>& streams) {
    return processes_.ForgetUntold(host, monitor, streams);
  }
  // Replaces the lists; those beyond the bounds are left out and counted.
  void SetLists(const Lists& lists);
  // Replaces what was loaded; what was learned stays where it still counts.
  void LoadBaseline(const std::vector<BaselineHash>& baseline);

  // What is there now, for whom nothing changes it.
  std::unique_ptr<LiveTables> Copy() const { return std::make_unique<LiveTables>(*this); }

  // In an order that never changes.
  std::array<const sql::LiveTable*, kLiveTableCount> tables() const {
    return {&processes_, &baseline_, &lists_};
  }

  const sql::ProcessTable& process_table() const { return processes_; }
  const sql::RowTable& baseline() const { return baseline_; }
  const sql::RowTable& lists() const { return lists_; }
  // Changes when rows of baseline or lists were replaced rather than added.
  uint64_t replaced() const { return replaced_; }

  size_t processes() const { return processes_.rows(); }
  size_t process_bytes() const { return processes_.bytes(); }
  uint64_t processes_evicted() const { return processes_.evicted(); }
  size_t baseline_rows() const { return baseline_.slots(); }
  uint64_t baseline_refused() const { return baseline_.refused(); }
  uint64_t list_values_refused() const { return lists_.refused(); }

 private:
  struct Learned {
    BaselineHash hash;
    int64_t first_seen_ns = 0;
  };

  void Learn(const v1::CollectionEvent& event);
  bool AddBaseline(const BaselineHash& hash, int64_t first_seen_ns, const char* source);

  sql::ProcessTable processes_;
  sql::RowTable baseline_;
  sql::RowTable lists_;
  // Path, host and algorithm of what is in baseline_; of what was loaded for every host, no host.
  absl::flat_hash_set<std::string> known_;
  std::vector<Learned> learned_;
  std::string key_;  // of the event in hand
  uint64_t replaced_ = 0;
};

// A live table that can be put in another's place between two runs, so that what was compiled
// against it beside the evaluation is then used in it.
class LiveTableSwitch final : public sql::LiveTable {
 public:
  explicit LiveTableSwitch(const sql::LiveTable& target) : target_(&target) {}
  // `target` has the same name and columns.
  void Point(const sql::LiveTable& target) { target_ = &target; }

  const std::string& name() const override { return target_->name(); }
  std::span<const sql::LiveColumn> columns() const override { return target_->columns(); }
  size_t slots() const override { return target_->slots(); }
  bool HasRow(size_t slot) const override { return target_->HasRow(slot); }
  sql::Cell Get(size_t slot, size_t column, std::string* scratch) const override {
    return target_->Get(slot, column, scratch);
  }
  std::span<const uint32_t> Find(size_t column, const sql::Cell& value) const override {
    return target_->Find(column, value);
  }

 private:
  const sql::LiveTable* target_;
};

}  // namespace daemoneye::trigger
