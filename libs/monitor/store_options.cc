#include "libs/monitor/store_options.h"

#include <functional>
#include <memory>
#include <utility>

#include "libs/base/status_macros.h"
#include "libs/logging/logging.h"
#include "libs/logging/rate_limited.h"

namespace daemoneye::monitor {
namespace {

using metrics::MetricType;
using metrics::SampleSink;

constexpr double kDayHours = 24;
constexpr double kMaxAgeHours = 10 * 365 * kDayHours;
constexpr double kMinBytes = 1 << 20;
// A store that is too slow loses something with every batch.
constexpr absl::Duration kLossLogInterval = absl::Seconds(10);

void LogOpened(const storage::SqliteStore& store) {
  if (const std::string aside = store.set_aside(); !aside.empty()) {
    logging::Error("the store was broken: set aside, a new one begun", {{"set_aside", aside}});
  }
  if (!store.is_checked()) {
    logging::Warning("the store is too large to be checked whole at the start",
                     {{"store", store.path()}});
  }
  logging::Info("store", {{"store", store.path()}});
}

}  // namespace

config::OptionTable StoreOptions() {
  config::OptionTable table;
  table.specs = {
      {.key = "store_max_age",
       .type = config::OptionType::kDuration,
       .unit = "hours",
       .min = 1.0 / 3600,
       .max = kMaxAgeHours,
       .default_text = "168h",
       .doc = "Stored events and alerts older than this are let go."},
      {.key = "store_max_sample_age",
       .type = config::OptionType::kDuration,
       .unit = "hours",
       .min = 1.0 / 3600,
       .max = kMaxAgeHours,
       .default_text = "24h",
       .doc = "Stored SAMPLE events, the bulk of a quiet host, go after this."},
      {.key = "store_max_bytes",
       .type = config::OptionType::kBytes,
       .min = kMinBytes,
       .default_text = "1GiB",
       .doc = "Size of the store's file beyond which its oldest events go."},
  };
  return table;
}

config::OptionTable DatabaseOptions() {
  config::OptionTable table = StoreOptions();
  table.specs.push_back({.key = "database",
                         .doc = "File that the events are kept in, so that a client resumes beyond "
                                "the ring. Empty: nothing is kept."});
  return table;
}

storage::RetentionPolicy RetentionOf(const config::Config& config) {
  return {.max_age = config.GetDuration("store_max_age"),
          .max_sample_age = config.GetDuration("store_max_sample_age"),
          .max_bytes = config.GetBytes("store_max_bytes")};
}

absl::StatusOr<std::unique_ptr<storage::SqliteStore>> OpenStore(const std::string& path,
                                                                base::Clock& clock) {
  ASSIGN_OR_RETURN(std::unique_ptr<storage::SqliteStore> store,
                   storage::SqliteStore::Open({.path = path, .now = clock.Now()}));
  if (store->is_open()) {
    LogOpened(*store);
  } else {
    logging::Error("the store cannot be opened yet; streams go on",
                   {{"store", path}, {"error", store->health()}});
  }
  return store;
}

void TellWhenOpen(storage::SqliteStore& store, base::Clock& clock, std::function<void()> on_open,
                  StoreWriterOptions& options) {
  if (store.is_open()) return;
  options.on_health = [&store, &clock, on_open = std::move(on_open), was_told = false,
                       next = std::move(options.on_health)](const absl::Status& status) mutable {
    if (next) next(status);
    if (!status.ok() || was_told) return;
    was_told = true;
    LogOpened(store);
    store.AuditSetAside(clock.Now()).IgnoreError();  // the log has it
    if (on_open) on_open();
  };
}

std::vector<metrics::CallbackHandle> AddStoreMetrics(metrics::Registry& registry,
                                                     storage::Store& store,
                                                     const StoreWriter& writer) {
  std::vector<metrics::CallbackHandle> handles;
  const auto add = [&](const char* name, const char* help, MetricType type,
                       std::function<double()> value) {
    handles.push_back(registry.AddCallback(name, help, type, std::move(value)));
  };
  const auto add_rows = [&](const char* name, const char* help, uint64_t storage::TableRows::* n) {
    handles.push_back(registry.AddCallback(
        name, help, MetricType::kCounter,
        std::function<void(const SampleSink&)>([&store, n](const SampleSink& sink) {
          for (const auto& [table, rows] : store.rows()) {
            sink({{"table", table}}, static_cast<double>(rows.*n));
          }
        })));
  };
  add_rows("store_rows_total", "Rows stored, by table.", &storage::TableRows::stored);
  add_rows("store_pruned_rows_total", "Rows let go by age, size and number, by table.",
           &storage::TableRows::pruned);
  add("store_duplicates_total", "Events that came again and were stored already.",
      MetricType::kCounter,
      [&writer] { return static_cast<double>(writer.statistics().duplicates); });
  add("store_missed_events_total", "Events that the ring lost before they were stored.",
      MetricType::kCounter, [&writer] { return static_cast<double>(writer.statistics().missed); });
  add("store_failed_writes_total", "Transactions that failed and are tried again.",
      MetricType::kCounter,
      [&writer] { return static_cast<double>(writer.statistics().failed_writes); });
  add("store_up", "1 while events can be stored.", MetricType::kGauge,
      [&writer] { return writer.health().ok() ? 1.0 : 0.0; });
  add("store_bytes", "Size of the store's file, without what is free in it.", MetricType::kGauge,
      [&store] { return static_cast<double>(store.events().statistics().bytes); });
  return handles;
}

StoreWriterOptions MakeStoreWriterOptions(const config::Config& config,
                                          metrics::Registry& registry) {
  StoreWriterOptions options;
  options.retention = RetentionOf(config);
  metrics::Histogram seconds = registry.AddHistogram(
      "store_write_seconds", "A transaction of stored events.", metrics::LatencyBuckets());
  options.observe_write = [seconds](absl::Duration d) mutable {
    seconds.Observe(absl::ToDoubleSeconds(d));
  };
  auto missed_log = std::make_shared<logging::RateLimited>(kLossLogInterval);
  options.on_missed = [missed_log](const event_bus::MissedRange& missed) {
    missed_log->Log(logging::Level::kWarning, "events were lost before they were stored",
                    {{"first", missed.first_sequence}, {"last", missed.last_sequence}});
  };
  options.on_health = [](const absl::Status& status) {
    if (status.ok()) {
      logging::Info("events are stored again");
    } else {
      logging::Error("events cannot be stored; streams go on", {{"error", status}});
    }
  };
  return options;
}

}  // namespace daemoneye::monitor
