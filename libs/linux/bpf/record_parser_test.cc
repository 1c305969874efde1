#include "libs/linux/bpf/record_parser.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/sysmacros.h>

#include <cstring>
#include <string>
#include <string_view>

#include "libs/linux/bpf/programs/wire.h"

namespace daemoneye::bpf {
namespace {

using ::testing::HasSubstr;

wire_record Wire(__u32 kind) {
  wire_record wire = {};
  wire.kind = kind;
  wire.task.pid = 42;
  std::memcpy(wire.task.comm, "name", 4);
  return wire;
}

std::string Bytes(wire_record wire, std::string_view filename = "",
                  std::string_view executable = "", std::string_view directory = "",
                  std::string_view arguments = "") {
  wire.filename_bytes = static_cast<__u32>(filename.size());
  wire.executable_bytes = static_cast<__u32>(executable.size());
  wire.directory_bytes = static_cast<__u32>(directory.size());
  wire.argument_bytes = static_cast<__u32>(arguments.size());
  std::string bytes(sizeof wire, '\0');
  std::memcpy(bytes.data(), &wire, sizeof wire);
  for (const std::string_view text : {filename, executable, directory, arguments}) bytes += text;
  return bytes;
}

TEST(RecordParserTest, TakesTheTextsApart) {
  wire_record wire = Wire(WIRE_EXEC);
  wire.total_argument_bytes = 100;
  const std::string bytes = Bytes(wire, "./sh", "/bin/sh", "/tmp", std::string_view("sh\0-c\0", 6));
  ProbeRecord record;
  ASSERT_TRUE(ParseProbeRecord(bytes, record).ok());
  EXPECT_EQ(record.event, Event::kExec);
  EXPECT_EQ(record.task.pid, 42u);
  EXPECT_EQ(record.task.comm, "name");
  EXPECT_EQ(record.filename, "./sh");
  EXPECT_EQ(record.task.executable, "/bin/sh");
  EXPECT_EQ(record.task.directory, "/tmp");
  EXPECT_EQ(record.task.arguments, std::string_view("sh\0-c\0", 6));
  EXPECT_TRUE(record.task.are_arguments_truncated());
}

TEST(RecordParserTest, ARecordThatIsUsedAgainKeepsNothing) {
  wire_record wire = Wire(WIRE_EXEC);
  wire.task.image_inode = 7;
  wire.task.login_uid = 1000;
  wire.task.ns_net = 9;
  wire.task.flags = WIRE_DELETED | WIRE_ARGUMENTS_UNREAD | WIRE_DIRECTORY_UNREAD | WIRE_ROOTLESS;
  const std::string first = Bytes(wire, "f", "/memfd:x", "d", "a");
  ProbeRecord record;
  ASSERT_TRUE(ParseProbeRecord(first, record).ok());
  EXPECT_TRUE(record.task.image.has_value());
  EXPECT_TRUE(record.task.is_memfd);
  wire = Wire(WIRE_EXIT);
  wire.task.login_uid = ~0u;
  ASSERT_TRUE(ParseProbeRecord(Bytes(wire), record).ok());
  EXPECT_FALSE(record.task.image.has_value());
  EXPECT_FALSE(record.task.login_uid.has_value());
  EXPECT_FALSE(record.task.namespaces.net.has_value());
  EXPECT_TRUE(record.filename.empty() && record.task.executable.empty());
  EXPECT_TRUE(record.task.directory.empty() && record.task.arguments.empty());
  EXPECT_FALSE(record.task.is_deleted || record.task.is_memfd);
  EXPECT_FALSE(record.task.are_arguments_unread || record.task.are_paths_unread);
}

TEST(RecordParserTest, ExitStatusIsWaits) {
  wire_record wire = Wire(WIRE_EXIT);
  wire.exit_status = 7 << 8;
  ProbeRecord record;
  ASSERT_TRUE(ParseProbeRecord(Bytes(wire), record).ok());
  EXPECT_EQ(record.exit.code, 7);
  EXPECT_EQ(record.exit.signal, 0);
  wire.exit_status = 0x80 | 11;
  ASSERT_TRUE(ParseProbeRecord(Bytes(wire), record).ok());
  EXPECT_EQ(record.exit.signal, 11);
  EXPECT_TRUE(record.exit.has_dumped_core);
}

TEST(RecordParserTest, DevicesAreEncodedAsUserSpaceHasThem) {
  wire_record wire = Wire(WIRE_TASK);
  wire.task.tty = 136 << 20 | 300;
  wire.task.image_inode = 1;
  wire.task.image_device = 259 << 20 | 1000;
  TaskRecord task;
  ASSERT_TRUE(ParseTaskRecord(Bytes(wire), task).ok());
  EXPECT_EQ(task.tty_nr, (300u & 0xff) | 136u << 8 | (300u & ~0xffu) << 12);
  EXPECT_EQ(task.image->device, ::makedev(259, 1000));
}

TEST(RecordParserTest, StatesAreProcs) {
  const struct {
    __u32 state;
    char letter;
  } kCases[] = {{0, 'R'},    {1, 'S'},    {2, 'D'},    {0x402, 'I'},  {4, 'T'},    {8, 't'},
                {0x10, 'X'}, {0x20, 'Z'}, {0x40, 'P'}, {0x2001, 'S'}, {0x82, 'D'}, {0x1000, 'D'}};
  for (const auto& [state, letter] : kCases) {
    wire_record wire = Wire(WIRE_TASK);
    wire.task.state = state;
    TaskRecord task;
    ASSERT_TRUE(ParseTaskRecord(Bytes(wire), task).ok());
    EXPECT_EQ(task.state, letter) << state;
  }
}

TEST(RecordParserTest, ScansRecordsFollowEachOther) {
  const std::string bytes = Bytes(Wire(WIRE_TASK), "", "/a", "/b", "c") + Bytes(Wire(WIRE_TASK));
  TaskRecord task;
  const auto length = ParseTaskRecord(bytes, task);
  ASSERT_TRUE(length.ok());
  EXPECT_EQ(*length, sizeof(wire_record) + 5);
  EXPECT_TRUE(ParseTaskRecord(std::string_view(bytes).substr(*length), task).ok());
}

TEST(RecordParserTest, RefusesWhatIsNone) {
  ProbeRecord record;
  TaskRecord task;
  wire_record cut = Wire(WIRE_EXEC);
  cut.argument_bytes = ~0u;
  cut.filename_bytes = ~0u;
  std::string lying(sizeof cut, '\0');
  std::memcpy(lying.data(), &cut, sizeof cut);
  const std::string whole = Bytes(Wire(WIRE_FORK));
  for (const std::string& bytes : {std::string(), whole.substr(1), whole + "x", lying,
                                   Bytes(Wire(0)), Bytes(Wire(WIRE_TASK)), Bytes(Wire(99))}) {
    EXPECT_EQ(ParseProbeRecord(bytes, record).code(), absl::StatusCode::kDataLoss);
  }
  EXPECT_EQ(ParseTaskRecord(whole, task).status().code(), absl::StatusCode::kDataLoss);
}

}  // namespace
}  // namespace daemoneye::bpf
