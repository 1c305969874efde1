// What nobody should send or start, and yet does: each gets one clear answer, and costs nobody else
// anything.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstring>
#include <filesystem>

#include "fmt/format.h"
#include "libs/base/text.h"
#include "libs/base/unique_fd.h"
#include "libs/linux/procfs/test_child.h"
#include "tests/support/client.h"
#include "tests/support/servers.h"

namespace daemoneye {
namespace {

using procfs::TestChild;
using ::testing::AllOf;
using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::Not;
using testing_support::Client;
using testing_support::Ended;
using testing_support::EventStream;
using testing_support::kEyectl;
using testing_support::kGateway;
using testing_support::kProcmond;
using testing_support::LiveOnly;
using testing_support::RunToEnd;
using testing_support::Server;
using testing_support::SnapshotOnly;
using testing_support::TempDirectory;

constexpr char kStreamEvents[] = "/daemoneye.v1.MonitorService/StreamEvents";

Ended RunProgram(const std::string& program, std::vector<std::string> flags) {
  flags.insert(flags.begin(), program);
  return RunToEnd({.argv = flags, .environment = {}, .user = {}});
}

size_t LinesOf(const std::string& text) { return std::ranges::count(text, '\n'); }

TEST(BadFlagsTest, EachIsOneSentenceAndExitCodeTwo) {
  const TempDirectory directory;
  const std::string unknown_key = directory.Write("u.yaml", "collection_intervall: 10s\n");
  const std::string bad_value = directory.Write("v.yaml", "collection_interval: 4s\n");
  const struct {
    std::vector<std::string> flags;
    std::vector<std::string> says;
  } cases[] = {
      {{"--config=", "--intervall=10"}, {"intervall", "interval"}},
      {{"--config=", "--bogus"}, {"unknown flag", "--bogus"}},
      {{"--config=", "stray"}, {"stray argument", "'stray'"}},
      {{"--config=", "--compute_hashes", "false"}, {"stray argument", "'false'"}},
      {{"--config=", "--interval=4"}, {"--interval", "4", "5..3600"}},
      {{"--config=", "--interval=3601"}, {"--interval", "5..3600"}},
      {{"--config=", "--interval=soon"}, {"--interval", "soon"}},
      {{"--config=" + unknown_key}, {"collection_intervall", "collection_interval", "u.yaml"}},
      {{"--config=" + bad_value}, {"collection_interval", "5..3600", "v.yaml"}},
      {{"--config=" + directory.File("none.yaml")}, {"none.yaml"}},
      {{"--config=", "--sources=psychic"}, {"sources", "psychic"}},
      {{"--config=", "--kernel_ring_bytes=5000"}, {"kernel_ring_bytes", "a power of two"}},
      {{"--config=", "--listen=unix://relative"}, {"unix://relative", "want"}},
      {{"--config=", "--listen=0.0.0.0:50051", "--check_config"}, {"0.0.0.0:50051", "--insecure"}},
      {{"--config=", "--listen=", "--check_config"}, {"--listen", "1..16"}},
      {{"--config=", "--operator_listen=127.0.0.1:0", "--check_config"}, {"operator_listen"}},
      {{"--config=", "--metrics_address=localhost", "--check_config"}, {"metrics_address"}},
      {{"--config=", "--tls_cert=/none", "--tls_key=/none", "--check_config"}, {"/none"}},
  };
  for (const auto& [flags, says] : cases) {
    const Ended ended = RunProgram(kProcmond, flags);
    EXPECT_EQ(ended.code, 2) << flags.back();
    EXPECT_EQ(LinesOf(ended.output), 1u) << ended.output;
    for (const std::string& text : says) EXPECT_THAT(ended.output, HasSubstr(text));
  }
}

TEST(BadFlagsTest, AnUnknownVariableOfTheEnvironmentIsRefused) {
  const Ended ended = RunToEnd({.argv = {kProcmond, "--config=", "--check_config"},
                                .environment = {"DAEMONEYE_INTERVALL=9"},
                                .user = {}});
  EXPECT_EQ(ended.code, 2);
  EXPECT_THAT(ended.output, AllOf(HasSubstr("DAEMONEYE_INTERVALL"), HasSubstr("INTERVAL")));
}

TEST(BadFlagsTest, TheGatewayNamesAMonitorItCannotDial) {
  for (const char* monitors :
       {"--monitors=unix://", "--monitors=nowhere", "--monitors=127.0.0.1:1,127.0.0.1:1"}) {
    const Ended ended = RunProgram(kGateway, {"--config=", monitors});
    EXPECT_EQ(ended.code, 2) << monitors;
    EXPECT_THAT(ended.output, HasSubstr("monitors"));
    EXPECT_EQ(LinesOf(ended.output), 1u) << ended.output;
  }
}

class BadInputTest : public ::testing::Test {
 protected:
  void Start(const std::string& program, std::vector<std::string> flags = {}) {
    server_.reset();  // it has the address
    server_ = std::make_unique<Server>(program, directory_.Socket("s") + ",127.0.0.1:0", flags);
    server_->Ready();
    client_ = std::make_unique<Client>(server_->address());
  }
  // How a stream with this request ends.
  absl::Status StreamStatus(const v1::StreamEventsRequest& request) {
    return client_->StreamEvents(request).Finish();
  }
  absl::Status FilterStatus(const std::function<void(v1::EventFilter&)>& fill) {
    v1::StreamEventsRequest request = SnapshotOnly();
    fill(*request.mutable_filter());
    return StreamStatus(request);
  }
  // Whether the server still serves others.
  void ExpectServes() {
    EventStream stream = Client(server_->address()).StreamEvents(SnapshotOnly());
    EXPECT_GE(stream.Rest().size(), 2u);
    EXPECT_EQ(stream.Finish(), absl::OkStatus());
  }

  TempDirectory directory_;
  std::unique_ptr<Server> server_;
  std::unique_ptr<Client> client_;
};

TEST_F(BadInputTest, AWrongFieldIsInvalidArgumentAndNamed) {
  for (const char* program : {kProcmond, kGateway}) {
    Start(program);
    const std::pair<std::string, std::function<void(v1::EventFilter&)>> filters[] = {
        {"sql", [](v1::EventFilter& f) { f.set_sql("name = "); }},
        {"sql", [](v1::EventFilter& f) { f.set_sql("nosuchcolumn > 1"); }},
        {"sql", [](v1::EventFilter& f) { f.set_sql("1; DROP TABLE processes"); }},
        {"topics", [](v1::EventFilter& f) { f.add_topics("events.*.start"); }},
        {"topics", [](v1::EventFilter& f) { f.add_topics("events.#.start"); }},
        {"actions", [](v1::EventFilter& f) { f.add_actions("BEGIN"); }},
        {"pids",
         [](v1::EventFilter& f) {
           for (uint32_t i = 0; i < 10'000; ++i) f.add_pids(i + 1);
         }},
        {"deny", [](v1::EventFilter& f) { f.mutable_deny()->mutable_deny()->add_pids(1); }},
    };
    for (const auto& [field, fill] : filters) {
      const absl::Status status = FilterStatus(fill);
      EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << field << ": " << status;
      EXPECT_THAT(std::string(status.message()), HasSubstr(field));
    }
    v1::StreamEventsRequest heartbeat;
    heartbeat.mutable_heartbeat_interval()->set_seconds(301);
    const absl::Status status = StreamStatus(heartbeat);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(status.message()),
                AllOf(HasSubstr("heartbeat_interval"), HasSubstr("300")));
    ExpectServes();
  }
}

TEST_F(BadInputTest, ARequestThatDoesNotParseIsInvalidArgument) {
  Start(kProcmond);
  for (const char* method : {"NegotiateCapabilities", "StreamEvents", "StreamEventBatches",
                             "ExecuteTask", "GetStatus"}) {
    const absl::Status status = client_->CallRaw(
        fmt::format("/daemoneye.v1.MonitorService/{}", method), "\xff\xff\xff garbage");
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << method << ": " << status;
  }
  ExpectServes();
}

TEST_F(BadInputTest, ATooLargeRequestIsResourceExhausted) {
  Start(kProcmond);
  const auto limits = client_->Negotiate();
  ASSERT_TRUE(limits.ok());
  v1::StreamEventsRequest request = SnapshotOnly();
  request.mutable_filter()->set_sql(std::string(limits->limits().max_request_bytes() + 1000, 'x'));
  EXPECT_EQ(client_->CallRaw(kStreamEvents, request.SerializeAsString()).code(),
            absl::StatusCode::kResourceExhausted);
  ExpectServes();
}

TEST_F(BadInputTest, AResumeBeyondTheEndStartsAnewAndSaysSo) {
  Start(kProcmond);
  const auto negotiated = client_->Negotiate();
  ASSERT_TRUE(negotiated.ok());
  v1::StreamEventsRequest request = SnapshotOnly();
  request.mutable_resume()->set_stream_id(negotiated->stream_id());
  request.mutable_resume()->set_after_sequence(1'000'000'000);
  EventStream stream = client_->StreamEvents(request);
  const auto messages = stream.Rest();
  EXPECT_EQ(stream.Finish(), absl::OkStatus());
  ASSERT_GE(messages.size(), 2u);
  EXPECT_FALSE(messages.front().control().stream_started().resumed());
  EXPECT_TRUE(messages.back().control().has_snapshot_complete());
}

TEST_F(BadInputTest, ACommandLineOfTwoMegabytesIsCutAndToldAsCut) {
  rlimit stack;
  ASSERT_EQ(::getrlimit(RLIMIT_STACK, &stack), 0);
  const rlimit large = {.rlim_cur = 64 << 20, .rlim_max = stack.rlim_max};
  if (::setrlimit(RLIMIT_STACK, &large) != 0) GTEST_SKIP() << "no stack for 2 MB of arguments";
  const TestChild child(TestChild::ProgramPath(),
                        std::vector<std::string>(20, std::string(100 << 10, 'a')));
  ::setrlimit(RLIMIT_STACK, &stack);

  Start(kProcmond);
  v1::StreamEventsRequest request = SnapshotOnly();
  request.mutable_filter()->add_pids(static_cast<uint32_t>(child.pid()));
  const auto messages = client_->StreamEvents(request).Rest();
  ASSERT_EQ(messages.size(), 3u);
  EXPECT_TRUE(messages[1].truncated());
  EXPECT_GE(messages[1].truncated_bytes(), 20u * (100 << 10) - (64 << 10));
  EXPECT_LE(messages[1].ByteSizeLong(), 128u << 10);
  size_t kept = 0;
  for (const std::string& argument : messages[1].process().command_line()) kept += argument.size();
  EXPECT_GT(kept, 32u << 10);
  EXPECT_LE(kept, 64u << 10);
}

TEST_F(BadInputTest, ANameOfEscapeSequencesIsEscapedAndNoTerminalSeesThem) {
  const TestChild child(TestChild::ProgramPath(),
                        {"name=\x1b[31m\xff\xfe\\x", "\x1b]0;owned\x07", "\xc3\x28", "\u202eevil"});
  Start(kProcmond);
  v1::StreamEventsRequest request = SnapshotOnly();
  request.mutable_filter()->add_pids(static_cast<uint32_t>(child.pid()));
  const auto messages = client_->StreamEvents(request).Rest();
  ASSERT_EQ(messages.size(), 3u);
  EXPECT_TRUE(messages[1].escaped());
  const v1::ProcessEvent& process = messages[1].process();
  EXPECT_EQ(process.name(), "\x1b[31m\\xff\\xfe\\\\x");
  EXPECT_THAT(process.command_line(), testing::Contains("\\xc3("));

  for (const char* format : {"--json=false", "--json"}) {
    const Ended ended = RunProgram(
        kEyectl, {"events", "--follow=false", format, fmt::format("--pid={}", child.pid()),
                  "--address=" + server_->address()});
    EXPECT_EQ(ended.code, 0) << ended.output;
    EXPECT_TRUE(base::IsUtf8(ended.output));
    EXPECT_THAT(ended.output, HasSubstr("owned"));
    for (const char c : ended.output) {
      EXPECT_TRUE(c == '\n' || (static_cast<uint8_t>(c) >= 0x20 && c != 0x7f))
          << "byte " << static_cast<int>(c);
    }
    EXPECT_THAT(ended.output, Not(HasSubstr("\u202e")));
  }
}

// Connects to the server's socket as nobody's client.
base::UniqueFd ConnectUnix(const std::string& path) {
  base::UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address = {.sun_family = AF_UNIX};
  std::memcpy(address.sun_path, path.data(), path.size());
  EXPECT_EQ(::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  return fd;
}

// HTTP/2's preface and a SETTINGS frame (RFC 9113, 3.4), and the beginning of a HEADERS frame.
const std::string kPreface("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0", 33);
const std::string kHalfHeaders("\0\0\x40\1\4\0\0\0\1\x83\x86", 11);

TEST_F(BadInputTest, GarbageHalfARequestAndVanishingClientsCostNobodyAnything) {
  Start(kProcmond);
  const std::string path = directory_.File("s");
  std::vector<base::UniqueFd> open;
  for (const std::string& bytes :
       {std::string(100'000, '\xa5'), std::string("GET / HTTP/1.0\r\n\r\n"),
        std::string("\x16\x03\x01"), kPreface, kPreface + kHalfHeaders, std::string()}) {
    for (const bool stays : {false, true}) {
      base::UniqueFd fd = ConnectUnix(path);
      // It may hang up in the middle of what we say.
      (void)::send(fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (stays) open.push_back(std::move(fd));
    }
  }
  // Clients that go without a word while their stream runs.
  for (int i = 0; i < 5; ++i) {
    EventStream stream = Client(server_->address()).StreamEvents({});
    EXPECT_TRUE(stream.Next().has_value());
  }
  ExpectServes();
  EventStream live = client_->StreamEvents(LiveOnly());
  EXPECT_TRUE(live.Next().has_value());
  const auto status = client_->GetStatus();
  ASSERT_TRUE(status.ok());
  EXPECT_TRUE(status->ready());
}

TEST_F(BadInputTest, APortOrASocketInUseIsOneSentenceAndAFailure) {
  Start(kProcmond, {"--metrics_address=127.0.0.1:0"});
  const auto tcp = server_->AwaitLine({"listening address=127.0.0.1:"});
  ASSERT_TRUE(tcp.has_value());
  const std::string log = server_->output();
  const size_t url = log.find("http://127.0.0.1:");
  ASSERT_NE(url, std::string::npos);
  const std::string metrics = log.substr(url + 7, log.find("/metrics", url) - url - 7);
  const std::vector<std::string> cases[] = {
      {"--listen=" + tcp->substr(tcp->find("127.0.0.1:")), "--metrics_address="},
      {"--listen=" + server_->address(), "--metrics_address="},
      {"--listen=" + directory_.Socket("free"), "--metrics_address=" + metrics},
  };
  for (const std::vector<std::string>& flags : cases) {
    const Ended ended = RunProgram(kProcmond, {"--config=", flags[0], flags[1]});
    EXPECT_EQ(ended.code, 1) << ended.output;
    EXPECT_THAT(ended.output, HasSubstr("ERROR procmond: cannot start"));
    EXPECT_THAT(ended.output, AnyOf(HasSubstr("another process"), HasSubstr("port is busy")));
  }
  ExpectServes();
}

TEST_F(BadInputTest, AStaleSocketIsTakenOverAndAFileThatIsNoneIsNot) {
  Start(kProcmond);
  server_->Kill();
  ASSERT_TRUE(std::filesystem::is_socket(directory_.File("s")));
  Start(kProcmond);
  ExpectServes();

  directory_.Write("file", "precious");
  const Ended ended = RunProgram(
      kProcmond, {"--config=", "--metrics_address=", "--listen=" + directory_.Socket("file")});
  EXPECT_EQ(ended.code, 1);
  EXPECT_THAT(ended.output, HasSubstr("no socket"));
  EXPECT_TRUE(std::filesystem::is_regular_file(directory_.File("file")));
}

}  // namespace
}  // namespace daemoneye
