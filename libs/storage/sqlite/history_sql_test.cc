// That what is asked for often is looked up, not scanned for: SQLite's own plan is held to it.

#include "libs/storage/sqlite/history_sql.h"

#include <gmock/gmock.h>

#include <string>
#include <vector>

#include "libs/storage/event_store_conformance.h"
#include "libs/storage/sqlite/key_filter.h"
#include "libs/storage/sqlite/store_fixture.h"

namespace daemoneye::storage {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

class HistorySqlTest : public ::testing::Test {
 protected:
  void SetUp() override {
    for (uint64_t first = 1; first < 20'000; first += 1000) {
      ASSERT_TRUE(
          AppendTo(fixture_.store(), "log", first, MakeStoredEvents("a", first, 1000)).ok());
    }
    reader_ = *fixture_.sqlite().OpenReader();
  }
  // The steps of SQLite's plan.
  std::string Plan(const HistoryPlan& plan, HistoryOrder order, bool has_ranges = false) {
    std::string steps;
    EXPECT_TRUE(reader_
                    ->Run([&](Connection& c) {
                      SQLite::Statement explain(
                          c.db(), "EXPLAIN QUERY PLAN " + HistorySql(plan, order, has_ranges));
                      while (explain.executeStep()) {
                        steps += explain.getColumn(3).getString() + "; ";
                      }
                      return absl::OkStatus();
                    })
                    .ok());
    return steps;
  }

  SqliteStoreFixture fixture_;
  std::unique_ptr<Connection> reader_;
};

TEST_F(HistorySqlTest, LooksUpAnOriginARangeOfTimesAndItsOrderInIndexes) {
  HistoryPlan range;
  range.since = 5;
  range.until = 50;
  for (const HistoryOrder order :
       {HistoryOrder::kAny, HistoryOrder::kAscending, HistoryOrder::kDescending}) {
    EXPECT_THAT(Plan(range, order), HasSubstr("SEARCH events USING INDEX events_by_time "
                                              "(event_time>? AND event_time<?)"));
    EXPECT_THAT(Plan(range, order), Not(HasSubstr("TEMP B-TREE")));
  }
  // The newest twenty of all.
  EXPECT_THAT(Plan({}, HistoryOrder::kDescending), HasSubstr("events_by_time"));
  EXPECT_THAT(Plan({}, HistoryOrder::kDescending), Not(HasSubstr("TEMP B-TREE")));
  HistoryPlan origin;
  origin.stream_id = "a";
  origin.sequence = 7;
  EXPECT_THAT(Plan(origin, HistoryOrder::kAny),
              HasSubstr("SEARCH events USING INDEX events_by_origin (publisher=? AND sequence=?)"));
  EXPECT_THAT(Plan({}, HistoryOrder::kAny, true),
              HasSubstr("SEARCH events USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)"));
}

TEST_F(HistorySqlTest, LooksForAKeyOnlyInBlocksThatMayHoldIt) {
  ASSERT_TRUE(reader_
                  ->Run([&](Connection& c) {
                    const std::vector<HistoryBlock> blocks = ReadBlocks(c);
                    EXPECT_EQ(blocks.size(), 10u);  // 20,000 events
                    HistoryPlan plan;
                    plan.key_hashes = {KeyHash(KeyColumn::kName, "name-5000")};
                    size_t count = 0;
                    EXPECT_THAT(RangesOf(blocks, plan, &count), HasSubstr("["));
                    EXPECT_GE(count, 1u);
                    EXPECT_LE(count, 3u);
                    // Both at once: no block has them.
                    plan.key_hashes.push_back(KeyHash(KeyColumn::kName, "name-15000"));
                    RangesOf(blocks, plan, &count);
                    EXPECT_LE(count, 1u);
                    // By time alone.
                    plan.key_hashes.clear();
                    plan.since = plan.until = (3600LL + 10) * 1'000'000'000;
                    RangesOf(blocks, plan, &count);
                    EXPECT_EQ(count, 1u);
                    return absl::OkStatus();
                  })
                  .ok());
}

TEST(HistoryRangesTest, JoinsBlocksThatMeetOrOverlap) {
  const auto block = [](int64_t first, int64_t last) {
    return HistoryBlock{.first = first, .last = last, .since = 0, .until = 9, .filter = ""};
  };
  size_t count = 0;
  EXPECT_EQ(
      RangesOf({block(1, 5), block(6, 9), block(20, 30), block(25, 27), block(40, 41)}, {}, &count),
      "[[1,9],[20,30],[40,41]]");
  EXPECT_EQ(count, 5u);
  EXPECT_EQ(RangesOf({}, {}, &count), "[]");
}

}  // namespace
}  // namespace daemoneye::storage
