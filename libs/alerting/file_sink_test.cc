#include "libs/alerting/file_sink.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "libs/alerting/alert_sink_conformance.h"

namespace daemoneye::alerting {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// The titles of a file's lines; a line that is no JSON is "(broken)".
std::vector<std::string> TitlesOf(const std::string& path) {
  std::ifstream file(path);
  std::vector<std::string> titles;
  std::string line;
  while (std::getline(file, line)) {
    const auto json = nlohmann::json::parse(line, nullptr, false);
    titles.push_back(json.is_object() ? json["title"].get<std::string>() : "(broken)");
  }
  return titles;
}

class FileFixture {
 public:
  FileFixture() {
    std::string name = std::string(std::getenv("TEST_TMPDIR")) + "/XXXXXX";
    folder_ = ::mkdtemp(name.data());
  }
  ~FileFixture() { std::filesystem::remove_all(folder_); }
  std::unique_ptr<AlertSink> Make() { return std::make_unique<FileSink>(path()); }
  std::vector<std::string> Titles() { return TitlesOf(path()); }
  std::string path() const { return folder_ + "/alerts.jsonl"; }

 private:
  std::string folder_;
};

INSTANTIATE_TYPED_TEST_SUITE_P(File, AlertSinkConformance, FileFixture);

class FileSinkTest : public ::testing::Test {
 protected:
  absl::Status Deliver(uint64_t number) {
    const v1::Alert alert = AlertNumber(number);
    return sink_.Deliver({&alert, 1}, {}).status;
  }
  FileFixture files_;
  FileSink sink_{files_.path()};
};

TEST_F(FileSinkTest, MakesAFileThatOthersCannotReadAndAppendsToOneThatIsThere) {
  ASSERT_TRUE(Deliver(1).ok());
  struct stat found;
  ASSERT_EQ(::stat(files_.path().c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 0777 & ~0750, 0u);
  FileSink another(files_.path());
  const v1::Alert alert = AlertNumber(2);
  ASSERT_TRUE(another.Deliver({&alert, 1}, {}).status.ok());
  EXPECT_THAT(files_.Titles(), ElementsAre("title-1", "title-2"));
}

TEST_F(FileSinkTest, NoticesThatItsFileWasMovedAway) {
  ASSERT_TRUE(Deliver(1).ok());
  std::filesystem::rename(files_.path(), files_.path() + ".1");
  ASSERT_TRUE(Deliver(2).ok());
  EXPECT_THAT(TitlesOf(files_.path() + ".1"), ElementsAre("title-1"));
  EXPECT_THAT(files_.Titles(), ElementsAre("title-2"));
}

TEST_F(FileSinkTest, NoticesThatItsFileWasDeleted) {
  ASSERT_TRUE(Deliver(1).ok());
  std::filesystem::remove(files_.path());
  ASSERT_TRUE(Deliver(2).ok());
  EXPECT_THAT(files_.Titles(), ElementsAre("title-2"));
}

TEST_F(FileSinkTest, FailsWhileItsFolderIsMissingAndGoesOnLater) {
  const std::string folder = std::filesystem::path(files_.path()).parent_path();
  FileSink sink(folder + "/later/alerts.jsonl");
  const v1::Alert alert = AlertNumber(1);
  const absl::Status status = sink.Deliver({&alert, 1}, {}).status;
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("later/alerts.jsonl"));
  std::filesystem::create_directory(folder + "/later");
  EXPECT_TRUE(sink.Deliver({&alert, 1}, {}).status.ok());
}

TEST_F(FileSinkTest, TakesBackALineThatDidNotFitSoThatOnlyWholeLinesStay) {
  ASSERT_TRUE(Deliver(1).ok());
  const auto size = std::filesystem::file_size(files_.path());
  // A limit in the middle of the next line, as a full disk is.
  const rlimit full = {size + 100, RLIM_INFINITY};
  rlimit before;
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  ::signal(SIGXFSZ, SIG_IGN);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &full), 0);
  const absl::Status status = Deliver(2);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  EXPECT_FALSE(status.ok());
  EXPECT_EQ(std::filesystem::file_size(files_.path()), size);
  EXPECT_TRUE(Deliver(2).ok());
  EXPECT_THAT(files_.Titles(), ElementsAre("title-1", "title-2"));
}

TEST_F(FileSinkTest, SaysThatTheDiskIsFull) {
  FileSink sink("/dev/full");
  const v1::Alert alert = AlertNumber(1);
  const DeliveryResult result = sink.Deliver({&alert, 1}, {});
  EXPECT_TRUE(absl::IsResourceExhausted(result.status)) << result.status;
  EXPECT_EQ(result.delivered, 0u);
}

}  // namespace
}  // namespace daemoneye::alerting
