#include "libs/linux/bpf/loader.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>

#include <cerrno>
#include <memory>
#include <string>
#include <system_error>

namespace daemoneye::bpf {
namespace {

// How many parameters the kernel passes to programs at a tracepoint, 0 where it has none so named.
int TracepointParameterCount(const btf& types, std::string_view tracepoint) {
  const std::string name = fmt::format("btf_trace_{}", tracepoint);
  const int id = ::btf__find_by_name_kind(&types, name.c_str(), BTF_KIND_TYPEDEF);
  if (id <= 0) return 0;
  // A typedef of a pointer to a function, whose first parameter is the tracepoint's own.
  const btf_type* pointer = ::btf__type_by_id(&types, ::btf__type_by_id(&types, id)->type);
  if (pointer == nullptr || !::btf_is_ptr(pointer)) return 0;
  const btf_type* function = ::btf__type_by_id(&types, pointer->type);
  if (function == nullptr || !::btf_is_func_proto(function)) return 0;
  return ::btf_vlen(function) - 1;
}

}  // namespace

absl::Status LoadError(int error, std::string_view what, const LibbpfLog& log) {
  const int code = error < 0 ? -error : error;
  std::string text = fmt::format("{}: {}", what, std::generic_category().message(code));
  const std::string said = log.Excerpt();
  if (!said.empty()) text += fmt::format(" ({})", said);
  switch (code) {
    case EPERM:
    case EACCES:
      return absl::PermissionDeniedError(text);
    case ENOMEM:
      return absl::ResourceExhaustedError(
          text + "; memory, or before Linux 5.11 the limit of locked memory (ulimit -l)");
    case EMFILE:
    case ENFILE:
      return absl::ResourceExhaustedError(text);
    case EINVAL:
    case E2BIG:
    case ENOENT:
    case ENOSYS:
    case EOPNOTSUPP:
    case ESRCH:
      return absl::UnimplementedError(text);
    default:
      return absl::InternalError(text);
  }
}

KernelFeatures ReadKernelFeatures() {
  const std::unique_ptr<btf, decltype(&::btf__free)> types(::btf__load_vmlinux_btf(), &::btf__free);
  if (types == nullptr) return {};
  return {.tells_last_thread = TracepointParameterCount(*types, "sched_process_exit") >= 2,
          .has_cast = ::btf__find_by_name_kind(types.get(), "bpf_rdonly_cast", BTF_KIND_FUNC) > 0};
}

uint32_t LinkId(int fd) {
  bpf_link_info info = {};
  __u32 length = sizeof info;
  return ::bpf_obj_get_info_by_fd(fd, &info, &length) == 0 ? info.id : 0;
}

uint64_t MissedCount(int fd) {
  bpf_prog_info info = {};
  __u32 length = sizeof info;
  return ::bpf_obj_get_info_by_fd(fd, &info, &length) == 0 ? info.recursion_misses : 0;
}

}  // namespace daemoneye::bpf
