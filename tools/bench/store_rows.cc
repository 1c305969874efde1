// Storing events, against SQLite alone doing the same inserts.

#include <stdlib.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "SQLiteCpp/SQLiteCpp.h"
#include "libs/storage/sqlite/sqlite_store.h"
#include "tools/bench/rows.h"
#include "tools/bench/samples.h"

namespace daemoneye::bench {
namespace {

constexpr size_t kEvents = 200'000;
constexpr size_t kBatch = 256;

struct StoredSample {
  event::Event event;
  std::string bytes;
};

std::vector<StoredSample> MakeEvents() {
  std::vector<StoredSample> out(kEvents);
  for (size_t i = 0; i < kEvents; ++i) {
    event::Event& event = out[i].event;
    event = SampleEvent(static_cast<uint32_t>(i + 1));
    event.set_sequence(i + 1);
    event.mutable_origin()->set_monitor("procmond");
    event.mutable_origin()->set_host("bench");
    event.mutable_origin()->set_stream_id("8d2b5c1e-5f0a-4d2e-9a51-0e5f3c2b1a00");
    event.mutable_origin()->set_sequence(i + 1);
    event.mutable_event_time()->set_seconds(1'700'000'000 + static_cast<int64_t>(i / 1000));
    out[i].bytes = event.SerializeAsString();
  }
  return out;
}

class Folder {
 public:
  Folder() : path_(::mkdtemp(std::string("/tmp/store-bench-XXXXXX").data())) {}
  ~Folder() { std::filesystem::remove_all(path_); }
  std::string File(const char* name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

double SecondsOf(const auto& work) {
  const auto begin = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

// The same columns, keys and settings of the table of events, and nothing else: one statement, a
// transaction a batch.
double BareInsertsPerSecond(const std::vector<StoredSample>& events) {
  const Folder folder;
  SQLite::Database db(folder.File("bare.db"), SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
  db.exec(
      "PRAGMA page_size = 8192; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;"
      "PRAGMA wal_autocheckpoint = 2048; PRAGMA cache_size = -16384;"
      "CREATE TABLE events(position INTEGER PRIMARY KEY, publisher INTEGER NOT NULL,"
      " sequence INTEGER NOT NULL, event_time INTEGER NOT NULL, kind INTEGER NOT NULL,"
      " payload BLOB NOT NULL);"
      "CREATE UNIQUE INDEX by_origin ON events(publisher, sequence);"
      "CREATE INDEX by_time ON events(event_time, kind);");
  SQLite::Statement insert(db, "INSERT INTO events VALUES(?, ?, ?, ?, ?, ?)");
  const double seconds = SecondsOf([&] {
    for (size_t first = 0; first < events.size(); first += kBatch) {
      SQLite::Transaction transaction(db);
      for (size_t i = first; i < std::min(first + kBatch, events.size()); ++i) {
        insert.bind(1, static_cast<int64_t>(i + 1));
        insert.bind(2, 1);
        insert.bind(3, static_cast<int64_t>(i + 1));
        insert.bind(4, (1'700'000'000 + static_cast<int64_t>(i / 1000)) * 1'000'000'000);
        insert.bind(5, 258);
        insert.bindNoCopy(6, events[i].bytes.data(), static_cast<int>(events[i].bytes.size()));
        insert.exec();
        insert.reset();
      }
      transaction.commit();
    }
  });
  return static_cast<double>(events.size()) / seconds;
}

double AppendsPerSecond(const std::vector<StoredSample>& events) {
  const Folder folder;
  auto store = storage::SqliteStore::Open({.path = folder.File("daemoneye.db")});
  if (!store.ok()) {
    std::fprintf(stderr, "bench: %s\n", store.status().ToString().c_str());
    std::exit(1);
  }
  const double seconds = SecondsOf([&] {
    std::vector<storage::EventToStore> batch;
    for (size_t first = 0; first < events.size(); first += kBatch) {
      batch.clear();
      for (size_t i = first; i < std::min(first + kBatch, events.size()); ++i) {
        batch.push_back({.sequence = i + 1, .event = &events[i].event, .bytes = events[i].bytes});
      }
      const auto result = (*store)->events().Append({.log_stream_id = "log", .events = batch});
      if (!result.ok() || result->inserted != batch.size()) std::exit(1);
    }
  });
  return static_cast<double>(events.size()) / seconds;
}

double Median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

}  // namespace

void AddStoreRows(const Setting& setting, Table& table) {
  const std::vector<StoredSample> events = MakeEvents();
  std::vector<double> bare, ours;
  for (int round = 0; round < setting.rounds; ++round) {
    bare.push_back(BareInsertsPerSecond(events));
    ours.push_back(AppendsPerSecond(events));
  }
  table.Add({.name = "store append, batches of 256",
             .value = Median(ours) / 1000,
             .unit = "k events/s",
             .against = "SQLite alone, the same rows and keys",
             .reference = Median(bare) / 1000,
             .at_least = 0.7});
}

}  // namespace daemoneye::bench
