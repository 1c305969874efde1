#include "libs/sources/process/user_names.h"

#include <pwd.h>

#include <cerrno>

namespace daemoneye::process {
namespace {

constexpr size_t kMaxNames = 1024;
constexpr absl::Duration kMaxAge = absl::Minutes(5);
constexpr size_t kMaxRecordBytes = 1 << 20;

std::string LookUp(uint32_t uid, std::vector<char>& buffer) {
  if (buffer.empty()) buffer.resize(1024);
  passwd record;
  passwd* found = nullptr;
  int error;
  while ((error = ::getpwuid_r(uid, &record, buffer.data(), buffer.size(), &found)) == ERANGE &&
         buffer.size() < kMaxRecordBytes) {
    buffer.resize(2 * buffer.size());
  }
  return error == 0 && found != nullptr ? record.pw_name : "";
}

}  // namespace

std::string_view UserNames::Find(uint32_t uid) {
  const base::Monotonic now = clock_.MonotonicNow();
  const auto found = names_.find(uid);
  if (found != names_.end() && base::Elapsed(found->second.read, now) < kMaxAge) {
    return found->second.name;
  }
  if (names_.size() >= kMaxNames) names_.clear();
  Entry& entry = names_[uid];
  entry = {LookUp(uid, buffer_), now};
  return entry.name;
}

}  // namespace daemoneye::process
