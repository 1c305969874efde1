#include "services/binary_hasher/running_image.h"

#include <sys/stat.h>

#include "libs/base/status_macros.h"

namespace daemoneye::hasher {
namespace {

// An exec between two questions: asked again so often.
constexpr int kMaxAttempts = 4;

std::optional<uint64_t> MountNamespace(const procfs::ProcFs& fs, pid_t pid) {
  procfs::ProcessReader reader(fs);
  if (!reader.Select(pid).ok()) return std::nullopt;
  const auto namespaces = reader.ReadNamespaces();
  return namespaces.ok() ? namespaces->mnt : std::nullopt;
}

std::optional<uint64_t> OwnMountNamespace() {
  struct stat st;
  if (::stat("/proc/self/ns/mnt", &st) != 0) return std::nullopt;
  return st.st_ino;
}

}  // namespace

absl::StatusOr<RunningImage> RunningImage::Open(const procfs::ProcFs& fs, uint32_t pid,
                                                std::optional<uint64_t> start_ticks) {
  RunningImage image(fs);
  RETURN_IF_ERROR(image.reader_.Select(static_cast<pid_t>(pid)));
  RETURN_IF_ERROR(image.Read(start_ticks));
  return image;
}

absl::Status RunningImage::Read(std::optional<uint64_t> start_ticks) {
  for (int attempt = 0; attempt < kMaxAttempts; ++attempt) {
    ASSIGN_OR_RETURN(const procfs::ProcStat before, reader_.ReadStat());
    if (start_ticks.has_value() && before.start_ticks != *start_ticks) {
      return absl::NotFoundError("another process has that pid");
    }
    ASSIGN_OR_RETURN(image_, reader_.OpenExe());
    ASSIGN_OR_RETURN(const procfs::ExeLink link, reader_.ReadExeLink());
    if (!link.has_image()) return absl::NotFoundError("the process has no image");
    path_ = std::string(link.path);
    is_memfd_ = link.is_memfd;
    // The path was read behind the image: it is the image's where that has not changed since.
    ASSIGN_OR_RETURN(const procfs::FileIdentity now, reader_.StatExe());
    ASSIGN_OR_RETURN(const procfs::ProcStat after, reader_.ReadStat());
    if (after.start_ticks != before.start_ticks) {
      return absl::NotFoundError("another process has that pid");
    }
    start_ticks_ = before.start_ticks;
    if (now.is_same_file(image_.identity)) return absl::OkStatus();
  }
  return absl::UnavailableError("the process changes its image all the time");
}

ImageState RunningImage::Now() {
  const auto stat = reader_.ReadStat();
  if (!stat.ok() || stat->start_ticks != start_ticks_) return ImageState::kEnded;
  const auto image = reader_.StatExe();
  if (absl::IsNotFound(image.status())) return ImageState::kEnded;  // a zombie
  return image.ok() && image->is_same_file(image_.identity) ? ImageState::kRuns
                                                            : ImageState::kOther;
}

OnDisk RunningImage::LookOnDisk() {
  if (is_memfd_) return OnDisk::kNoPath;
  absl::StatusOr<procfs::FileIdentity> file = reader_.StatPathCached(path_);
  if (absl::IsUnavailable(file.status())) file = reader_.StatPath(path_);
  if (file.ok() && file->is_same_file(image_.identity)) return OnDisk::kSame;
  if (Now() == ImageState::kEnded) return OnDisk::kUnknown;
  if (file.ok()) return OnDisk::kReplaced;
  return absl::IsNotFound(file.status()) ? OnDisk::kMissing : OnDisk::kUnknown;
}

bool RunningImage::HasPathsOfHost() {
  const auto namespaces = reader_.ReadNamespaces();
  if (!namespaces.ok() || !namespaces->mnt.has_value()) return false;
  return namespaces->mnt == OwnMountNamespace() || namespaces->mnt == MountNamespace(fs_, 1);
}

}  // namespace daemoneye::hasher
