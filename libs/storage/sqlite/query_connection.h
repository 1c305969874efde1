// QueryConnection: the in-memory connection that a stranger's statement runs on, with its guards.
//
// Threads:    compatible.
// Ownership:  owns the connection; borrows the tables and the state.
#pragma once

#include <sqlite3.h>

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "libs/storage/sqlite/query_state.h"
#include "libs/storage/sqlite/row_table.h"

namespace daemoneye::storage {

class QueryConnection {
 public:
  // state.check is asked every few thousand instructions. `max_value_bytes`: of one value.
  static absl::StatusOr<std::unique_ptr<QueryConnection>> Open(const std::vector<RowTable>& tables,
                                                               QueryState& state,
                                                               size_t max_value_bytes);
  ~QueryConnection();
  QueryConnection(const QueryConnection&) = delete;
  QueryConnection& operator=(const QueryConnection&) = delete;

  sqlite3* db() { return db_; }

  // The statement of `sql`, the one and only, which only reads. InvalidArgument: what is wrong with
  // it, and where. To be finalized by the caller.
  absl::StatusOr<sqlite3_stmt*> Prepare(const std::string& sql);

 private:
  explicit QueryConnection(QueryState& state) : state_(state) {}

  int SetUp(const std::vector<RowTable>& tables, size_t max_value_bytes);
  int Declare(const std::string& table);
  static int Authorize(void* self, int action, const char* a, const char* b, const char* database,
                       const char* view);
  int Refuse(std::string reason, std::string_view word);
  absl::Status Explain(const std::string& sql);

  QueryState& state_;
  sqlite3* db_ = nullptr;
  absl::flat_hash_map<std::string, bool> tables_;
  std::string refusal_;
  std::string refused_word_;
};

}  // namespace daemoneye::storage
