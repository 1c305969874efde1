// Refusals: what an analyzer must not answer, and what it says then.

#include <algorithm>
#include <vector>

#include "fmt/format.h"
#include "libs/base/status_macros.h"
#include "tools/analyzer_conformance/checks.h"

namespace daemoneye::conformance {
namespace {

// Above what Linux ever gives (PID_MAX_LIMIT).
constexpr uint32_t kNoPid = (1 << 22) + 1;
constexpr char kNoFile[] = "/analyzer-conformance/there-is-no-such-file";
// Exist everywhere; an analyzer may look at them or not.
constexpr const char* kFiles[] = {"/",           "/etc",      "/etc/passwd",
                                  "/etc/shadow", "/dev/null", "/proc/1/environ"};

v1::AnalysisTarget PathTarget(const Subject& subject, std::string path) {
  v1::AnalysisTarget target;
  target.set_host(subject.negotiated.host());
  target.set_path(std::move(path));
  return target;
}

bool Names(const absl::Status& status, std::string_view field) {
  return status.message().find(std::string(field)) != absl::string_view::npos;
}

// Whether paths alone mean anything to it: /bin/true, or whatever was given, is there.
bool TakesPaths(const Subject& subject, size_t kind) {
  return std::ranges::any_of(subject.targets, [&](const v1::AnalysisTarget& target) {
    return !target.has_pid() && target.process_key().empty() &&
           subject.caller.AnalyzePatiently(RequestOf(subject, kind, target)).status.ok();
  });
}

absl::Status UnknownTargetsAreNotFound(const Subject& subject) {
  v1::AnalysisTarget no_pid;
  no_pid.set_host(subject.negotiated.host());
  no_pid.set_pid(kNoPid);
  v1::AnalysisTarget no_key;
  no_key.set_host(subject.negotiated.host());
  no_key.set_process_key("x");
  const struct {
    const char* what;
    v1::AnalysisTarget target;
  } cases[] = {{"a process_key that is none", no_key},
               {"a pid that nobody has", no_pid},
               {"a pid that another process has now", subject.ended_process},
               {"a file that is not there", PathTarget(subject, kNoFile)}};
  for (size_t i = 0; i < KindCount(subject.negotiated); ++i) {
    for (const auto& c : cases) {
      const v1::AnalyzeRequest request = RequestOf(subject, i, c.target);
      const absl::Status status = subject.caller.AnalyzePatiently(request).status;
      // One that has no use for a target of this sort may say so.
      if (absl::IsNotFound(status) ||
          (absl::IsInvalidArgument(status) && Names(status, "target"))) {
        continue;
      }
      return Broken(fmt::format("{} of {} is {}, not NOT_FOUND", KindName(request), c.what,
                                absl::StatusCodeToString(status.code())));
    }
  }
  return absl::OkStatus();
}

// The message without the path, so that two of them can be held against each other.
std::string WithoutPath(const absl::Status& status, const std::string& path) {
  std::string text = status.ToString();
  for (size_t at = text.find(path); path.size() > 1 && at != std::string::npos;
       at = text.find(path)) {
    text.erase(at, path.size());
  }
  return text;
}

absl::Status RefusalsDoNotTellWhatExists(const Subject& subject) {
  bool takes_paths = false;
  for (size_t i = 0; i < KindCount(subject.negotiated); ++i) {
    takes_paths |= TakesPaths(subject, i);
    const absl::Status missing =
        subject.caller.AnalyzePatiently(RequestOf(subject, i, PathTarget(subject, kNoFile))).status;
    for (const char* const path : kFiles) {
      const v1::AnalyzeRequest request = RequestOf(subject, i, PathTarget(subject, path));
      const absl::Status status = subject.caller.AnalyzePatiently(request).status;
      if (status.ok() || WithoutPath(status, path) == WithoutPath(missing, kNoFile)) continue;
      return Broken(fmt::format("{}: {} is refused with '{}', and what is not there with '{}'",
                                KindName(request), path, status.ToString(), missing.ToString()));
    }
  }
  return takes_paths ? absl::OkStatus() : Skip("no type takes a path alone");
}

struct BadRequest {
  const char* what;
  const char* field;
  void (*spoil)(v1::AnalyzeRequest&);
};

constexpr BadRequest kBadRequests[] = {
    {"no target", "target", [](v1::AnalyzeRequest& r) { r.clear_target(); }},
    {"an empty target", "target",
     [](v1::AnalyzeRequest& r) {
       r.mutable_target()->clear_pid();
       r.mutable_target()->clear_process_key();
       r.mutable_target()->clear_path();
     }},
    {"no type", "analysis_type", [](v1::AnalyzeRequest& r) { r.clear_analysis_type(); }},
    {"a relative path", "path",
     [](v1::AnalyzeRequest& r) { r.mutable_target()->set_path("bin/true"); }},
    {"a path with '..'", "path",
     [](v1::AnalyzeRequest& r) { r.mutable_target()->set_path("/bin/../bin/true"); }},
    {"a path of 5,000 bytes", "path",
     [](v1::AnalyzeRequest& r) { r.mutable_target()->set_path("/" + std::string(4999, 'x')); }},
};

absl::Status BadRequestsAreInvalid(const Subject& subject) {
  ASSIGN_OR_RETURN(const v1::AnalyzeRequest good, GoodRequest(subject));
  for (const BadRequest& bad : kBadRequests) {
    v1::AnalyzeRequest request = good;
    bad.spoil(request);
    const absl::Status status = subject.caller.AnalyzePatiently(request).status;
    if (!absl::IsInvalidArgument(status)) {
      return Broken(fmt::format("{} is {}, not INVALID_ARGUMENT", bad.what,
                                absl::StatusCodeToString(status.code())));
    }
    if (!Names(status, bad.field)) {
      return Broken(
          fmt::format("{}: '{}' does not name {}", bad.what, status.ToString(), bad.field));
    }
  }
  return absl::OkStatus();
}

absl::Status TypesItHasNotAreRefused(const Subject& subject) {
  ASSIGN_OR_RETURN(const v1::AnalyzeRequest good, GoodRequest(subject));
  std::vector<v1::AnalyzeRequest> requests;
  bool has_custom = false;
  for (int type = v1::AnalysisType_MIN + 1; type <= v1::AnalysisType_MAX; ++type) {
    const bool is_claimed = std::ranges::count(subject.negotiated.analysis_types(), type) > 0;
    has_custom |= is_claimed && type == v1::ANALYSIS_TYPE_CUSTOM;
    if (is_claimed || !v1::AnalysisType_IsValid(type)) continue;
    v1::AnalyzeRequest& request = requests.emplace_back(good);
    request.set_analysis_type(static_cast<v1::AnalysisType>(type));
    request.clear_custom_type();
    if (type == v1::ANALYSIS_TYPE_CUSTOM) request.set_custom_type("no-such-type");
  }
  if (has_custom) {
    v1::AnalyzeRequest& request = requests.emplace_back(good);
    request.set_analysis_type(v1::ANALYSIS_TYPE_CUSTOM);
    request.set_custom_type("no-such-type");
  }
  for (const v1::AnalyzeRequest& request : requests) {
    const absl::Status status = subject.caller.AnalyzePatiently(request).status;
    if (absl::IsFailedPrecondition(status)) continue;
    return Broken(fmt::format("{} is not claimed, and is {}, not FAILED_PRECONDITION",
                              KindName(request), absl::StatusCodeToString(status.code())));
  }
  return absl::OkStatus();
}

absl::Status OtherHostsAreRefused(const Subject& subject) {
  if (subject.negotiated.host().empty()) return Skip("it names no host");
  ASSIGN_OR_RETURN(v1::AnalyzeRequest request, GoodRequest(subject));
  request.mutable_target()->set_host("another-host.invalid");
  const absl::Status status = subject.caller.AnalyzePatiently(request).status;
  if (absl::IsNotFound(status) || absl::IsFailedPrecondition(status)) return absl::OkStatus();
  return Broken(fmt::format("a target of another host is {}, not NOT_FOUND or FAILED_PRECONDITION",
                            absl::StatusCodeToString(status.code())));
}

const Check kChecks[] = {
    {"unknown-targets-are-not-found", UnknownTargetsAreNotFound},
    {"refusals-do-not-tell-what-exists", RefusalsDoNotTellWhatExists},
    {"bad-requests-are-invalid", BadRequestsAreInvalid},
    {"types-it-has-not-are-refused", TypesItHasNotAreRefused},
    {"other-hosts-are-refused", OtherHostsAreRefused},
};

}  // namespace

std::span<const Check> RefusalChecks() { return kChecks; }

}  // namespace daemoneye::conformance
