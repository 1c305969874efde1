#include "libs/storage/sqlite/migrations.h"

#include <fmt/format.h>

#include <array>

#include "libs/base/status_macros.h"

namespace daemoneye::storage {
namespace {

// position = log << 40 | sequence in that log: events lie in the file in the order in which they
// were stored, and a position of a log is found without an index of its own. kind = EventKind << 8
// | action.
constexpr char kEvents[] = R"sql(
CREATE TABLE logs(log INTEGER PRIMARY KEY, stream_id TEXT NOT NULL UNIQUE);
CREATE TABLE publishers(
  publisher INTEGER PRIMARY KEY, stream_id TEXT NOT NULL UNIQUE, monitor TEXT NOT NULL,
  host TEXT NOT NULL);
CREATE TABLE events(
  position INTEGER PRIMARY KEY, publisher INTEGER NOT NULL, sequence INTEGER NOT NULL,
  event_time INTEGER NOT NULL, kind INTEGER NOT NULL, payload BLOB NOT NULL);
CREATE UNIQUE INDEX events_by_origin ON events(publisher, sequence);
CREATE INDEX events_by_time ON events(event_time, kind);
CREATE TABLE marks(stream_id TEXT PRIMARY KEY, sequence INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE settings(name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
)sql";

// A delivery's state: 0 pending, 1 dead. audit.chain is for the hash of the row before.
constexpr char kAlertsTriggersAudit[] = R"sql(
CREATE TABLE alerts(
  sequence INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, time INTEGER NOT NULL,
  payload BLOB NOT NULL);
CREATE INDEX alerts_by_time ON alerts(time);
CREATE TABLE deliveries(
  sink TEXT NOT NULL, alert INTEGER NOT NULL, state INTEGER NOT NULL, attempts INTEGER NOT NULL,
  next_attempt INTEGER NOT NULL, created INTEGER NOT NULL, last_error TEXT NOT NULL,
  PRIMARY KEY(sink, alert)) WITHOUT ROWID;
CREATE INDEX deliveries_by_alert ON deliveries(alert);
CREATE TABLE triggers(id TEXT PRIMARY KEY, payload BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE mutes(trigger_id TEXT PRIMARY KEY, until INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE audit(
  sequence INTEGER PRIMARY KEY AUTOINCREMENT, time INTEGER NOT NULL, actor TEXT NOT NULL,
  role TEXT NOT NULL, method TEXT NOT NULL, target TEXT NOT NULL, outcome TEXT NOT NULL,
  details TEXT NOT NULL, chain BLOB);
)sql";

// A mark's position is the newest of all events when it was told: how old it is. A block is a run
// of positions, the times of its events and a KeyFilter of them; an empty one holds everything.
constexpr char kBounds[] = R"sql(
ALTER TABLE marks ADD COLUMN position INTEGER NOT NULL DEFAULT 0;
UPDATE marks SET position = ifnull((SELECT max(position) FROM events), 0);
CREATE INDEX audit_by_time ON audit(time);
CREATE TABLE blocks(
  block INTEGER PRIMARY KEY, first INTEGER NOT NULL, last INTEGER NOT NULL,
  since INTEGER NOT NULL, until INTEGER NOT NULL, filter BLOB NOT NULL);
INSERT INTO blocks(first, last, since, until, filter)
  SELECT min(position), max(position), min(event_time), max(event_time), x'' FROM events
  HAVING count(*) > 0;
)sql";

constexpr char kWorkflows[] = R"sql(
CREATE TABLE workflows(id TEXT PRIMARY KEY, payload BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE executions(
  number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, workflow TEXT NOT NULL,
  status INTEGER NOT NULL, created INTEGER NOT NULL, payload BLOB NOT NULL);
CREATE INDEX executions_unfinished ON executions(number) WHERE status <= 2;
)sql";

constexpr auto kSteps =
    std::to_array<const char*>({kEvents, kAlertsTriggersAudit, kBounds, kWorkflows});

absl::Status CheckOwner(Connection& connection, int64_t version) {
  if (version > static_cast<int64_t>(kSteps.size())) {
    return absl::FailedPreconditionError(
        fmt::format("the store is of version {}, this program knows {}", version, kSteps.size()));
  }
  const int64_t owner = connection.Number("PRAGMA application_id");
  const bool is_empty =
      version == 0 && connection.Number("SELECT count(*) FROM sqlite_schema") == 0;
  if (owner != kApplicationId && !is_empty) {
    return absl::FailedPreconditionError("the file is a SQLite database, but not a store");
  }
  return absl::OkStatus();
}

}  // namespace

std::span<const char* const> MigrationSteps() { return kSteps; }

absl::Status Migrate(Connection& connection, int version) {
  int64_t now = 0;
  RETURN_IF_ERROR(connection.Run([&](Connection& c) {
    now = c.Number("PRAGMA user_version");
    return CheckOwner(c, now);
  }));
  for (; now < version; ++now) {
    RETURN_IF_ERROR(connection.RunTransaction([&](Connection& c) {
      c.db().exec(kSteps[static_cast<size_t>(now)]);
      c.db().exec(fmt::format("PRAGMA user_version = {}", now + 1));
      c.db().exec(fmt::format("PRAGMA application_id = {}", kApplicationId));
      return absl::OkStatus();
    }));
  }
  return absl::OkStatus();
}

}  // namespace daemoneye::storage
