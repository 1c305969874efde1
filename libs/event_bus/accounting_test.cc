// Properties of the bus under random publishers, readers, stalls and resumes: every reader gets
// exactly the positions it should, contiguous but for its filter and what a notice names, and its
// account adds up at every moment.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <random>

#include "libs/base/thread.h"
#include "libs/event/filter.h"
#include "libs/event/random_event.h"
#include "libs/event_bus/bus_test_support.h"
#include "libs/event_bus/local_event_bus.h"

namespace daemoneye::event_bus {
namespace {

// Everything that was ever published, as the log should have it.
struct Published {
  std::string bytes;  // maps have no order of their own, so events are compared by their bytes
  event::Event event;
};
using Log = std::map<uint64_t, Published>;

v1::EventFilter RandomFilter(std::mt19937_64& random) {
  v1::EventFilter filter;
  switch (random() % 7) {
    case 0:
      filter.add_kinds(v1::EVENT_KIND_PROCESS);
      break;
    case 1:
      filter.add_actions("SAMPLE");
      filter.add_actions("START");
      break;
    case 2:
      filter.add_topics("events.+.#");
      filter.set_own(true);
      break;
    case 3:
      filter.add_names("*a*");
      break;
    case 4:
      filter.mutable_deny()->add_kinds(v1::EVENT_KIND_LOSS);
      filter.mutable_deny()->add_kinds(v1::EVENT_KIND_NETWORK);
      break;
    case 5:
      filter.set_sql("pid % 3 = 1");
      break;
    default:
      break;
  }
  return filter;
}

class Reader {
 public:
  Reader(LocalEventBus& bus, std::mt19937_64& random) : bus_(bus) {
    SubscribeOptions options;
    options.filter = RandomFilter(random);
    has_sql_ = !options.filter.sql().empty();
    filter_ = *event::CompiledFilter::Create(options.filter);
    const uint64_t next = bus.statistics().next_sequence;
    if (random() % 2 == 0) options.from_sequence = 1 + random() % next;
    position_ = options.from_sequence.value_or(next);
    subscription_ = *bus.Subscribe(options);
  }

  void Read(std::mt19937_64& random, const Log& log) {
    const auto delivery = subscription_->Poll(
        {.max_events = 1 + random() % 300, .max_bytes = 1 + random() % 100'000});
    ASSERT_TRUE(delivery.ok());
    if (delivery->missed) {
      ASSERT_EQ(delivery->missed->first_sequence, position_);
      ASSERT_GE(delivery->missed->last_sequence, position_);
      CheckCount(*delivery->missed, log);
      position_ = delivery->missed->last_sequence + 1;
    }
    for (const std::string& bytes : BytesOf(*delivery)) {
      event::Event event;
      ASSERT_TRUE(event.ParseFromString(bytes));
      ExpectFiltered(position_, event.sequence(), log);
      const auto published = log.find(event.sequence());
      ASSERT_NE(published, log.end());
      ASSERT_EQ(bytes, published->second.bytes);
      ASSERT_TRUE(Passes(event));
      position_ = event.sequence() + 1;
    }
    ExpectFiltered(position_, delivery->position + 1, log);
    position_ = delivery->position + 1;
    ASSERT_EQ(subscription_->next_sequence(), position_);
    ASSERT_EQ(delivery->caught_up, position_ == bus_.statistics().next_sequence);
  }

  void CheckAccount() const {
    ASSERT_TRUE(AddsUp(subscription_->statistics(), bus_.statistics().next_sequence));
  }

 private:
  bool Passes(const event::Event& event) const {
    if (!filter_.Matches(event)) return false;
    return !has_sql_ ||
           (event.has_process() && event.process().has_pid() && event.process().pid() % 3 == 1);
  }

  // Positions that were passed over without a word must be ones that the filter leaves out, unless
  // they fell out of the ring and could not have passed by kind and action.
  void ExpectFiltered(uint64_t from, uint64_t until, const Log& log) const {
    for (uint64_t sequence = from; sequence < until; ++sequence) {
      ASSERT_FALSE(Passes(log.at(sequence).event)) << "position " << sequence << " was swallowed";
    }
  }

  void CheckCount(const MissedRange& missed, const Log& log) const {
    if (!missed.count) return;
    uint64_t possible = 0;
    for (uint64_t s = missed.first_sequence; s <= missed.last_sequence; ++s) {
      const event::Event& event = log.at(s).event;
      if (has_sql_ && !event.has_process()) continue;
      possible += filter_.MatchesTraits(event::KindOf(event), event::ActionOf(event),
                                        event::IsSample(event),
                                        event::IsOwn(event)) != event::TraitsVerdict::kNo;
    }
    ASSERT_EQ(*missed.count, possible);
  }

  LocalEventBus& bus_;
  event::CompiledFilter filter_ = *event::CompiledFilter::Create({});
  bool has_sql_ = false;
  uint64_t position_ = 1;
  std::unique_ptr<Subscription> subscription_;
};

// Random events that are positions of a log, with nothing set that the bus sets.
event::EventList RandomEvents(std::mt19937_64& random, size_t count) {
  event::EventList events;
  while (events.size() < count) {
    event::Event event = event::RandomEvent(random, {.field_probability = 0.3});
    if (event::IsSnapshot(event)) continue;
    if (event.origin().stream_id().empty()) event.clear_origin();
    events.push_back(std::move(event));
  }
  return events;
}

// Publishes one way or the other and notes what the log must hold then.
void PublishRandomly(LocalEventBus& bus, std::mt19937_64& random, Log& log) {
  event::EventList events = RandomEvents(random, 1 + random() % 40);
  uint64_t next = bus.statistics().next_sequence;
  SubscribeOptions from;
  from.filter.set_own(true);
  from.from_sequence = next;
  auto witness = *bus.Subscribe(from);  // sees all but SAMPLE
  from.filter.add_actions("SAMPLE");
  auto samples = *bus.Subscribe(from);
  const size_t count = events.size();
  if (random() % 2 == 0) {
    ASSERT_EQ(bus.Publish(std::move(events)), count);
  } else {
    ASSERT_EQ(bus.PublishFramed(Framed(std::move(events), 1 + random() % 1000)), count);
  }
  for (Subscription* reader : {witness.get(), samples.get()}) {
    for (const std::string& bytes : BytesOf(*reader->Poll({.max_events = 1000}))) {
      event::Event event;
      ASSERT_TRUE(event.ParseFromString(bytes));
      log[event.sequence()] = {bytes, event};
    }
  }
  ASSERT_EQ(log.size() + 1, next + count);
}

class AccountingTest : public testing::TestWithParam<int> {};

TEST_P(AccountingTest, EveryReaderGetsExactlyWhatItShould) {
  std::mt19937_64 random(GetParam());
  LocalEventBus bus({.ring_bytes = 64 << 10, .young_bytes = 8 << 10}, base::Clock::Real());
  Log log;
  std::vector<std::unique_ptr<Reader>> readers;
  for (int step = 0; step < 250; ++step) {
    PublishRandomly(bus, random, log);
    if (HasFatalFailure()) return;
    if (readers.size() < 6 && random() % 4 == 0) {
      readers.push_back(std::make_unique<Reader>(bus, random));
    }
    if (!readers.empty() && random() % 25 == 0) readers.erase(readers.begin());
    for (auto& reader : readers) {
      if (random() % 5 != 0) continue;  // most stall most of the time
      for (int polls = 1 + static_cast<int>(random() % 4); polls > 0; --polls) {
        reader->Read(random, log);
        if (HasFatalFailure()) return;
      }
    }
    for (auto& reader : readers) reader->CheckAccount();
    if (HasFatalFailure()) return;
    ASSERT_LE(bus.statistics().ring_bytes, 64u << 10);
  }
  EXPECT_GT(bus.statistics().oldest_sequence, 1000u) << "nothing ever fell out of the ring";
}

INSTANTIATE_TEST_SUITE_P(Seeds, AccountingTest, testing::Range(1, 5));

}  // namespace
}  // namespace daemoneye::event_bus
