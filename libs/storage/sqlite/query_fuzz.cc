// Any bytes as a query: refused, cut off or answered, and nothing else.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "libs/storage/sqlite/query.h"

namespace {

using daemoneye::storage::MakeRowCursor;
using daemoneye::storage::Row;
using daemoneye::storage::RowCursor;
using daemoneye::storage::RowTable;

std::vector<RowTable> Tables() {
  const auto rows = std::make_shared<const std::vector<Row>>(
      std::vector<Row>{{int64_t{1}, std::string("one")}, {int64_t{2}, std::monostate()}});
  return {{.name = "lists",
           .description = "A list.",
           .columns = {{"number", "INTEGER"}, {"text", "TEXT"}},
           .open = [rows]() -> absl::StatusOr<std::unique_ptr<RowCursor>> {
             return MakeRowCursor(rows);
           }}};
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const auto* const kTables = new std::vector<RowTable>(Tables());
  daemoneye::v1::QueryRequest request;
  request.set_sql(std::string(reinterpret_cast<const char*>(data), size));
  request.set_max_rows(100);
  request.mutable_timeout()->set_nanos(20'000'000);
  const auto outcome = daemoneye::storage::RunQuery(
      request, {.events = nullptr,
                .tables = kTables,
                .clock = &daemoneye::base::Clock::Real(),
                .stop = {},
                .emit = [](const daemoneye::v1::QueryResponse&) { return true; }});
  if (outcome.ok() && outcome->rows > 100) __builtin_trap();
  return 0;
}
