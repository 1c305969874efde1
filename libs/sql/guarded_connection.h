// GuardedConnection: an in-memory SQLite connection that can only read the event tables.
//
// An authorizer allows SELECT, the event tables, json_each and json_tree, and functions by name;
// limits bound lengths, depth and the size of the program; the budget cuts off what runs too long.
// One connection a statement: what a statement costs or breaks is its own.
//
// Threads:    compatible.
// Ownership:  owns the connection; prepared statements must be finalized before it ends.
// Cost:       0.1 ms and 25 KiB.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "libs/sql/budget.h"
#include "libs/sql/event_tables.h"
#include "libs/sql/event_vtab.h"
#include "libs/sql/regexp.h"

struct sqlite3;

namespace daemoneye::sql {

// What the authorizer saw while a statement was prepared.
struct Seen {
  // The event table it reads; nullptr when none.
  const EventTable* table = nullptr;
  // Why it was refused first, the word of the statement that is to blame, and what would be right;
  // empty if it was not, or where that is not known.
  std::string refusal;
  std::string word;
  std::string hint;
};

class GuardedConnection {
 public:
  // Internal when SQLite cannot open it.
  static absl::StatusOr<std::unique_ptr<GuardedConnection>> Open(absl::Duration event_budget,
                                                                 absl::Duration call_budget);
  ~GuardedConnection();
  GuardedConnection(const GuardedConnection&) = delete;
  GuardedConnection& operator=(const GuardedConnection&) = delete;

  sqlite3* db() { return db_; }
  EventRows& rows() { return rows_; }
  Budget& budget() { return budget_; }
  RegexpCache& regexps() { return regexps_; }

  // What was seen since ForgetSeen.
  const Seen& seen() const { return seen_; }
  void ForgetSeen() { seen_ = {}; }

 private:
  GuardedConnection(absl::Duration event_budget, absl::Duration call_budget)
      : budget_(event_budget, call_budget) {}

  absl::Status Initialize();
  int SetUp();
  static int Authorize(void* self, int action, const char* a, const char* b, const char* database,
                       const char* trigger);
  int RefuseAction(int action, std::string_view object);
  int AuthorizeRead(std::string_view table, std::string_view column);
  int AuthorizeFunction(std::string_view name);
  int Refuse(std::string reason, std::string_view word, std::string_view hint = "");

  Budget budget_;
  RegexpCache regexps_;
  EventRows rows_;
  Seen seen_;
  sqlite3* db_ = nullptr;
};

// The SQL functions a statement may call.
bool IsAllowedFunction(std::string_view name);

}  // namespace daemoneye::sql
