// What becomes of the store when its file, its disk or its process fails.

#include "libs/storage/sqlite/store_file.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "libs/storage/event_store_conformance.h"
#include "libs/storage/sqlite/migrations.h"
#include "libs/storage/sqlite/store_fixture.h"

namespace daemoneye::storage {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

void Overwrite(const std::string& path, size_t offset, size_t count) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(static_cast<std::streamoff>(offset));
  file << std::string(count, '\xA5');
}

TEST(StoreFileTest, RefusesASecondProcess) {
  SqliteStoreFixture fixture;
  const auto second = SqliteStore::Open({.path = fixture.path()});
  EXPECT_EQ(second.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(second.status().message()), HasSubstr("in use by another process"));
}

TEST(StoreFileTest, SetsABrokenFileAsideAndBeginsANewOne) {
  struct Case {
    const char* what;
    size_t offset, count;
  };
  for (const Case& c : {Case{"header", 0, 200}, Case{"a table", 8192, 10 * 8192}}) {
    SCOPED_TRACE(c.what);
    SqliteStoreFixture fixture;
    ASSERT_TRUE(AppendTo(fixture.store(), "log", 1, MakeStoredEvents("a", 1, 500)).ok());
    fixture.Close();
    Overwrite(fixture.path(), c.offset, c.count);
    fixture.Reopen();
    EXPECT_THAT(fixture.sqlite().set_aside(), HasSubstr(".broken-19700101T000000Z"));
    EXPECT_TRUE(std::filesystem::exists(fixture.path() + ".broken-19700101T000000Z"));
    EXPECT_THAT(ReadSequences(fixture.store()), SizeIs(0));
    EXPECT_EQ(fixture.sqlite().audit().ReadAfter(0, 10)->front().method, "store set aside");
    ASSERT_TRUE(AppendTo(fixture.store(), "log", 1, MakeStoredEvents("a", 1, 2)).ok());
    fixture.Reopen();
    EXPECT_EQ(fixture.sqlite().set_aside(), "");
    EXPECT_THAT(ReadSequences(fixture.store()), ElementsAre(1, 2));
  }
}

TEST(StoreFileTest, LeavesForeignAndNewerFilesAlone) {
  SqliteStoreFixture fixture;
  fixture.Close();
  {
    Connection connection(fixture.path(), SQLite::OPEN_READWRITE);
    connection.db().exec("PRAGMA user_version = 1000");
  }
  EXPECT_EQ(SqliteStore::Open({.path = fixture.path()}).status().code(),
            absl::StatusCode::kFailedPrecondition);
  const std::string foreign = fixture.path() + ".other";
  {
    Connection connection(foreign, SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
    connection.db().exec("CREATE TABLE somebody_elses(x)");
  }
  EXPECT_EQ(SqliteStore::Open({.path = foreign}).status().code(),
            absl::StatusCode::kFailedPrecondition);
}

TEST(StoreFileTest, TakesOverTheFileOfEveryOlderVersion) {
  for (int version = 0; version < static_cast<int>(MigrationSteps().size()); ++version) {
    SCOPED_TRACE(version);
    SqliteStoreFixture fixture;
    fixture.Close();
    std::filesystem::remove(fixture.path());
    {
      Connection connection(fixture.path(), SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
      ASSERT_TRUE(Migrate(connection, version).ok());
      if (version >= 1) {
        connection.db().exec("INSERT INTO publishers VALUES(1, 'a', 'procmond', 'h')");
        SQLite::Statement insert(connection.db(), "INSERT INTO events VALUES(1, 1, 1, 5, 257, ?)");
        const std::string bytes = MakeStoredEvent("a", 1).SerializeAsString();
        insert.bind(1, bytes.data(), static_cast<int>(bytes.size()));
        insert.exec();
      }
    }
    fixture.Reopen();
    EXPECT_THAT(ReadSequences(fixture.store()), SizeIs(version >= 1 ? 1 : 0));
    EXPECT_TRUE(fixture.sqlite().audit().Append({.time = absl::UnixEpoch()}).ok());
    EXPECT_TRUE(AppendTo(fixture.store(), "log", 1, MakeStoredEvents("b", 1, 3)).ok());
  }
}

TEST(StoreFileTest, SaysThatTheDiskIsFullStoresNothingByHalvesAndRecovers) {
  SqliteStoreFixture fixture;
  ASSERT_TRUE(AppendTo(fixture.store(), "log", 1, MakeStoredEvents("a", 1, 10)).ok());
  // A limit on file sizes fails writes as a full disk does, without filling one.
  ::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  rlimit small = before;
  small.rlim_cur = std::filesystem::file_size(fixture.path() + "-wal") + 100'000;
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  std::vector<v1::CollectionEvent> large = MakeStoredEvents("a", 11, 2000);
  for (auto& event : large) event.mutable_process()->set_working_directory(std::string(4000, 'x'));
  const auto full = AppendTo(fixture.store(), "log", 11, large);
  EXPECT_EQ(full.status().code(), absl::StatusCode::kResourceExhausted) << full.status();
  EXPECT_EQ(fixture.sqlite().health().code(), absl::StatusCode::kResourceExhausted);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  EXPECT_THAT(ReadSequences(fixture.store()), SizeIs(10));
  const auto again = AppendTo(fixture.store(), "log", 11, large);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->inserted, 2000u);
  EXPECT_TRUE(fixture.sqlite().health().ok());
}

TEST(StoreFileTest, OpensLaterWhereTheDiskIsFullAtTheStart) {
  for (const bool has_file : {false, true}) {
    SCOPED_TRACE(has_file);
    SqliteStoreFixture fixture;
    ASSERT_TRUE(AppendTo(fixture.store(), "log", 1, MakeStoredEvents("a", 1, 1)).ok());
    fixture.Close();
    if (!has_file) std::filesystem::remove(fixture.path());
    ::signal(SIGXFSZ, SIG_IGN);
    rlimit before{};
    ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
    rlimit none = before;
    none.rlim_cur = 0;
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &none), 0);
    auto store = SqliteStore::Open({.path = fixture.path(), .now = absl::UnixEpoch()});
    const auto refused = store.ok()
                             ? AppendTo((*store)->events(), "log", 2, MakeStoredEvents("a", 2, 1))
                             : absl::InternalError("not opened");
    const absl::Status read = store.ok() ? (*store)->triggers().List().status() : refused.status();
    const absl::Status query = store.ok() ? (*store)->OpenReader().status() : refused.status();
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
    ASSERT_TRUE(store.ok()) << store.status();
    EXPECT_FALSE((*store)->is_open());
    for (const absl::Status& status : {refused.status(), read, query, (*store)->health()}) {
      EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted) << status;
    }
    const auto taken = AppendTo((*store)->events(), "log", 2, MakeStoredEvents("a", 2, 3));
    ASSERT_TRUE(taken.ok()) << taken.status();
    EXPECT_TRUE((*store)->is_open());
    EXPECT_TRUE((*store)->health().ok());
    EXPECT_THAT(ReadSequences((*store)->events()), SizeIs(has_file ? 4 : 3));
    EXPECT_TRUE((*store)->OpenReader().ok());
  }
}

TEST(StoreFileTest, TellsAFileThatBreaksWhileItIsUsedAndSetsItAsideAtTheNextStart) {
  SqliteStoreFixture fixture;
  ASSERT_TRUE(AppendTo(fixture.store(), "log", 1, MakeStoredEvents("a", 1, 2000)).ok());
  fixture.Reopen();
  const size_t page = 8192;
  Overwrite(fixture.path(), page, std::filesystem::file_size(fixture.path()) - page);
  const auto reader = fixture.store().Read({});
  const absl::Status read = reader.ok() ? (*reader)->Read(5000).status() : reader.status();
  EXPECT_EQ(read.code(), absl::StatusCode::kDataLoss) << read;
  EXPECT_EQ(fixture.store().HeldRange("log").status().code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(fixture.sqlite().health().code(), absl::StatusCode::kDataLoss);
  // Whatever a write says, from what it remembers of the file: it does not heal it.
  for (uint64_t i = 2001; i < 2004; ++i) {
    AppendTo(fixture.store(), "log", i, MakeStoredEvents("a", i, 1)).status().IgnoreError();
  }
  EXPECT_EQ(fixture.sqlite().health().code(), absl::StatusCode::kDataLoss);
  fixture.Reopen();
  EXPECT_THAT(fixture.sqlite().set_aside(), HasSubstr(".broken-"));
  ASSERT_TRUE(AppendTo(fixture.store(), "log", 1, MakeStoredEvents("a", 1, 2)).ok());
}

// Appends for ever, one batch of 10 after the other, and tells each on `pipe` once it is stored.
[[noreturn]] void AppendForEver(const std::string& path, int pipe) {
  auto store = SqliteStore::Open({.path = path});
  if (!store.ok()) ::_exit(2);
  for (uint64_t first = 1;; first += 10) {
    if (!AppendTo((*store)->events(), "log", first, MakeStoredEvents("a", first, 10)).ok()) {
      ::_exit(3);
    }
    const uint64_t last = first + 9;
    if (::write(pipe, &last, sizeof last) != sizeof last) ::_exit(0);
  }
}

TEST(StoreFileTest, HoldsWholeBatchesAndAllThatWereTakenWhenItIsKilled) {
  SqliteStoreFixture fixture;
  fixture.Close();
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) AppendForEver(fixture.path(), ends[1]);
  ::close(ends[1]);
  uint64_t taken = 0;
  for (int i = 0; i < 50; ++i) {
    ASSERT_EQ(::read(ends[0], &taken, sizeof taken), static_cast<ssize_t>(sizeof taken));
  }
  ASSERT_EQ(::kill(child, SIGKILL), 0);
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  while (::read(ends[0], &taken, sizeof taken) == sizeof taken) {
  }
  ::close(ends[0]);
  fixture.Reopen();
  EXPECT_EQ(fixture.sqlite().set_aside(), "");
  const std::vector<uint64_t> stored = ReadSequences(fixture.store());
  EXPECT_GE(stored.size(), taken);
  EXPECT_EQ(stored.size() % 10, 0u);
  EXPECT_EQ(*fixture.store().LastPosition("a"), stored.size());
}

}  // namespace
}  // namespace daemoneye::storage
