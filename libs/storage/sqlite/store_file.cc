#include "libs/storage/sqlite/store_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sqlite3.h>
#include <sys/file.h>

#include <cerrno>
#include <chrono>
#include <filesystem>
#include <system_error>
#include <utility>

#include "libs/base/status_macros.h"
#include "libs/storage/sqlite/migrations.h"

namespace daemoneye::storage {
namespace {

constexpr int kInstructionsPerCheck = 10'000;
constexpr mode_t kFileMode = 0600;

// WAL with NORMAL: a crash of the process loses nothing that was committed; one of the machine may
// lose the newest commits, never the file. The WAL is folded in every 16 MiB.
constexpr char kWriterSettings[] =
    "PRAGMA page_size = 8192; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;"
    "PRAGMA wal_autocheckpoint = 2048; PRAGMA journal_size_limit = 67108864;"
    "PRAGMA cache_size = -16384; PRAGMA foreign_keys = OFF; PRAGMA trusted_schema = OFF;";
constexpr char kReaderSettings[] =
    "PRAGMA query_only = ON; PRAGMA cache_size = -4096; PRAGMA trusted_schema = OFF;";

// Ends the check when its time is over.
struct CheckLimit {
  std::chrono::steady_clock::time_point deadline;

  static int OnProgress(void* self) {
    return std::chrono::steady_clock::now() >= static_cast<CheckLimit*>(self)->deadline ? 1 : 0;
  }
};

absl::Status SystemError(std::string_view what, const std::string& path) {
  const int error = errno;
  const std::string text =
      fmt::format("{} {}: {}", what, path, std::generic_category().message(error));
  return error == ENOSPC || error == EDQUOT ? absl::ResourceExhaustedError(text)
                                            : absl::UnavailableError(text);
}

absl::StatusOr<std::unique_ptr<Connection>> Connect(const std::string& path, int flags,
                                                    const char* settings) {
  std::unique_ptr<Connection> connection;
  try {
    connection = std::make_unique<Connection>(path, flags);
  } catch (const SQLite::Exception& e) {
    return absl::Status(CodeOf(e.getExtendedErrorCode()), fmt::format("{}: {}", path, e.what()));
  }
  RETURN_IF_ERROR(connection->Run([&](Connection& c) {
    sqlite3_db_config(c.db().getHandle(), SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
    c.db().exec(settings);
    return absl::OkStatus();
  }));
  return connection;
}

absl::StatusOr<std::unique_ptr<Connection>> ConnectReader(const std::string& path) {
  return Connect(path, SQLite::OPEN_READONLY | SQLite::OPEN_NOMUTEX, kReaderSettings);
}

}  // namespace

absl::StatusOr<std::unique_ptr<StoreFile>> StoreFile::Open(const StoreFileOptions& options) {
  std::unique_ptr<StoreFile> file(new StoreFile(options));
  base::MutexLock lock(file->write_mu_);
  const absl::Status opened = file->OpenAll();
  file->NoteHealth(opened);
  // A full disk stops nobody: there will be room again.
  if (!opened.ok() && !absl::IsResourceExhausted(opened)) return opened;
  return file;
}

absl::Status StoreFile::OpenAll() {
  std::error_code error;
  const std::filesystem::path folder = std::filesystem::path(options_.path).parent_path();
  if (!folder.empty() && std::filesystem::create_directories(folder, error)) {
    std::filesystem::permissions(folder, std::filesystem::perms::owner_all, error);
  } else if (error == std::errc::no_space_on_device) {
    return absl::ResourceExhaustedError(
        fmt::format("cannot make {}: {}", folder.string(), error.message()));
  }
  if (!lock_.valid()) RETURN_IF_ERROR(Lock());
  absl::Status opened = OpenWriter();
  if (absl::IsDataLoss(opened)) {
    RETURN_IF_ERROR(SetAside(opened));
    opened = OpenWriter();
  }
  RETURN_IF_ERROR(opened);
  absl::StatusOr<std::unique_ptr<Connection>> reader = ConnectReader(options_.path);
  if (!reader.ok()) {
    writer_.reset();
    return reader.status();
  }
  {
    base::MutexLock lock(read_mu_);
    reader_ = *std::move(reader);
  }
  base::MutexLock lock(state_mu_);
  is_open_ = true;
  return absl::OkStatus();
}

// A lock of our own, on a file beside it: SQLite's own locks let a second writer in.
absl::Status StoreFile::Lock() {
  const std::string path = options_.path + ".lock";
  base::UniqueFd file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, kFileMode));
  if (!file.valid()) return SystemError("cannot open", path);
  if (::flock(file.get(), LOCK_EX | LOCK_NB) == 0) {
    lock_ = std::move(file);
    return absl::OkStatus();
  }
  if (errno != EWOULDBLOCK) return SystemError("cannot lock", path);
  return absl::FailedPreconditionError(
      fmt::format("{} is in use by another process", options_.path));
}

absl::Status StoreFile::OpenWriter() {
  // Made here, so that nobody else can ever read it.
  const base::UniqueFd file(
      ::open(options_.path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, kFileMode));
  if (!file.valid()) return SystemError("cannot open", options_.path);
  writer_.reset();
  ASSIGN_OR_RETURN(writer_, Connect(options_.path, SQLite::OPEN_READWRITE | SQLite::OPEN_NOMUTEX,
                                    kWriterSettings));
  absl::Status checked = Check();
  if (checked.ok()) checked = Migrate(*writer_);
  if (!checked.ok()) writer_.reset();
  return checked;
}

absl::Status StoreFile::Check() {
  sqlite3* db = writer_->db().getHandle();
  CheckLimit limit{std::chrono::steady_clock::now() +
                   absl::ToChronoNanoseconds(options_.check_limit)};
  sqlite3_progress_handler(db, kInstructionsPerCheck, CheckLimit::OnProgress, &limit);
  std::string answer;
  const absl::Status status = writer_->Run([&](Connection& c) {
    SQLite::Statement check(c.db(), "PRAGMA quick_check(1)");
    if (check.executeStep()) answer = check.getColumn(0).getString();
    return absl::OkStatus();
  });
  sqlite3_progress_handler(db, 0, nullptr, nullptr);
  {
    base::MutexLock lock(state_mu_);
    is_checked_ = status.ok();
  }
  if (absl::IsCancelled(status)) return absl::OkStatus();
  RETURN_IF_ERROR(status);
  if (answer != "ok") {
    return absl::DataLossError(fmt::format("{} is broken: {}", options_.path, answer));
  }
  return absl::OkStatus();
}

absl::Status StoreFile::SetAside(const absl::Status& reason) {
  const std::string suffix = absl::FormatTime("%Y%m%dT%H%M%SZ", options_.now, absl::UTCTimeZone());
  std::string aside = fmt::format("{}.broken-{}", options_.path, suffix);
  for (int i = 1; std::filesystem::exists(aside) && i < 100; ++i) {
    aside = fmt::format("{}.broken-{}-{}", options_.path, suffix, i);
  }
  for (const char* part : {"", "-wal", "-shm"}) {
    const std::string from = options_.path + part;
    if (::rename(from.c_str(), (aside + part).c_str()) != 0 && errno != ENOENT) {
      return SystemError("cannot set aside", from);
    }
  }
  base::MutexLock lock(state_mu_);
  set_aside_ = fmt::format("{}: {}", aside, std::string(reason.message()));
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<Connection>> StoreFile::OpenReader() const {
  if (!is_open()) return health();
  return ConnectReader(options_.path);
}

absl::Status StoreFile::health() const {
  base::MutexLock lock(state_mu_);
  return health_;
}

void StoreFile::NoteHealth(const absl::Status& status) const {
  const bool is_of_file = absl::IsResourceExhausted(status) || absl::IsDataLoss(status) ||
                          absl::IsUnavailable(status) || absl::IsInternal(status);
  // What the caller asked wrongly says nothing about the file.
  if (!status.ok() && !is_of_file) return;
  base::MutexLock lock(state_mu_);
  if (!absl::IsDataLoss(health_)) health_ = status;
}

}  // namespace daemoneye::storage
