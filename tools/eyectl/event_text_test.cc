#include "tools/eyectl/event_text.h"

#include <gmock/gmock.h>
#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

namespace daemoneye::eyectl {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

v1::CollectionEvent FromText(const std::string& text) {
  v1::CollectionEvent event;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &event)) << text;
  return event;
}

EventText Plain(int columns = 0) {
  return EventText(Style(false), {.time_zone = absl::UTCTimeZone(), .columns = columns});
}

std::string LineOf(const std::string& text) { return Plain().Line(FromText(text)); }

TEST(EventTextTest, EachKindOfEventHasItsLine) {
  const struct {
    std::string event, line;
  } cases[] = {
      {R"(event_time { seconds: 1000000000 nanos: 5000000 }
          process { action: PROCESS_ACTION_START pid: 42 ppid: 1 name: "nginx" user_name: "root"
                    parent_name: "systemd" command_line: "nginx" command_line: "-g x" command_line: "" })",
       "01:46:40.005 START           42 root       nginx           nginx \"-g x\" \"\"  by systemd "
       "(1)\n"},
      {R"(process { action: PROCESS_ACTION_STOP pid: 42 name: "sleep" command_line: "sleep"
                    runtime { seconds: 12 nanos: 345678901 } exit_code: 0 })",
       "             STOP            42            sleep           after 12.345s  exit 0  sleep\n"},
      {R"(process { action: PROCESS_ACTION_STOP pid: 4 name: "x" exit_signal: 9 executable_path: "/x" })",
       "             STOP             4            x               signal 9  /x\n"},
      {R"(process { action: PROCESS_ACTION_SNAPSHOT pid: 2 name: "kthreadd" })",
       "             SNAPSHOT         2            kthreadd        [kthreadd]\n"},
      {R"(process { action: PROCESS_ACTION_MODIFIED pid: 7 name: "a" modified_fields: "name"
                    modified_fields: "user_id" command_line: "a" })",
       "             MODIFIED         7            a               changed name,user_id:  a\n"},
      {R"(process { action: PROCESS_ACTION_SUSPICIOUS pid: 7 name: "a" executable_path: "/tmp/a"
                    container_id: "0123456789abcdef"
                    suspicion { rule: "tmp" severity: SEVERITY_MEDIUM reason: "runs from /tmp" } })",
       "             SUSPICIOUS       7            a               MEDIUM tmp: runs from /tmp  "
       "/tmp/a  "
       "container 0123456789ab\n"},
      {R"(process { action: PROCESS_ACTION_SAMPLE pid: 7 name: "a" cpu_usage_percent: 12.34
                    memory_usage_bytes: 1572864 })",
       "             SAMPLE           7            a               cpu 12.3 %  memory 1.5 MiB\n"},
      {R"(network { action: NETWORK_ACTION_CONNECT pid: 7 protocol: "tcp" source_address: "::1"
                    source_port: 5 destination_address: "10.0.0.1" destination_port: 80 })",
       "             CONNECT          7            tcp             [::1]:5 -> 10.0.0.1:80\n"},
      {R"(filesystem { action: FILESYSTEM_ACTION_MOVE old_path: "/a" path: "/b" })",
       "             MOVE                                          /a -> /b\n"},
      {R"(performance { metric_name: "cpu.usage" value: 1.5 unit: "%" component: "cpu0" })",
       "             METRIC                        cpu.usage       1.5 %  cpu0\n"},
      {R"(trigger_request { trigger_id: "t" priority: TRIGGER_PRIORITY_HIGH target_pid: 3
                            analysis_type: ANALYSIS_TYPE_BINARY_HASH target_collector: "hasher" })",
       "             TRIGGER          3            t               HIGH BINARY_HASH  for hasher\n"},
      {R"(loss { monitor: "procmond" stage: "intake" reason: "backpressure" count: 3 total: 9 })",
       "             LOST                                          !! 3 events lost  by procmond "
       "at intake: "
       "backpressure  9 in all\n"},
      {"sequence: 1",
       "             ?                                             an event of a kind that "
       "this eyectl does not know\n"},
  };
  for (const auto& c : cases) EXPECT_EQ(LineOf(c.event), c.line);
}

TEST(EventTextTest, EachNoticeHasItsLine) {
  const struct {
    std::string control, line;
  } cases[] = {
      {R"(stream_started { stream_id: "s" first_sequence: 5 resumed: true
                           publisher { monitor: "m" host: "h" } })",
       "-- stream s of m@h from position 5, resumed\n"},
      {R"(publisher { stream_id: "s" monitor: "m" host: "h" })",
       "-- publisher m@h, its stream s\n"},
      {"snapshot_complete { count: 131 as_of_sequence: 7 read: 100 total: 131 missing_monitors: "
       "'x' }",
       "-- snapshot of 131 as of position 7; the last cycle read 100 of 131 processes; missing: "
       "x\n"},
      {"missed { first_sequence: 3 last_sequence: 9 count: 7 }",
       "-- !! MISSED 7 events: positions 3..9 were not held any more\n"},
      {"missed { first_sequence: 3 last_sequence: 9 }",
       "-- !! MISSED an unknown number of events: positions 3..9 were not held any more\n"},
      {R"(capabilities_changed { caps: SOURCE_CAP_PROCESS reason: "gone" })",
       "-- capabilities now PROCESS: gone\n"},
      {"heartbeat { sequence: 3 }", ""},
      {"", "-- a notice of a kind that this eyectl does not know\n"},
  };
  for (const auto& c : cases) EXPECT_EQ(LineOf("control { " + c.control + " }"), c.line);
}

TEST(EventTextTest, NamesTheOriginOnlyWhereItIsAnotherThanTheStreams) {
  EventText text = Plain();
  text.Line(FromText("control { stream_started { stream_id: 'g' publisher { host: 'h' } } }"));
  const auto line_from = [&](const std::string& origin) {
    return text.Line(FromText("origin { " + origin + " } process {}"));
  };
  EXPECT_THAT(line_from("monitor: 'procmond' host: 'h' stream_id: 'p'"), HasSubstr("(procmond)"));
  EXPECT_THAT(line_from("monitor: 'procmond' host: 'i' stream_id: 'p'"), HasSubstr("(procmond@i)"));
  EXPECT_THAT(line_from("monitor: 'gw' host: 'h' stream_id: 'g'"), Not(HasSubstr("(gw")));
}

// Every text of every payload and notice, set to a text that would take over the terminal.
TEST(EventTextTest, NothingFromOutsideReachesTheTerminalRaw) {
  const std::string hostile = "a\x1b[2Jb\nc\u202Ed\u0085e";
  const auto poison = [&](google::protobuf::Message& message, int depth, auto& self) -> void {
    const auto* descriptor = message.GetDescriptor();
    const auto* reflection = message.GetReflection();
    for (int i = 0; i < descriptor->field_count(); ++i) {
      const auto* f = descriptor->field(i);
      if (f->is_map()) continue;
      if (f->cpp_type() == f->CPPTYPE_STRING) {
        f->is_repeated() ? reflection->AddString(&message, f, hostile)
                         : reflection->SetString(&message, f, hostile);
      } else if (f->cpp_type() == f->CPPTYPE_MESSAGE && !f->is_repeated() && depth > 0 &&
                 f->real_containing_oneof() == nullptr) {
        self(*reflection->MutableMessage(&message, f), depth - 1, self);
      }
    }
  };
  const auto check_each_of = [&](const google::protobuf::OneofDescriptor& oneof, auto wrap) {
    for (int i = 0; i < oneof.field_count(); ++i) {
      for (int action = 0; action <= 7; ++action) {
        v1::CollectionEvent event;
        google::protobuf::Message& outer = wrap(event);
        auto* inner = outer.GetReflection()->MutableMessage(&outer, oneof.field(i));
        poison(*inner, 2, poison);
        poison(*event.mutable_origin(), 0, poison);
        if (const auto* f = inner->GetDescriptor()->FindFieldByName("action"); f != nullptr) {
          inner->GetReflection()->SetEnumValue(inner, f, action);
        }
        EventText text = Plain();
        text.Line(FromText("control { stream_started { stream_id: 'other' } }"));
        const std::string line = text.Line(event);
        for (size_t at = 0; at + 1 < line.size(); ++at) {
          EXPECT_GE(static_cast<unsigned char>(line[at]), 0x20) << oneof.field(i)->name();
        }
        EXPECT_EQ(line.find("\u202E"), std::string::npos) << oneof.field(i)->name();
        EXPECT_EQ(line.find("\u0085"), std::string::npos) << oneof.field(i)->name();
      }
    }
  };
  check_each_of(*v1::CollectionEvent::descriptor()->FindOneofByName("payload"),
                [](v1::CollectionEvent& e) -> google::protobuf::Message& { return e; });
  check_each_of(
      *v1::StreamControl::descriptor()->FindOneofByName("message"),
      [](v1::CollectionEvent& e) -> google::protobuf::Message& { return *e.mutable_control(); });
}

TEST(EventTextTest, CutsAtTheTerminalsWidthBetweenCharacters) {
  const auto event = FromText(R"(process { action: PROCESS_ACTION_START name: "ééééééééééééé" })");
  EXPECT_EQ(Plain(50).Line(event), "             START                         éééééé…\n");
  EXPECT_EQ(Plain(400).Line(event), Plain().Line(event));
}

TEST(EventTextTest, ColoursWholeLinesWhereTheStyleHasColour) {
  EventText text(Style(true), {.time_zone = absl::UTCTimeZone()});
  const std::string line = text.Line(FromText("process { action: PROCESS_ACTION_START }"));
  EXPECT_THAT(line, StartsWith("\x1b[32m"));
  EXPECT_THAT(line, HasSubstr("\x1b[0m\n"));
}

}  // namespace
}  // namespace daemoneye::eyectl
