// Hostile: bytes of somebody who means ill. What they are answered with is of less weight than that
// the analyzer goes on.

#include <sys/socket.h>

#include <string>
#include <utility>
#include <vector>

#include "fmt/format.h"
#include "libs/base/status_macros.h"
#include "libs/base/unique_fd.h"
#include "tools/analyzer_conformance/checks.h"
#include "tools/analyzer_conformance/raw_connection.h"

namespace daemoneye::conformance {
namespace {

constexpr char kAnalyze[] = "/daemoneye.v1.AnalyzerService/Analyze";
constexpr char kNegotiate[] = "/daemoneye.v1.AnalyzerService/NegotiateAnalysis";
constexpr size_t kHugeBytes = 16 << 20;

// It answers as before, and is the same process.
absl::Status StillThere(const Subject& subject, std::string_view after) {
  const absl::StatusOr<v1::NegotiateAnalysisResponse> again = subject.caller.Negotiate();
  if (!again.ok()) {
    return Broken(fmt::format("after {} it does not answer: {}", after, again.status().ToString()));
  }
  if (again->instance_id() != subject.negotiated.instance_id()) {
    return Broken(fmt::format("after {} it is another instance: it was ended", after));
  }
  const std::string state = subject.caller.Health("");
  if (state == "SERVING") return absl::OkStatus();
  return Broken(fmt::format("after {} its health is {}", after, state));
}

absl::Status GarbageDoesNotEndIt(const Subject& subject) {
  const std::string garbage[] = {std::string(1, '\xff'), std::string("\x0a\xff\xff\xff\xff\x0f", 6),
                                 std::string(1000, '\x0b'),  // groups within groups, none ended
                                 std::string("\x0a\x02\xff\xfe", 4), std::string(65536, '\0')};
  for (const std::string& bytes : garbage) {
    // What some libraries take for an empty request is answered there.
    subject.caller.CallRaw(kNegotiate, bytes).IgnoreError();
    if (subject.caller.CallRaw(kAnalyze, bytes).ok()) {
      return Broken("Analyze answers bytes that are no request");
    }
  }
  return StillThere(subject, "garbage");
}

// Sends `bytes` on a connection of its own and closes it.
absl::Status Send(const std::string& address, const std::string& bytes) {
  ASSIGN_OR_RETURN(const base::UniqueFd fd, ConnectRaw(address));
  size_t sent = 0;
  while (sent < bytes.size()) {
    const ssize_t n = ::send(fd.get(), bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
    if (n <= 0) break;  // it has hung up, as it may
    sent += static_cast<size_t>(n);
  }
  return absl::OkStatus();
}

absl::Status BytesThatAreNoCallDoNotEndIt(const Subject& subject) {
  const std::string preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
  const std::string connections[] = {
      "", std::string(100'000, '\xff'), "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", preface,
      // A frame of 16 MiB that never comes; one of a stream that was never opened; of no type.
      preface + std::string("\xff\xff\xff\x00\x00\x00\x00\x00\x01", 9),
      preface + std::string("\x00\x00\x04\x00\x00\x00\x00\x00\x07", 9) + "abcd",
      preface + std::string("\x00\x00\x04\x7f\xff\xff\xff\xff\xff", 9) + "abcd"};
  for (const std::string& bytes : connections) {
    const absl::Status status = Send(subject.address, bytes);
    if (absl::IsUnimplemented(status)) return Skip(std::string(status.message()));
    RETURN_IF_ERROR(status);
  }
  // Left open, each without a word.
  std::vector<base::UniqueFd> silent;
  for (int i = 0; i < 50; ++i) {
    ASSIGN_OR_RETURN(base::UniqueFd fd, ConnectRaw(subject.address));
    silent.push_back(std::move(fd));
  }
  return StillThere(subject, "connections that make no call");
}

absl::Status AHugeRequestDoesNotEndIt(const Subject& subject) {
  v1::AnalyzeRequest huge;
  huge.set_request_id(std::string(kHugeBytes, 'x'));
  const absl::Status status = subject.caller.CallRaw(kAnalyze, huge.SerializeAsString());
  if (status.ok()) return Broken("a request of 16 MiB is answered");
  return StillThere(subject, "a request of 16 MiB");
}

absl::Status HostileTextsDoNotEndIt(const Subject& subject) {
  ASSIGN_OR_RETURN(const v1::AnalyzeRequest good, GoodRequest(subject));
  const std::string texts[] = {std::string("/bin/true\0/x", 12), "/bin/true\n\x1b[2J", "/%s%n%p",
                               "/\xe2\x80\xae", std::string(4096, '/')};
  for (const std::string& text : texts) {
    v1::AnalyzeRequest request = good;
    request.mutable_target()->clear_pid();
    request.mutable_target()->clear_process_key();
    request.mutable_target()->set_path(text);
    const absl::Status status = subject.caller.AnalyzePatiently(request).status;
    // "/" repeated is the root, which is no file.
    if (absl::IsNotFound(status) || absl::IsInvalidArgument(status)) continue;
    return Broken(fmt::format("a hostile path is {}, not NOT_FOUND or INVALID_ARGUMENT",
                              absl::StatusCodeToString(status.code())));
  }
  v1::AnalyzeRequest deep = good;
  google::protobuf::Struct* fields =
      (*deep.mutable_context()->mutable_results())["x"].mutable_result();
  for (int i = 0; i < 20; ++i) {
    fields = (*fields->mutable_fields())["x"].mutable_struct_value();
  }
  const absl::Status status = subject.caller.AnalyzePatiently(deep).status;
  if (!status.ok() && !absl::IsInvalidArgument(status)) {
    return Broken(fmt::format("a deep context is {}", status.ToString()));
  }
  return StillThere(subject, "hostile texts");
}

absl::Status UnknownMethodsAreRefused(const Subject& subject) {
  const absl::Status status =
      subject.caller.CallRaw("/daemoneye.v1.AnalyzerService/NoSuchMethod", "");
  // The latter of a server that says who may call what.
  if (absl::IsUnimplemented(status) || absl::IsPermissionDenied(status)) return absl::OkStatus();
  return Broken(fmt::format("is {}", absl::StatusCodeToString(status.code())));
}

const Check kChecks[] = {
    {"garbage-does-not-end-it", GarbageDoesNotEndIt},
    {"bytes-that-are-no-call-do-not-end-it", BytesThatAreNoCallDoNotEndIt},
    {"a-huge-request-does-not-end-it", AHugeRequestDoesNotEndIt},
    {"hostile-texts-do-not-end-it", HostileTextsDoNotEndIt},
    {"unknown-methods-are-refused", UnknownMethodsAreRefused},
};

}  // namespace

std::span<const Check> HostileChecks() { return kChecks; }

}  // namespace daemoneye::conformance
