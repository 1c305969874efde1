#include "libs/sources/process/fork_check.h"

#include <algorithm>
#include <utility>

namespace daemoneye::process {
namespace {

// On a machine that forks 10,000 times a second nine of ten readings find no fork in between.
constexpr int kMaxReadings = 16;

}  // namespace

ForkCheck::ForkCheck(Count kernel, Count source)
    : kernel_(std::move(kernel)), source_(std::move(source)) {}

std::optional<ForkCheck::Reading> ForkCheck::Read() const {
  std::optional<Reading> best;
  std::optional<uint64_t> before = source_();
  for (int i = 0; i < kMaxReadings && before.has_value(); ++i) {
    const std::optional<uint64_t> kernel = kernel_();
    const std::optional<uint64_t> behind = source_();
    if (!kernel.has_value() || !behind.has_value()) return std::nullopt;
    const Reading reading = {.kernel = *kernel, .source_before = *before, .source_behind = *behind};
    if (!best.has_value() || *behind - *before < best->source_behind - best->source_before) {
      best = reading;
    }
    if (*before == *behind) break;
    before = behind;
  }
  return best;
}

std::optional<ForkCheck::Result> ForkCheck::Look() {
  last_ = Read();
  if (!last_.has_value() || !base_.has_value()) return std::nullopt;
  Result result = {.begun_count = last_->kernel - base_->kernel,
                   .seen_count = last_->source_behind - base_->source_before};
  if (result.begun_count > result.seen_count) {
    result.unseen_count = result.begun_count - result.seen_count;
  }
  return result;
}

void ForkCheck::Rebase() {
  if (!last_.has_value()) last_ = Read();
  base_ = std::exchange(last_, std::nullopt);
}

void ForkCheck::Forget() {
  base_.reset();
  last_.reset();
}

}  // namespace daemoneye::process
