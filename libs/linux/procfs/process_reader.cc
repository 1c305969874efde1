#include "libs/linux/procfs/process_reader.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <limits.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <utility>

#include "libs/base/status_macros.h"
#include "libs/linux/procfs/cmdline_size.h"
#include "libs/linux/procfs/process_path.h"
#include "libs/linux/procfs/small_parsers.h"
#include "libs/linux/procfs/stat_parser.h"
#include "libs/linux/procfs/status_parser.h"

namespace daemoneye::procfs {
namespace {

constexpr std::string_view kDeleted = " (deleted)";

}  // namespace

ProcessReader::ProcessReader(const ProcFs& fs)
    : fs_(fs),
      stat_(2048),
      status_(8192),
      // One more byte tells "just full" from "cut".
      cmdline_(kMaxCmdlineBytes + 1, kMaxCmdlineBytes + 1),
      exe_(PATH_MAX + 1),
      cwd_(PATH_MAX + 1),
      cgroup_(4096),
      small_(256) {}

absl::Status ProcessReader::Select(pid_t pid) {
  pid_ = pid;
  char name[16];
  *std::to_chars(name, name + sizeof name - 1, pid).ptr = '\0';
  dir_.Reset(::openat(fs_.root_fd(), name, O_PATH | O_DIRECTORY | O_CLOEXEC));
  return dir_.valid() ? absl::OkStatus() : Failed(errno, "");
}

absl::Status ProcessReader::Failed(int error, std::string_view file) const {
  return ErrnoStatus(error, fmt::format("cannot read pid={} file={}", pid_, file));
}

absl::Status ProcessReader::Annotate(const absl::Status& parse_error) const {
  return absl::Status(
      parse_error.code(),
      fmt::format("pid={} {}", pid_,
                  std::string_view(parse_error.message().data(), parse_error.message().size())));
}

bool ProcessReader::IsGone() const { return ::faccessat(dir_.get(), "stat", F_OK, 0) != 0; }

absl::StatusOr<ProcStat> ProcessReader::ReadStat() {
  std::string_view text;
  if (const int error = ReadFileAt(dir_.get(), "stat", stat_, text)) return Failed(error, "stat");
  absl::StatusOr<ProcStat> stat = ParseStat(text, fs_.page_bytes());
  if (!stat.ok()) return Annotate(stat.status());
  return stat;
}

absl::StatusOr<ProcStatus> ProcessReader::ReadStatus() {
  std::string_view text;
  if (const int error = ReadFileAt(dir_.get(), "status", status_, text)) {
    return Failed(error, "status");
  }
  absl::StatusOr<ProcStatus> status = ParseStatus(text);
  if (!status.ok()) return Annotate(status.status());
  return status;
}

absl::StatusOr<Cmdline> ProcessReader::ReadCmdline() {
  Cmdline cmdline;
  if (const int error = ReadFileAt(dir_.get(), "cmdline", cmdline_, cmdline.bytes)) {
    return Failed(error, "cmdline");
  }
  cmdline.total_bytes = cmdline.bytes.size();
  if (cmdline.bytes.size() > kMaxCmdlineBytes) {
    cmdline.total_bytes = FindCmdlineSize(dir_.get(), cmdline.bytes.size());
    cmdline.bytes = cmdline.bytes.substr(0, kMaxCmdlineBytes);
  }
  return cmdline;
}

absl::StatusOr<std::string_view> ProcessReader::ReadLink(const char* name, TextBuffer& buffer) {
  std::string_view target;
  const int error = ReadLinkAt(dir_.get(), name, buffer, target);
  // The kernel says ENOENT for a process that has none as for one that is gone.
  if (error == ENOENT && !IsGone()) return std::string_view();
  if (error != 0) return Failed(error, name);
  return target;
}

absl::StatusOr<ExeLink> ProcessReader::ReadExeLink() {
  ASSIGN_OR_RETURN(std::string_view text, ReadLink("exe", exe_));
  ExeLink link{.path = text};
  if (!text.ends_with(kDeleted)) return link;
  // The buffer has a byte more than the kernel ever gives.
  exe_.data()[text.size()] = '\0';
  link.is_deleted = IsDeleted(exe_.data());
  if (link.is_deleted) link.path.remove_suffix(kDeleted.size());
  link.is_memfd = link.is_deleted && text.starts_with("/memfd:");
  return link;
}

// Tells the kernel's " (deleted)" from a file that is named so.
bool ProcessReader::IsDeleted(const char* exe_text) const {
  FileIdentity image;
  if (StatFile(dir_.get(), "exe", image) != 0 || image.link_count == 0) return true;
  FileIdentity named_so;
  return StatProcessPath(fs_.root_fd(), dir_.get(), exe_text, Lookup::kCachedOnly, named_so) != 0 ||
         !named_so.is_same_file(image);
}

absl::StatusOr<std::string_view> ProcessReader::ReadCwd() { return ReadLink("cwd", cwd_); }

absl::StatusOr<std::string_view> ProcessReader::ReadCgroup() {
  std::string_view text;
  const int error = ReadFileAt(dir_.get(), "cgroup", cgroup_, text);
  if (error == ENOENT && !IsGone()) return absl::UnimplementedError("no cgroups in this kernel");
  if (error != 0) return Failed(error, "cgroup");
  return text;
}

absl::StatusOr<std::optional<uint32_t>> ProcessReader::ReadAuditId(const char* name) {
  std::string_view text;
  const int error = ReadFileAt(dir_.get(), name, small_, text);
  if (error == ENOENT && !IsGone()) return std::optional<uint32_t>();
  if (error != 0) return Failed(error, name);
  absl::StatusOr<std::optional<uint32_t>> id = ParseAuditId(name, text);
  if (!id.ok()) return Annotate(id.status());
  return id;
}

absl::StatusOr<std::optional<uint32_t>> ProcessReader::ReadLoginUid() {
  return ReadAuditId("loginuid");
}

absl::StatusOr<std::optional<uint32_t>> ProcessReader::ReadAuditSession() {
  return ReadAuditId("sessionid");
}

absl::StatusOr<NamespaceInodes> ProcessReader::ReadNamespaces() {
  NamespaceInodes inodes;
  const std::pair<const char*, std::optional<uint64_t>*> links[] = {
      {"ns/cgroup", &inodes.cgroup}, {"ns/ipc", &inodes.ipc}, {"ns/mnt", &inodes.mnt},
      {"ns/net", &inodes.net},       {"ns/pid", &inodes.pid}, {"ns/time", &inodes.time},
      {"ns/user", &inodes.user},     {"ns/uts", &inodes.uts},
  };
  bool lacks_one = false;
  for (const auto& [name, inode] : links) {
    std::string_view target;
    const int error = ReadLinkAt(dir_.get(), name, small_, target);
    lacks_one |= error == ENOENT;
    if (error == ENOENT) continue;
    if (error != 0) return Failed(error, name);
    const auto parsed = ParseNamespaceLink(std::string_view(name).substr(3), target);
    if (!parsed.ok()) return Annotate(parsed.status());
    *inode = *parsed;
  }
  if (lacks_one && IsGone()) return Failed(ESRCH, "ns");
  return inodes;
}

absl::StatusOr<FileIdentity> ProcessReader::StatExe() {
  FileIdentity identity;
  if (const int error = StatFile(dir_.get(), "exe", identity)) return Failed(error, "exe");
  return identity;
}

absl::StatusOr<ImageFile> ProcessReader::OpenExe() {
  ImageFile image;
  image.fd.Reset(::openat(dir_.get(), "exe", O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  if (!image.fd.valid()) return Failed(errno, "exe");
  if (const int error = StatFile(image.fd.get(), "", image.identity)) return Failed(error, "exe");
  return image;
}

absl::StatusOr<FileIdentity> ProcessReader::StatPath(std::string_view path) {
  FileIdentity identity;
  const int error =
      StatProcessPath(fs_.root_fd(), dir_.get(), std::string(path), Lookup::kMayBlock, identity);
  if (error != 0) return Failed(error, path);
  return identity;
}

absl::StatusOr<FileIdentity> ProcessReader::StatPathCached(std::string_view path) {
  FileIdentity identity;
  const int error =
      StatProcessPath(fs_.root_fd(), dir_.get(), std::string(path), Lookup::kCachedOnly, identity);
  if (error == EAGAIN) return absl::UnavailableError(fmt::format("not cached path={}", path));
  if (error != 0) return Failed(error, path);
  return identity;
}

absl::StatusOr<FileIdentity> ProcessReader::StatOpen(const base::UniqueFd& fd) {
  FileIdentity identity;
  if (const int error = StatFile(fd.get(), "", identity)) {
    return ErrnoStatus(error, "cannot look at an open file");
  }
  return identity;
}

absl::StatusOr<bool> ProcessReader::IsExeSealed() {
  ASSIGN_OR_RETURN(const ImageFile image, OpenExe());
  constexpr int kAll = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
  const int seals = ::fcntl(image.fd.get(), F_GET_SEALS);
  return seals >= 0 && (seals & kAll) == kAll;
}

}  // namespace daemoneye::procfs
