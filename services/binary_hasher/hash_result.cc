#include "services/binary_hasher/hash_result.h"

#include <fmt/format.h>
#include <sys/sysmacros.h>

#include <algorithm>

#include "libs/base/text.h"

namespace daemoneye::hasher {
namespace {

constexpr size_t kMaxPathInSummary = 512;

using Fields = google::protobuf::Map<std::string, google::protobuf::Value>;

void SetText(Fields& fields, const char* key, std::string_view text) {
  fields[key].set_string_value(base::IsUtf8(text) ? std::string(text) : base::EscapeBytes(text));
}

std::string_view Name(OnDisk on_disk) {
  switch (on_disk) {
    case OnDisk::kSame:
      return "same";
    case OnDisk::kReplaced:
      return "replaced";
    case OnDisk::kMissing:
      return "missing";
    case OnDisk::kNoPath:
      return "none";
    case OnDisk::kUnknown:
      return "unknown";
  }
  return "unknown";
}

void SetProcess(const ProcessFindings& process, const std::string& sha256, Fields& fields) {
  SetText(fields, "process_key", process.process_key);
  fields["pid"].set_number_value(process.pid);
  fields["running"].set_bool_value(process.is_running);
  fields["memfd"].set_bool_value(process.is_memfd);
  SetText(fields, "on_disk", Name(process.on_disk));
  if (process.on_disk == OnDisk::kUnknown) return;
  // Another file of the same content is no other program.
  const bool is_gone = process.on_disk == OnDisk::kReplaced || process.on_disk == OnDisk::kMissing;
  fields["on_disk_mismatch"].set_bool_value(is_gone && process.on_disk_sha256 != sha256);
  if (!process.on_disk_sha256.empty()) {
    SetText(fields, "on_disk_sha256", process.on_disk_sha256);
  }
}

// "equal", "differs" or "none".
std::string_view Compare(const std::string& sha256, const Expectation& expected) {
  if (expected.digests.empty()) return "none";
  return std::ranges::count(expected.digests, sha256) > 0 ? "equal" : "differs";
}

std::string_view Meaning(std::string_view baseline) {
  if (baseline == "equal") return "is what the baseline expects";
  if (baseline == "differs") return "is not what the baseline expects";
  return "has no baseline";
}

}  // namespace

v1::AnalysisResult MakeHashResult(const Findings& findings) {
  v1::AnalysisResult result;
  Fields& fields = *result.mutable_result()->mutable_fields();
  const file::FileHash& hash = findings.hash;
  const std::string sha256 = hash.digest == nullptr ? "" : *hash.digest;
  const std::string_view baseline = sha256.empty() ? "none" : Compare(sha256, findings.expected);
  SetText(fields, "subject", findings.process.has_value() ? "process" : "file");
  SetText(fields, "path", findings.path);
  fields["size_bytes"].set_number_value(static_cast<double>(hash.identity.size_bytes));
  SetText(fields, "device",
          fmt::format("{}:{}", major(hash.identity.device), minor(hash.identity.device)));
  SetText(fields, "inode", fmt::format("{}", hash.identity.inode));
  fields["from_cache"].set_bool_value(hash.is_from_cache);
  SetText(fields, "baseline", baseline);
  if (!findings.expected.digests.empty()) {
    SetText(fields, "baseline_source", findings.expected.source);
    SetText(fields, "expected_sha256", findings.expected.digests.front());
  }
  if (!sha256.empty()) SetText(fields, "sha256", sha256);
  if (findings.process.has_value()) SetProcess(*findings.process, sha256, fields);

  const bool is_certain = findings.doubts.empty() && !sha256.empty();
  result.set_authoritative(is_certain);
  result.set_verdict(v1::ANALYSIS_VERDICT_UNKNOWN);
  if (is_certain && baseline == "equal") result.set_verdict(v1::ANALYSIS_VERDICT_CLEAN);
  if (is_certain && baseline == "differs") result.set_verdict(v1::ANALYSIS_VERDICT_SUSPICIOUS);
  result.set_confidence(is_certain ? 1 : sha256.empty() ? 0 : 0.5);
  result.mutable_completeness()->set_complete(is_certain);
  for (const std::string& doubt : findings.doubts)
    result.mutable_completeness()->add_reasons(doubt);

  const std::string path(base::Utf8Prefix(fields["path"].string_value(), kMaxPathInSummary));
  result.set_summary(sha256.empty()
                         ? fmt::format("{} could not be hashed: {}", path, findings.doubts.front())
                         : fmt::format("{} {}: sha256 {}{}", path, Meaning(baseline), sha256,
                                       is_certain ? "" : ", but " + findings.doubts.front()));
  return result;
}

}  // namespace daemoneye::hasher
