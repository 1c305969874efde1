#include "libs/linux/bpf/task_reader.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <string_view>
#include <utility>

#include "libs/base/status_macros.h"
#include "libs/linux/bpf/bpf_support.h"
#include "libs/linux/bpf/libbpf_log.h"
#include "libs/linux/bpf/loader.h"
#include "libs/linux/bpf/programs/wire.h"
#include "libs/linux/bpf/record_parser.h"
#include "libs/linux/procfs/file_reader.h"
// Needs wire.h.
#include "libs/linux/bpf/task_scan_programs.skel.h"

namespace daemoneye::bpf {
namespace {

// Not less than the kernel's own buffer (kernel/bpf/bpf_iter.c), so that no record is ever cut.
constexpr size_t kBufferBytes = 65'536;

}  // namespace

struct TaskReader::Programs {
  explicit Programs(task_scan_programs* loaded)
      : skeleton(loaded, &::task_scan_programs__destroy) {}
  std::unique_ptr<task_scan_programs, decltype(&::task_scan_programs__destroy)> skeleton;
};

TaskReader::TaskReader(std::unique_ptr<Programs> programs)
    : programs_(std::move(programs)), buffer_(kBufferBytes) {}
TaskReader::~TaskReader() = default;

absl::StatusOr<std::unique_ptr<TaskReader>> TaskReader::Open(const TaskReaderOptions& options) {
  if (options.max_argument_bytes > WIRE_MAX_SCAN_ARGUMENT_BYTES) {
    return absl::InvalidArgumentError(fmt::format("max_argument_bytes={}: at most {}",
                                                  options.max_argument_bytes,
                                                  WIRE_MAX_SCAN_ARGUMENT_BYTES));
  }
  const BpfSupport support = ReadBpfSupport();
  RETURN_IF_ERROR(support.Check());
  LibbpfLog log;
  auto programs = std::make_unique<Programs>(::task_scan_programs__open());
  if (programs->skeleton == nullptr) return LoadError(errno, "open the task iterator", log);
  wire_options& wire = programs->skeleton->rodata->options;
  wire.pid_namespace_inode = support.pid_namespace_inode;
  wire.max_argument_bytes = options.max_argument_bytes;
  wire.reads_paths = options.reads_paths;
  wire.has_v1_cgroups = support.has_v1_cgroups;
  wire.has_cast = !options.assumes_old_kernel && ReadKernelFeatures().has_cast;
  if (const int error = ::task_scan_programs__load(programs->skeleton.get()); error != 0) {
    return LoadError(error, "load the task iterator", log);
  }
  if (const int error = ::task_scan_programs__attach(programs->skeleton.get()); error != 0) {
    return LoadError(error, "attach the task iterator", log);
  }
  return std::unique_ptr<TaskReader>(new TaskReader(std::move(programs)));
}

absl::Status TaskReader::Begin(Arguments arguments) {
  const auto& links = programs_->skeleton->links;
  const bpf_link* link = arguments == Arguments::kRead ? links.scan_with_arguments : links.scan;
  begin_ = end_ = 0;
  scan_.Reset(::bpf_iter_create(::bpf_link__fd(link)));
  if (!scan_.valid()) return procfs::ErrnoStatus(errno, "begin a scan of the tasks");
  return absl::OkStatus();
}

absl::StatusOr<const TaskRecord*> TaskReader::Next() {
  while (begin_ == end_) {
    if (!scan_.valid()) return nullptr;
    const ssize_t bytes = ::read(scan_.get(), buffer_.data(), buffer_.size());
    if (bytes < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (bytes <= 0) {
      const int error = errno;
      scan_.Reset();
      if (bytes == 0) return nullptr;
      return procfs::ErrnoStatus(error, "read a scan of the tasks");
    }
    begin_ = 0;
    end_ = static_cast<size_t>(bytes);
  }
  const auto length =
      ParseTaskRecord(std::string_view(buffer_.data() + begin_, end_ - begin_), record_);
  if (!length.ok()) {
    scan_.Reset();
    begin_ = end_;
    return length.status();
  }
  begin_ += *length;
  return &record_;
}

}  // namespace daemoneye::bpf
