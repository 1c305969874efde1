// Recorded trees, friendly and hostile, as the events they become.
#include <gmock/gmock.h>
#include <google/protobuf/util/json_util.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "libs/base/fake_clock.h"
#include "libs/base/text.h"
#include "libs/linux/procfs/fake_proc.h"
#include "libs/sources/process/recording_sink.h"
#include "libs/sources/process/scan_harness.h"

namespace daemoneye::process {
namespace {

std::vector<v1::CollectionEvent> ScanRecorded(const std::string& tree) {
  procfs::FakeProc proc;
  proc.CopyRecorded("tests/testdata/procfs/" + tree);
  const procfs::ProcFs fs = *procfs::ProcFs::Open(proc.root());
  base::FakeClock clock(*fs.BootTime() + absl::Hours(24 * 365));
  ExecutableHasher hasher(fs, HashLimits{}, clock);
  ScanHarness scanner(fs, ProcessSourceConfig{}, hasher, clock);
  RecordingSink sink;
  EXPECT_TRUE(scanner.Scan({}, sink).ok());
  std::vector<v1::CollectionEvent> events = sink.Take();
  EXPECT_TRUE(scanner.Scan({}, sink).ok());
  EXPECT_TRUE(sink.Take().empty()) << "nothing changed";
  return events;
}

TEST(RecordedTreeTest, GivesTheGoldenEvents) {
  std::string json;
  google::protobuf::util::JsonPrintOptions options;
  options.add_whitespace = true;
  options.preserve_proto_field_names = true;
  for (const v1::CollectionEvent& event : ScanRecorded("recorded")) {
    std::string text;
    ASSERT_TRUE(google::protobuf::util::MessageToJsonString(event, &text, options).ok());
    json += text;
  }
  std::ifstream file("tests/testdata/process_events/recorded.json");
  const std::string golden((std::istreambuf_iterator<char>(file)),
                           std::istreambuf_iterator<char>());
  EXPECT_EQ(json, golden);
}

TEST(RecordedTreeTest, MakesValidBoundedEventsOfHostileProcesses) {
  const auto events = ScanRecorded("hostile");
  EXPECT_FALSE(events.empty());
  for (const v1::CollectionEvent& event : events) {
    std::string bytes;
    ASSERT_TRUE(event.SerializeToString(&bytes));
    EXPECT_LE(bytes.size(), 128u << 10);
    v1::CollectionEvent parsed;
    ASSERT_TRUE(parsed.ParseFromString(bytes)) << "every text is UTF-8";
    EXPECT_FALSE(event.process().process_key().empty());
    EXPECT_TRUE(base::IsUtf8(event.process().name()));
  }
}

}  // namespace
}  // namespace daemoneye::process
