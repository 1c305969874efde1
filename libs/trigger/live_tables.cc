#include "libs/trigger/live_tables.h"

#include <limits>
#include <utility>

namespace daemoneye::trigger {
namespace {

using sql::CellType;
using sql::OwnedCell;

constexpr size_t kMaxBaselineRows = 200'000;
constexpr size_t kMaxBaselineBytes = 128 << 20;
constexpr size_t kMaxListValues = 200'000;
constexpr size_t kMaxListBytes = 32 << 20;

std::string BaselineKey(std::string_view path, std::string_view host, std::string_view algorithm) {
  std::string key;
  key.reserve(path.size() + host.size() + algorithm.size() + 2);
  key.append(path).append(1, '\0').append(host).append(1, '\0').append(algorithm);
  return key;
}

OwnedCell TextOrNull(const std::string& text) {
  return text.empty() ? OwnedCell() : OwnedCell::Text(text);
}

}  // namespace

LiveTables::LiveTables()
    : processes_(sql::ProcessTableOptions{}),
      baseline_("hash_baseline",
                {{"path", CellType::kText, true},
                 {"hash", CellType::kText, true},
                 {"algorithm", CellType::kText, false},
                 {"first_seen", CellType::kInteger, false},
                 {"source", CellType::kText, false},
                 {"host", CellType::kText, false}},
                kMaxBaselineRows, kMaxBaselineBytes),
      lists_("lists", {{"list", CellType::kText, true}, {"value", CellType::kText, true}},
             kMaxListValues, kMaxListBytes) {}

void LiveTables::Apply(const v1::CollectionEvent& event, absl::Time now) {
  // A monitor's own children are part of no condition's world, and of no baseline.
  if (!event.has_process() || event.process().own()) return;
  processes_.Apply(event, now == absl::InfiniteFuture() ? std::numeric_limits<int64_t>::max()
                                                        : absl::ToUnixNanos(now));
  if (event.process().has_executable_hash()) Learn(event);
}

void LiveTables::FillIn(std::span<const v1::CollectionEvent> state, absl::Time now) {
  std::vector<bool> is_known;
  is_known.reserve(state.size());
  for (const v1::CollectionEvent& event : state) {
    is_known.push_back(processes_.Knows(event.process().process_key()));
  }
  for (size_t i = 0; i < state.size(); ++i) {
    if (!is_known[i]) Apply(state[i], now);
  }
}

void LiveTables::Learn(const v1::CollectionEvent& event) {
  const v1::ProcessEvent& process = event.process();
  if (process.executable_path().empty() || process.has_container_id()) return;
  key_ = BaselineKey(process.executable_path(), event.origin().host(), process.hash_algorithm());
  if (known_.contains(key_)) return;
  if (known_.contains(BaselineKey(process.executable_path(), "", process.hash_algorithm()))) return;
  Learned learned{
      .hash = {.path = process.executable_path(),
               .hash = process.executable_hash(),
               .algorithm = process.hash_algorithm(),
               .host = event.origin().host()},
      .first_seen_ns = absl::ToUnixNanos(absl::FromUnixSeconds(event.event_time().seconds()) +
                                         absl::Nanoseconds(event.event_time().nanos()))};
  if (AddBaseline(learned.hash, learned.first_seen_ns, "first_seen")) {
    learned_.push_back(std::move(learned));
  }
}

bool LiveTables::AddBaseline(const BaselineHash& hash, int64_t first_seen_ns, const char* source) {
  const bool is_added = baseline_.Add(
      {OwnedCell::Text(hash.path), OwnedCell::Text(hash.hash), OwnedCell::Text(hash.algorithm),
       first_seen_ns == 0 ? OwnedCell() : OwnedCell::Integer(first_seen_ns),
       OwnedCell::Text(source), TextOrNull(hash.host)});
  if (is_added) known_.insert(BaselineKey(hash.path, hash.host, hash.algorithm));
  return is_added;
}

void LiveTables::LoadBaseline(const std::vector<BaselineHash>& baseline) {
  ++replaced_;
  baseline_.Clear();
  known_.clear();
  for (const BaselineHash& hash : baseline) AddBaseline(hash, 0, "loaded");
  std::vector<Learned> learned = std::exchange(learned_, {});
  for (Learned& entry : learned) {
    const BaselineHash& hash = entry.hash;
    if (known_.contains(BaselineKey(hash.path, hash.host, hash.algorithm))) continue;
    if (known_.contains(BaselineKey(hash.path, "", hash.algorithm))) continue;
    if (AddBaseline(hash, entry.first_seen_ns, "first_seen")) learned_.push_back(std::move(entry));
  }
}

void LiveTables::SetLists(const Lists& lists) {
  ++replaced_;
  lists_.Clear();
  for (const auto& [name, values] : lists) {
    for (const std::string& value : values) {
      lists_.Add({OwnedCell::Text(name), OwnedCell::Text(value)});
    }
  }
}

}  // namespace daemoneye::trigger
