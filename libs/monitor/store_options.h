// The settings of a store, and how its file is opened and kept: what monitors and the gateway
// share.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "libs/base/clock.h"
#include "libs/config/config.h"
#include "libs/config/option_spec.h"
#include "libs/metrics/registry.h"
#include "libs/monitor/store_writer.h"
#include "libs/storage/sqlite/sqlite_store.h"

namespace daemoneye::monitor {

// store_max_age, store_max_sample_age, store_max_bytes.
config::OptionTable StoreOptions();

// The same, and database: the file of a monitor's store.
config::OptionTable DatabaseOptions();

storage::RetentionPolicy RetentionOf(const config::Config& config);

// Opens the file, and says loudly when a broken one was set aside, or when the disk is too full to
// open it now. Errors as SqliteStore::Open.
absl::StatusOr<std::unique_ptr<storage::SqliteStore>> OpenStore(const std::string& path,
                                                                base::Clock& clock);

// Has `on_open` called once the file is open where it was not, after that was told: by the writer's
// thread. `store` outlives the writer.
void TellWhenOpen(storage::SqliteStore& store, base::Clock& clock, std::function<void()> on_open,
                  StoreWriterOptions& options);

// store_rows_total{table}, store_pruned_rows_total{table}, store_missed_events_total,
// store_duplicates_total, store_bytes, store_up. They last as long as what is returned, which the
// store and the writer outlive.
[[nodiscard]] std::vector<metrics::CallbackHandle> AddStoreMetrics(metrics::Registry& registry,
                                                                   storage::Store& store,
                                                                   const StoreWriter& writer);

// Options of a writer that observes store_write_seconds and logs what it has to tell.
StoreWriterOptions MakeStoreWriterOptions(const config::Config& config,
                                          metrics::Registry& registry);

}  // namespace daemoneye::monitor
