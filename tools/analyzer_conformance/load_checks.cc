// Load: what an analyzer does beyond its limits, and with requests that nobody waits for any more.

#include <algorithm>
#include <vector>

#include "fmt/format.h"
#include "libs/base/status_macros.h"
#include "libs/rpc/status_conversion.h"
#include "tools/analyzer_conformance/checks.h"

namespace daemoneye::conformance {
namespace {

// Never more calls at once, whatever it says it takes.
constexpr size_t kMaxBurst = 256;
// So long slots may take to be given back, from the last request that was not waited for.
constexpr absl::Duration kSlotsBack = absl::Seconds(10);

size_t SlotsOf(const v1::AnalyzerLimits& limits) {
  return static_cast<size_t>(limits.max_concurrent()) + limits.max_queue();
}

// More than it takes at once, where that is told and within reason.
size_t BurstOf(const v1::NegotiateAnalysisResponse& negotiated) {
  return std::clamp(2 * SlotsOf(negotiated.limits()) + 16, size_t{32}, kMaxBurst);
}

absl::Status BeyondItsLimitsItSaysWhenToComeBack(const Subject& subject) {
  ASSIGN_OR_RETURN(const v1::AnalyzeRequest good, GoodRequest(subject));
  const std::vector<v1::AnalyzeRequest> many(BurstOf(subject.negotiated), good);
  size_t answered = 0;
  for (const Answer& answer : subject.caller.Burst(many, AnalyzerCaller::kTimeout)) {
    if (answer.status.ok()) {
      ++answered;
    } else if (!absl::IsResourceExhausted(answer.status)) {
      return Broken(fmt::format("one of {} at once is {}: want an answer or RESOURCE_EXHAUSTED",
                                many.size(), answer.status.ToString()));
    } else if (!rpc::RetryDelay(answer.status).has_value()) {
      return Broken("RESOURCE_EXHAUSTED is without google.rpc.RetryInfo");
    }
  }
  const size_t promised =
      std::min<size_t>(subject.negotiated.limits().max_concurrent(), many.size());
  // What was asked before counts for its rate.
  if (answered < promised && subject.negotiated.limits().max_rate_per_minute() == 0) {
    return Broken(fmt::format("{} of {} at once were answered, limits.max_concurrent is {}",
                              answered, many.size(), promised));
  }
  const absl::Status after = subject.caller.AnalyzePatiently(good).status;
  if (after.ok()) return absl::OkStatus();
  return Broken(fmt::format("after {} at once one alone is {}", many.size(), after.ToString()));
}

// All slots that it says it has can be used, soon.
absl::Status SlotsAreBack(const Subject& subject, const v1::AnalyzeRequest& good,
                          std::string_view after) {
  const size_t slots =
      std::clamp<size_t>(subject.negotiated.limits().max_concurrent(), 1, kMaxBurst / 2);
  const std::vector<v1::AnalyzeRequest> all(slots, good);
  const absl::Time until = absl::Now() + kSlotsBack;
  absl::Status status;
  do {
    status = absl::OkStatus();
    for (const Answer& answer : subject.caller.Burst(all, kSlotsBack)) {
      if (!answer.status.ok()) status = answer.status;
    }
    if (status.ok()) return absl::OkStatus();
    // Also waits where it says how long; beyond its rate that is no question of slots.
    const absl::Status one = subject.caller.AnalyzePatiently(good).status;
    if (!one.ok()) status = one;
  } while (absl::Now() < until);
  if (absl::IsResourceExhausted(status) && subject.negotiated.limits().max_rate_per_minute() > 0) {
    return Skip("its rate does not allow for it");
  }
  return Broken(fmt::format("after {} not all of its {} slots can be used: {}", after, slots,
                            status.ToString()));
}

absl::Status CancelledRequestsGiveTheirSlotsBack(const Subject& subject) {
  ASSIGN_OR_RETURN(const v1::AnalyzeRequest good, GoodRequest(subject));
  const std::vector<v1::AnalyzeRequest> many(BurstOf(subject.negotiated), good);
  // On their way, just there, and worked on.
  for (const absl::Duration after :
       {absl::ZeroDuration(), absl::Milliseconds(20), absl::Milliseconds(200)}) {
    subject.caller.Burst(many, AnalyzerCaller::kTimeout, after);
  }
  return SlotsAreBack(subject, good, "cancelled requests");
}

absl::Status RequestsOutOfTimeGiveTheirSlotsBack(const Subject& subject) {
  ASSIGN_OR_RETURN(const v1::AnalyzeRequest good, GoodRequest(subject));
  const std::vector<v1::AnalyzeRequest> many(BurstOf(subject.negotiated), good);
  for (const absl::Duration timeout :
       {absl::Milliseconds(1), absl::Milliseconds(5), absl::Milliseconds(20)}) {
    for (const Answer& answer : subject.caller.Burst(many, timeout)) {
      const bool is_good = answer.status.ok() || absl::IsDeadlineExceeded(answer.status) ||
                           absl::IsCancelled(answer.status) ||
                           absl::IsResourceExhausted(answer.status);
      if (!is_good) {
        return Broken(fmt::format("a request with a deadline of {} is {}",
                                  absl::FormatDuration(timeout), answer.status.ToString()));
      }
    }
  }
  return SlotsAreBack(subject, good, "requests out of time");
}

const Check kChecks[] = {
    {"beyond-its-limits-it-says-when-to-come-back", BeyondItsLimitsItSaysWhenToComeBack},
    {"cancelled-requests-give-their-slots-back", CancelledRequestsGiveTheirSlotsBack},
    {"requests-out-of-time-give-their-slots-back", RequestsOutOfTimeGiveTheirSlotsBack},
};

}  // namespace

std::span<const Check> LoadChecks() { return kChecks; }

}  // namespace daemoneye::conformance
