#include "libs/sources/process/recording_sink.h"

#include <fmt/format.h>

#include <iterator>
#include <utility>

namespace daemoneye::process {

absl::Status RecordingSink::Emit(event::EventList events) {
  base::MutexLock lock(mu_);
  if (!answer_.ok()) return answer_;
  std::move(events.begin(), events.end(), std::back_inserter(events_));
  return absl::OkStatus();
}

void RecordingSink::ReportLoss(std::string_view stage, std::string_view reason,
                               std::optional<uint64_t> count) {
  base::MutexLock lock(mu_);
  losses_.push_back(fmt::format("{}/{}: {}", stage, reason, count.value_or(0)));
}

void RecordingSink::CountFiltered(uint64_t count) {
  base::MutexLock lock(mu_);
  filtered_ += count;
}

void RecordingSink::SetAnswer(absl::Status answer) {
  base::MutexLock lock(mu_);
  answer_ = std::move(answer);
}

std::vector<v1::CollectionEvent> RecordingSink::Take() {
  base::MutexLock lock(mu_);
  return std::exchange(events_, {});
}

std::vector<std::string> RecordingSink::TakeTexts() {
  std::vector<std::string> texts;
  for (const v1::CollectionEvent& event : Take()) {
    const v1::ProcessEvent& process = event.process();
    if (process.action() == v1::PROCESS_ACTION_SAMPLE) continue;
    const std::string action = v1::ProcessAction_Name(process.action());
    texts.push_back(fmt::format("{} {} {}",
                                action.substr(std::string_view("PROCESS_ACTION_").size()),
                                process.pid(), process.name()));
  }
  return texts;
}

uint64_t RecordingSink::filtered() const {
  base::MutexLock lock(mu_);
  return filtered_;
}

std::vector<std::string> RecordingSink::losses() const {
  base::MutexLock lock(mu_);
  return losses_;
}

}  // namespace daemoneye::process
