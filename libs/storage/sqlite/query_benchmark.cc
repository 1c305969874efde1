// What a query costs in a history of 60,000 events, or of as many as QUERY_BENCHMARK_EVENTS says.

#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "libs/base/clock.h"
#include "libs/storage/sqlite/query.h"
#include "libs/storage/sqlite/sqlite_store.h"

namespace daemoneye::storage {
namespace {

constexpr uint64_t kBatch = 256;
constexpr uint64_t kDefaultEvents = 60'000;
constexpr int64_t kFirstSecond = 1'700'000'000;

// Event `n`: a thousand a second, of which nine in ten sample 300 processes that stay, and one in
// ten is of a process of its own.
v1::CollectionEvent MakeEvent(uint64_t n) {
  v1::CollectionEvent event;
  event.set_sequence(n);
  event.mutable_origin()->set_monitor("procmond");
  event.mutable_origin()->set_host("bench");
  event.mutable_origin()->set_stream_id("8d2b5c1e-5f0a-4d2e-9a51-0e5f3c2b1a00");
  event.mutable_origin()->set_sequence(n);
  event.mutable_event_time()->set_seconds(kFirstSecond + static_cast<int64_t>(n / 1000));
  v1::ProcessEvent& process = *event.mutable_process();
  const bool is_own = n % 10 == 0;
  process.set_action(is_own ? v1::PROCESS_ACTION_START : v1::PROCESS_ACTION_SAMPLE);
  process.set_process_key(is_own ? fmt::format("c0ffee-4026531836-{}", n)
                                 : fmt::format("stays-{}", n % 300));
  process.set_name(is_own ? fmt::format("once-{}", n) : fmt::format("daemon-{}", n % 60));
  process.set_pid(static_cast<uint32_t>(n));
  process.set_executable_path("/usr/lib/something/bin/program");
  process.add_command_line("/usr/lib/something/bin/program");
  process.add_command_line("--with-an-argument=of-some-length");
  return event;
}

std::unique_ptr<SqliteStore> Fill(const std::string& path, uint64_t count) {
  auto store = SqliteStore::Open({.path = path, .now = absl::UnixEpoch()});
  if (!store.ok()) std::abort();
  for (uint64_t first = 1; first <= count; first += kBatch) {
    std::vector<v1::CollectionEvent> events;
    std::vector<std::string> bytes;
    std::vector<EventToStore> batch;
    for (uint64_t n = first; n < first + kBatch && n <= count; ++n) events.push_back(MakeEvent(n));
    for (const auto& event : events) bytes.push_back(event.SerializeAsString());
    for (size_t i = 0; i < events.size(); ++i) {
      batch.push_back({.sequence = first + i, .event = &events[i], .bytes = bytes[i]});
    }
    if (!(*store)->events().Append({.log_stream_id = "log", .events = batch}).ok()) std::abort();
  }
  return *std::move(store);
}

// Made once, removed at the end.
class History {
 public:
  History() : folder_(::mkdtemp(std::string("/tmp/query-benchmark-XXXXXX").data())) {
    const char* events = std::getenv("QUERY_BENCHMARK_EVENTS");
    store_ = Fill(folder_ + "/daemoneye.db",
                  events == nullptr ? kDefaultEvents : std::strtoull(events, nullptr, 10));
  }
  ~History() {
    store_.reset();
    std::filesystem::remove_all(folder_);
  }
  History(const History&) = delete;
  History& operator=(const History&) = delete;

  SqliteStore& store() { return *store_; }

 private:
  const std::string folder_;
  std::unique_ptr<SqliteStore> store_;
};

void Run(benchmark::State& state, const std::string& sql) {
  static History history;
  const std::vector<RowTable> none;
  v1::QueryRequest request;
  request.set_sql(sql);
  request.mutable_timeout()->set_seconds(300);
  uint64_t rows = 0;
  for (auto _ : state) {
    const auto reader = history.store().OpenReader();
    const auto outcome = RunQuery(request, {.events = reader->get(),
                                            .tables = &none,
                                            .clock = &base::Clock::Real(),
                                            .stop = {},
                                            .emit = [](const v1::QueryResponse&) { return true; }});
    if (!outcome.ok()) state.SkipWithError(std::string(outcome.status().message()).c_str());
    if (outcome.ok()) rows = outcome->rows;
  }
  state.counters["rows"] = static_cast<double>(rows);
}

const char* const kNewest = "SELECT name FROM process_events ORDER BY event_time DESC LIMIT 20";

void BM_Newest(benchmark::State& state) { Run(state, kNewest); }
void BM_OneSecond(benchmark::State& state) {
  Run(state,
      fmt::format("SELECT name FROM process_events WHERE event_time BETWEEN {0}000000000 AND "
                  "{0}999999999",
                  kFirstSecond + 50));
}
void BM_ProcessKey(benchmark::State& state) {
  Run(state, "SELECT name FROM process_events WHERE process_key = 'c0ffee-4026531836-50000'");
}
void BM_RareName(benchmark::State& state) {
  Run(state, "SELECT pid FROM process_events WHERE name = 'once-50000'");
}
void BM_RareNameNewestFirst(benchmark::State& state) {
  Run(state,
      "SELECT pid FROM process_events WHERE name = 'once-50000' ORDER BY event_time DESC LIMIT 20");
}
void BM_CommonNameNewestFirst(benchmark::State& state) {
  Run(state,
      "SELECT pid FROM process_events WHERE name = 'daemon-7' ORDER BY event_time DESC LIMIT 20");
}
void BM_Origin(benchmark::State& state) {
  Run(state,
      "SELECT pid FROM process_events WHERE origin_stream_id = "
      "'8d2b5c1e-5f0a-4d2e-9a51-0e5f3c2b1a00' AND origin_sequence = 50000");
}
void BM_Scan(benchmark::State& state) {
  Run(state, "SELECT count(*) FROM process_events WHERE command_line LIKE '%nowhere%'");
}

BENCHMARK(BM_Newest)->Unit(benchmark::kMillisecond);
BENCHMARK(BM_OneSecond)->Unit(benchmark::kMillisecond);
BENCHMARK(BM_ProcessKey)->Unit(benchmark::kMillisecond);
BENCHMARK(BM_RareName)->Unit(benchmark::kMillisecond);
BENCHMARK(BM_RareNameNewestFirst)->Unit(benchmark::kMillisecond);
BENCHMARK(BM_CommonNameNewestFirst)->Unit(benchmark::kMillisecond);
BENCHMARK(BM_Origin)->Unit(benchmark::kMillisecond);
BENCHMARK(BM_Scan)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace daemoneye::storage

BENCHMARK_MAIN();
