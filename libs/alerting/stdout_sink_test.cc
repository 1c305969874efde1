#include "libs/alerting/stdout_sink.h"

#include <fcntl.h>
#include <unistd.h>

#include <csignal>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "libs/alerting/alert_sink_conformance.h"
#include "libs/base/unique_fd.h"

namespace daemoneye::alerting {
namespace {

using ::testing::HasSubstr;

class PipeFixture {
 public:
  PipeFixture() {
    int fds[2];
    if (::pipe2(fds, O_CLOEXEC) != 0) std::abort();
    reader_.Reset(fds[0]);
    writer_.Reset(fds[1]);
    ::fcntl(writer_.get(), F_SETPIPE_SZ, 1 << 20);
  }
  std::unique_ptr<AlertSink> Make() {
    return std::make_unique<StdoutSink>(writer_.get(), LineFormat::kJson, absl::Seconds(5));
  }
  std::vector<std::string> Titles() {
    std::istringstream lines(ReadRest());
    std::vector<std::string> titles;
    std::string line;
    while (std::getline(lines, line)) titles.push_back(nlohmann::json::parse(line)["title"]);
    return titles;
  }
  // Closes the writer's end.
  std::string ReadRest() {
    writer_.Reset();
    std::string text;
    char buffer[4096];
    for (ssize_t n; (n = ::read(reader_.get(), buffer, sizeof(buffer))) > 0;) {
      text.append(buffer, static_cast<size_t>(n));
    }
    return text;
  }

  base::UniqueFd reader_, writer_;
};

INSTANTIATE_TYPED_TEST_SUITE_P(Stdout, AlertSinkConformance, PipeFixture);

class StdoutSinkTest : public ::testing::Test {
 protected:
  // Until it takes no more.
  void Fill() {
    ::fcntl(pipe_.writer_.get(), F_SETPIPE_SZ, 4096);
    ::fcntl(pipe_.writer_.get(), F_SETFL, O_NONBLOCK);
    while (::write(pipe_.writer_.get(), "x", 1) == 1) {
    }
    ::fcntl(pipe_.writer_.get(), F_SETFL, 0);
  }
  PipeFixture pipe_;
  const v1::Alert alert_ = AlertNumber(7);
};

TEST_F(StdoutSinkTest, WritesALineForPeople) {
  StdoutSink sink(pipe_.writer_.get(), LineFormat::kText, absl::Seconds(5));
  ASSERT_TRUE(sink.Deliver({&alert_, 1}, {}).status.ok());
  const std::string text = pipe_.ReadRest();
  EXPECT_THAT(text, HasSubstr("HIGH alert 7: title-7"));
  EXPECT_EQ(text.find('\n'), text.size() - 1);
}

TEST_F(StdoutSinkTest, AReaderThatDoesNotReadIsATimeout) {
  Fill();
  StdoutSink sink(pipe_.writer_.get(), LineFormat::kText, absl::Milliseconds(50));
  EXPECT_TRUE(absl::IsDeadlineExceeded(sink.Deliver({&alert_, 1}, {}).status));
}

TEST_F(StdoutSinkTest, StopsInTheMiddleOfAWrite) {
  Fill();
  StdoutSink sink(pipe_.writer_.get(), LineFormat::kText, absl::Seconds(300));
  std::stop_source stop;
  absl::Status status;
  std::jthread writer([&] { status = sink.Deliver({&alert_, 1}, stop.get_token()).status; });
  stop.request_stop();
  writer.join();
  EXPECT_TRUE(absl::IsCancelled(status)) << status;
}

TEST_F(StdoutSinkTest, AReaderThatHasGoneIsAnErrorAndNoSignal) {
  ::signal(SIGPIPE, SIG_IGN);  // a worker's thread blocks it
  pipe_.reader_.Reset();
  StdoutSink sink(pipe_.writer_.get(), LineFormat::kText, absl::Seconds(5));
  EXPECT_TRUE(absl::IsUnavailable(sink.Deliver({&alert_, 1}, {}).status));
}

TEST_F(StdoutSinkTest, BeginsANewLineAfterOneThatWasCut) {
  ::fcntl(pipe_.writer_.get(), F_SETPIPE_SZ, 4096);
  StdoutSink sink(pipe_.writer_.get(), LineFormat::kJson, absl::Milliseconds(50));
  v1::Alert large = alert_;
  (*large.mutable_details())["a"] = std::string(10'000, 'x');
  ASSERT_FALSE(sink.Deliver({&large, 1}, {}).status.ok());
  std::string read;
  char buffer[8192];
  const ssize_t n = ::read(pipe_.reader_.get(), buffer, sizeof(buffer));
  ASSERT_GT(n, 0);
  ASSERT_TRUE(sink.Deliver({&alert_, 1}, {}).status.ok());
  const std::string text = pipe_.ReadRest();
  EXPECT_EQ(text.front(), '\n');
  EXPECT_EQ(nlohmann::json::parse(text.substr(1))["title"], "title-7");
}

}  // namespace
}  // namespace daemoneye::alerting
