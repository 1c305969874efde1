#include "services/collector_gateway/name_lookups.h"

#include <utility>

namespace daemoneye::gateway {

using base::MutexLock;
using base::operator+;

NameLookups::NameLookups(std::vector<MonitorAddress> names, Resolver resolver,
                         absl::Duration interval, base::Clock& clock, OnAnswer on_answer)
    : names_(std::move(names)),
      resolver_(std::move(resolver)),
      interval_(interval),
      clock_(clock),
      on_answer_(std::move(on_answer)),
      inbox_(std::make_shared<Inbox>()) {
  MutexLock lock(inbox_->mu);
  inbox_->is_asked.resize(names_.size());
}

void NameLookups::Start() {
  if (names_.empty()) return;
  calls_.reserve(names_.size());
  for (size_t i = 0; i < names_.size(); ++i) {
    calls_.push_back(std::make_unique<collector::CallThread>("resolve"));
  }
  thread_ = base::Thread("resolver", [this](std::stop_token stop) { Run(stop); });
}

void NameLookups::Stop() {
  thread_.StopAndJoin();
  calls_.clear();
}

void NameLookups::Run(const std::stop_token& stop) {
  const std::stop_callback wake(stop, [this] {
    MutexLock lock(inbox_->mu);
    inbox_->changed.NotifyAll();
  });
  base::Monotonic ask_at = clock_.MonotonicNow();
  while (!stop.stop_requested()) {
    if (clock_.MonotonicNow() >= ask_at) {
      AskAll();
      ask_at = clock_.MonotonicNow() + interval_;
    }
    for (auto& [name, answer] : AwaitAnswers(stop, ask_at)) {
      on_answer_(names_[name], std::move(answer));
    }
  }
}

void NameLookups::AskAll() {
  for (size_t i = 0; i < names_.size(); ++i) {
    {
      MutexLock lock(inbox_->mu);
      if (inbox_->is_asked[i]) continue;
      inbox_->is_asked[i] = true;
    }
    calls_[i]->Post([inbox = inbox_, resolver = resolver_, name = names_[i], i] {
      Answer answer = resolver(name);
      MutexLock lock(inbox->mu);
      inbox->is_asked[i] = false;
      inbox->answers.emplace_back(i, std::move(answer));
      inbox->changed.NotifyAll();
    });
  }
}

std::vector<std::pair<size_t, NameLookups::Answer>> NameLookups::AwaitAnswers(
    const std::stop_token& stop, base::Monotonic deadline) {
  MutexLock lock(inbox_->mu);
  while (inbox_->answers.empty() && !stop.stop_requested() && clock_.MonotonicNow() < deadline) {
    clock_.WaitUntil(inbox_->changed, inbox_->mu, deadline);
  }
  if (stop.stop_requested()) return {};
  return std::exchange(inbox_->answers, {});
}

}  // namespace daemoneye::gateway
