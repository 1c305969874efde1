#include "libs/linux/netlink/proc_event_parser.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/cn_proc.h>
#include <linux/connector.h>
#include <linux/netlink.h>

#include <cstddef>
#include <cstring>
#include <string>

namespace daemoneye::netlink {
namespace {

constexpr size_t kHeaderBytes = NLMSG_HDRLEN + sizeof(cn_msg);

proc_event Event(ProcEventKind kind) {
  proc_event event = {};
  const auto what = static_cast<uint32_t>(kind);
  std::memcpy(&event.what, &what, sizeof what);
  event.cpu = 3;
  event.timestamp_ns = 77;
  return event;
}

// A datagram with the first `bytes` of `event`.
std::string Datagram(const proc_event& event, size_t bytes = sizeof(proc_event)) {
  nlmsghdr header = {};
  header.nlmsg_len = static_cast<uint32_t>(kHeaderBytes + bytes);
  cn_msg message = {};
  message.id = {.idx = CN_IDX_PROC, .val = CN_VAL_PROC};
  message.seq = 41;
  message.len = static_cast<uint16_t>(bytes);
  std::string datagram(kHeaderBytes + bytes, '\0');
  std::memcpy(datagram.data(), &header, sizeof header);
  std::memcpy(datagram.data() + NLMSG_HDRLEN, &message, sizeof message);
  std::memcpy(datagram.data() + kHeaderBytes, &event, bytes);
  return datagram;
}

TEST(ProcEventParserTest, ReadsAFork) {
  proc_event event = Event(ProcEventKind::kFork);
  event.event_data.fork = {.parent_pid = 11, .parent_tgid = 10, .child_pid = 21, .child_tgid = 20};
  const auto read = ParseProcMessage(Datagram(event));
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->sequence, 41u);
  EXPECT_EQ(read->event.kind, ProcEventKind::kFork);
  EXPECT_EQ(read->event.cpu, 3u);
  EXPECT_EQ(read->event.monotonic_ns, 77u);
  EXPECT_EQ(read->event.pid, 20u);
  EXPECT_EQ(read->event.tid, 21u);
  EXPECT_EQ(read->event.parent_pid, 10u);
  EXPECT_TRUE(read->event.is_of_thread());
}

TEST(ProcEventParserTest, ReadsAnExit) {
  proc_event event = Event(ProcEventKind::kExit);
  event.event_data.exit = {.process_pid = 20,
                           .process_tgid = 20,
                           .exit_code = 0x0709,
                           .exit_signal = 17,
                           .parent_pid = 11,
                           .parent_tgid = 10};
  const auto read = ParseProcMessage(Datagram(event));
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->event.pid, 20u);
  EXPECT_EQ(read->event.parent_pid, 10u);
  EXPECT_EQ(read->event.wait_status, 0x0709u);
  EXPECT_FALSE(read->event.is_of_thread());
}

TEST(ProcEventParserTest, AnExitOfAnOlderKernelHasNoParent) {
  proc_event event = Event(ProcEventKind::kExit);
  event.event_data.exit.process_tgid = 20;
  event.event_data.exit.exit_code = 9;
  event.event_data.exit.parent_tgid = 10;
  const auto read =
      ParseProcMessage(Datagram(event, offsetof(proc_event, event_data.exit.parent_pid)));
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->event.wait_status, 9u);
  EXPECT_EQ(read->event.parent_pid, 0u);
}

TEST(ProcEventParserTest, ReadsUsersAndAcknowledges) {
  proc_event event = Event(ProcEventKind::kUser);
  event.event_data.id.process_tgid = 20;
  event.event_data.id.r.ruid = 1000;
  event.event_data.id.e.euid = 0;
  const auto user = ParseProcMessage(Datagram(event));
  ASSERT_TRUE(user.ok()) << user.status();
  EXPECT_EQ(user->event.real_id, 1000u);
  EXPECT_EQ(user->event.effective_id, 0u);

  proc_event acknowledge = Event(ProcEventKind::kAcknowledge);
  acknowledge.event_data.ack.err = 1;
  const auto answer = ParseProcMessage(Datagram(acknowledge));
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->event.error, 1u);
}

TEST(ProcEventParserTest, KeepsKindsThatAreNotKnown) {
  const auto read = ParseProcMessage(Datagram(Event(static_cast<ProcEventKind>(0x400))));
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(MaskOf(read->event.kind), 0x400u);
  EXPECT_EQ(read->event.pid, 0u);
}

TEST(ProcEventParserTest, NoPartOfAMessageIsAMessage) {
  for (const auto kind : {ProcEventKind::kFork, ProcEventKind::kExec, ProcEventKind::kUser,
                          ProcEventKind::kExit, ProcEventKind::kAcknowledge}) {
    const std::string whole = Datagram(Event(kind));
    for (size_t bytes = 0; bytes < whole.size(); ++bytes) {
      EXPECT_EQ(ParseProcMessage(whole.substr(0, bytes)).status().code(),
                absl::StatusCode::kDataLoss)
          << MaskOf(kind) << ' ' << bytes;
    }
  }
}

TEST(ProcEventParserTest, RefusesPayloadsTooShortForTheirKind) {
  struct Case {
    ProcEventKind kind;
    size_t bytes;
  };
  for (const Case& c : {Case{ProcEventKind::kFork, 28}, Case{ProcEventKind::kExec, 20},
                        Case{ProcEventKind::kExit, 28}, Case{ProcEventKind::kUser, 28},
                        Case{ProcEventKind::kAcknowledge, 16}, Case{ProcEventKind::kName, 8}}) {
    EXPECT_EQ(ParseProcMessage(Datagram(Event(c.kind), c.bytes)).status().code(),
              absl::StatusCode::kDataLoss)
        << MaskOf(c.kind);
  }
}

TEST(ProcEventParserTest, RefusesLengthsBeyondTheDatagram) {
  const std::string whole = Datagram(Event(ProcEventKind::kExec));
  std::string header = whole;
  header[3] = 0x7f;  // nlmsg_len
  EXPECT_EQ(ParseProcMessage(header).status().code(), absl::StatusCode::kDataLoss);
  std::string payload = whole;
  payload[NLMSG_HDRLEN + offsetof(cn_msg, len) + 1] = 0x7f;
  EXPECT_EQ(ParseProcMessage(payload).status().code(), absl::StatusCode::kDataLoss);
  std::string other = whole;
  other[NLMSG_HDRLEN] = 2;  // cn_msg.id.idx
  EXPECT_EQ(ParseProcMessage(other).status().code(), absl::StatusCode::kDataLoss);
}

}  // namespace
}  // namespace daemoneye::netlink
