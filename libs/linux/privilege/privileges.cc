#include "libs/linux/privilege/privileges.h"

#include <fmt/format.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <memory>
#include <system_error>
#include <type_traits>

#include "libs/base/status_macros.h"

namespace daemoneye::privilege {
namespace {

struct CapFree {
  void operator()(cap_t state) const { ::cap_free(state); }
};
using CapState = std::unique_ptr<std::remove_pointer_t<cap_t>, CapFree>;

absl::Status Failed(const char* call) {
  return absl::InternalError(fmt::format("{}: {}", call, std::generic_category().message(errno)));
}

CapabilitySet Single(cap_value_t value) { return CapabilitySet(uint64_t{1} << value); }

absl::StatusOr<CapabilitySet> FlagOf(cap_t state, cap_flag_t flag) {
  CapabilitySet set;
  for (cap_value_t value = 0; value < ::cap_max_bits(); ++value) {
    cap_flag_value_t is_set = CAP_CLEAR;
    if (::cap_get_flag(state, value, flag, &is_set) != 0) return Failed("cap_get_flag");
    if (is_set == CAP_SET) set = set | Single(value);
  }
  return set;
}

absl::Status SetFlag(cap_t state, cap_flag_t flag, CapabilitySet set) {
  for (cap_value_t value = 0; value < ::cap_max_bits(); ++value) {
    if ((set & Single(value)).empty()) continue;
    if (::cap_set_flag(state, flag, 1, &value, CAP_SET) != 0) return Failed("cap_set_flag");
  }
  return absl::OkStatus();
}

absl::Status SetCapabilities(CapabilitySet effective, CapabilitySet permitted) {
  const CapState state(::cap_init());
  if (state == nullptr) return Failed("cap_init");
  RETURN_IF_ERROR(SetFlag(state.get(), CAP_EFFECTIVE, effective));
  RETURN_IF_ERROR(SetFlag(state.get(), CAP_PERMITTED, permitted));
  return ::cap_set_proc(state.get()) == 0 ? absl::OkStatus() : Failed("cap_set_proc");
}

absl::Status ClearBounding(const Privileges& before) {
  // CAP_SETPCAP may be permitted without being effective.
  RETURN_IF_ERROR(SetCapabilities(before.permitted, before.permitted));
  for (cap_value_t value = 0; value < ::cap_max_bits(); ++value) {
    if ((before.bounding & Single(value)).empty()) continue;
    if (::cap_drop_bound(value) != 0) return Failed("cap_drop_bound");
  }
  return absl::OkStatus();
}

// Where /proc is not there to count them, nobody has said otherwise.
bool IsSingleThreaded() {
  std::error_code error;
  std::filesystem::directory_iterator task("/proc/self/task", error);
  if (error) return true;
  size_t count = 0;
  for (; !error && task != std::filesystem::directory_iterator(); task.increment(error)) ++count;
  return count <= 1;
}

}  // namespace

absl::StatusOr<Privileges> ReadPrivileges() {
  const CapState state(::cap_get_proc());
  if (state == nullptr) return Failed("cap_get_proc");
  Privileges out;
  out.user_id = ::geteuid();
  ASSIGN_OR_RETURN(out.effective, FlagOf(state.get(), CAP_EFFECTIVE));
  ASSIGN_OR_RETURN(out.permitted, FlagOf(state.get(), CAP_PERMITTED));
  ASSIGN_OR_RETURN(out.inheritable, FlagOf(state.get(), CAP_INHERITABLE));
  for (cap_value_t value = 0; value < ::cap_max_bits(); ++value) {
    if (::cap_get_bound(value) == 1) out.bounding = out.bounding | Single(value);
    if (::cap_get_ambient(value) == 1) out.ambient = out.ambient | Single(value);
  }
  out.has_no_new_privileges = ::prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1;
  return out;
}

absl::StatusOr<Privileges> DropPrivileges(CapabilitySet needed) {
  if (!IsSingleThreaded()) {
    return absl::FailedPreconditionError(
        "privileges are dropped before the first thread is started");
  }
  ASSIGN_OR_RETURN(const Privileges before, ReadPrivileges());
  const bool can_clear_bounding = before.permitted.Contains(Capability::kSetpcap);
  if (can_clear_bounding) RETURN_IF_ERROR(ClearBounding(before));
  if (!before.ambient.empty() && ::cap_reset_ambient() != 0) return Failed("cap_reset_ambient");
  const CapabilitySet kept = before.permitted & needed;
  RETURN_IF_ERROR(SetCapabilities(kept, kept));
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return Failed("prctl(PR_SET_NO_NEW_PRIVS)");

  ASSIGN_OR_RETURN(Privileges after, ReadPrivileges());
  const Privileges expected = {.user_id = before.user_id,
                               .effective = kept,
                               .permitted = kept,
                               .inheritable = {},
                               .ambient = {},
                               .bounding = can_clear_bounding ? CapabilitySet() : before.bounding,
                               .has_no_new_privileges = true};
  if (after != expected) {
    return absl::InternalError("the kernel kept capabilities that were given up");
  }
  return after;
}

}  // namespace daemoneye::privilege
