// SqliteStoreFixture: a store in a directory of its own, for tests.
#pragma once

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>

#include "gtest/gtest.h"
#include "libs/storage/sqlite/sqlite_store.h"

namespace daemoneye::storage {

class SqliteStoreFixture {
 public:
  // Without a `folder`: one under TEST_TMPDIR, removed at the end.
  explicit SqliteStoreFixture(const std::string& folder = "") {
    std::string made = ::testing::TempDir() + "/store-XXXXXX";
    folder_ = folder.empty() ? std::string(::mkdtemp(made.data())) : folder;
    is_ours_ = folder.empty();
    Reopen();
  }
  ~SqliteStoreFixture() {
    store_.reset();
    if (is_ours_) std::filesystem::remove_all(folder_);
  }

  std::string path() const { return folder_ + "/daemoneye.db"; }
  SqliteStore& sqlite() { return *store_; }
  EventStore& store() { return store_->events(); }
  void Close() { store_.reset(); }
  void Reopen() {
    Close();
    auto opened = SqliteStore::Open({.path = path(), .now = absl::UnixEpoch()});
    ASSERT_TRUE(opened.ok()) << opened.status();
    store_ = *std::move(opened);
  }

 private:
  std::string folder_;
  bool is_ours_ = false;
  std::unique_ptr<SqliteStore> store_;
};

}  // namespace daemoneye::storage
