// The tables of GatewayService.Query that say what is now: `processes`, `hash_baseline` and
// `lists`, which are those that triggers read, and `connections`.
//
// What triggers read stands still while it is read, so it is taken over some rows at a time, as
// serialised events; the query then reads its copy, which holds up nobody.
//
// Cost: 0.3 µs a process while matches wait, never more than 0.1 ms at once; 0.5 KiB each.
#pragma once

#include <functional>
#include <vector>

#include "libs/event_bus/event_bus.h"
#include "libs/storage/sqlite/row_table.h"
#include "libs/trigger/live_tables.h"

namespace daemoneye::gateway {

// Shows the live tables to its argument, while nothing changes them.
using ReadLive = std::function<void(const std::function<void(const trigger::LiveTables&)>&)>;

// The tables for one query: each is read once, when it is first asked for. `read_live` and `bus`
// may be empty: then there are no rows. Both outlive the tables.
std::vector<storage::RowTable> MakeLiveQueryTables(const ReadLive& read_live,
                                                   const event_bus::EventBus* bus);

}  // namespace daemoneye::gateway
