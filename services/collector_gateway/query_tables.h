// The tables of GatewayService.Query beside the stored events: alerts, audit, monitors, and what is
// now (live_query_tables.h).
#pragma once

#include <vector>

#include "libs/event_bus/event_bus.h"
#include "libs/storage/alert_store.h"
#include "libs/storage/audit_log.h"
#include "libs/storage/sqlite/row_table.h"
#include "services/collector_gateway/link_set.h"
#include "services/collector_gateway/live_query_tables.h"

namespace daemoneye::gateway {

// Where the rows come from; null: the table has none.
struct QueryTableSources {
  const storage::AlertStore* alerts = nullptr;
  const storage::AuditLog* audit = nullptr;
  const LinkSet* links = nullptr;
  const event_bus::EventBus* bus = nullptr;
  ReadLive read_live = {};
};

// The tables for one query: what is live is read once, when it is first asked for. The sources
// outlive them.
std::vector<storage::RowTable> MakeQueryTables(const QueryTableSources& sources);

}  // namespace daemoneye::gateway
