// GuardedConnection: an in-memory SQLite connection that can only read the event tables, and the
// live tables it is given.
//
// An authorizer allows SELECT, these tables, json_each and json_tree, and functions by name;
// limits bound lengths, depth and the size of the program; the budget cuts off what runs too long.
// Statements of one connection run one after the other, each with a budget of its own.
//
// Threads:    compatible.
// Ownership:  owns the connection; prepared statements must be finalized before it ends.
// Cost:       0.1 ms and 25 KiB.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "libs/sql/budget.h"
#include "libs/sql/event_tables.h"
#include "libs/sql/event_vtab.h"
#include "libs/sql/regexp.h"

struct sqlite3;

namespace daemoneye::sql {

class LiveTable;

struct GuardedConnectionOptions {
  // CPU time of one run of a statement over one event, and of one call.
  absl::Duration event_budget = absl::Milliseconds(5);
  absl::Duration call_budget = absl::Milliseconds(50);
  // What SQLite may allocate, all connections together, while a statement runs; 0: not looked at.
  size_t memory_budget_bytes = 0;
  // What can be read besides the event tables; outlive the connection.
  std::vector<const LiveTable*> live_tables;
  // Whether aggregates and window functions may be called; what they run over is for the caller to
  // check.
  bool allows_aggregates = false;
  // What is said of an aggregate that is refused.
  std::string aggregate_hint = "it needs window, which a filter does not have";
};

// What the authorizer saw while a statement was prepared.
struct Seen {
  // The event table it reads; nullptr when none.
  const EventTable* table = nullptr;
  // The live tables it reads, each once.
  std::vector<const LiveTable*> live_tables;
  // Why it was refused first, the word of the statement that is to blame, and what would be right;
  // empty if it was not, or where that is not known.
  std::string refusal;
  std::string word;
  std::string hint;
};

class GuardedConnection {
 public:
  // Internal when SQLite cannot open it.
  static absl::StatusOr<std::unique_ptr<GuardedConnection>> Open(
      const GuardedConnectionOptions& options);
  ~GuardedConnection();
  GuardedConnection(const GuardedConnection&) = delete;
  GuardedConnection& operator=(const GuardedConnection&) = delete;

  sqlite3* db() { return db_; }
  EventRows& rows() { return rows_; }
  Budget& budget() { return budget_; }
  RegexpCache& regexps() { return regexps_; }
  const GuardedConnectionOptions& options() const { return options_; }

  // What the text of an error begins with: the field that holds the statement.
  const std::string& subject() const { return subject_; }
  void set_subject(std::string subject) { subject_ = std::move(subject); }

  // What was seen since ForgetSeen.
  const Seen& seen() const { return seen_; }
  void ForgetSeen() { seen_ = {}; }
  // The live table of that name, or nullptr.
  const LiveTable* FindLiveTable(std::string_view name) const;

 private:
  explicit GuardedConnection(const GuardedConnectionOptions& options);

  absl::Status Initialize();
  int SetUp();
  static int Authorize(void* self, int action, const char* a, const char* b, const char* database,
                       const char* trigger);
  int RefuseAction(int action, std::string_view object);
  int AuthorizeRead(std::string_view table, std::string_view column);
  int AuthorizeFunction(std::string_view name);
  int Refuse(std::string reason, std::string_view word, std::string_view hint = "");

  const GuardedConnectionOptions options_;
  std::string subject_ = "filter.sql";
  Budget budget_;
  RegexpCache regexps_;
  EventRows rows_;
  Seen seen_;
  sqlite3* db_ = nullptr;
};

// The SQL functions a statement may call.
bool IsAllowedFunction(std::string_view name);

}  // namespace daemoneye::sql
