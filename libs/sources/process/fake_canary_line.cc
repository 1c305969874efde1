#include "libs/sources/process/fake_canary_line.h"

#include <utility>

namespace daemoneye::process {

using base::MutexLock;

class FakeCanaryLine::FakeWatch final : public CanaryWatch {
 public:
  explicit FakeWatch(FakeCanaryLine& line) : line_(line) {}
  ~FakeWatch() override {
    MutexLock lock(line_.mu_);
    line_.wake_ = nullptr;
  }

  absl::StatusOr<bool> HasCome(uint32_t pid) override {
    MutexLock lock(line_.mu_);
    if (line_.fate_ == Fate::kIsNotTold) return absl::UnavailableError("the stream lost events");
    return line_.has_come_ == pid;
  }

  bool has_progress() const override {
    MutexLock lock(line_.mu_);
    return line_.has_progress_;
  }

 private:
  FakeCanaryLine& line_;
};

bool FakeCanaryLine::is_open() const {
  MutexLock lock(mu_);
  return is_open_;
}

absl::StatusOr<std::unique_ptr<CanaryWatch>> FakeCanaryLine::Watch(std::function<void()> wake) {
  MutexLock lock(mu_);
  wake_ = std::move(wake);
  return std::make_unique<FakeWatch>(*this);
}

absl::StatusOr<SentCanary> FakeCanaryLine::Spawn() {
  const base::Monotonic start = clock_.MonotonicNow();
  std::function<void()> body;
  uint32_t pid = 0;
  {
    MutexLock lock(mu_);
    if (!spawn_status_.ok()) return spawn_status_;
    pid = static_cast<uint32_t>(1000 + ++spawns_);
    if (fate_ == Fate::kComesAtOnce) has_come_ = pid;
    body = on_spawn_;
    changed_.NotifyAll();
  }
  if (body) body();
  return SentCanary{.pid = pid, .start = start};
}

void FakeCanaryLine::Reap() {
  MutexLock lock(mu_);
  ++reaped_;
  changed_.NotifyAll();
}

void FakeCanaryLine::SetFate(Fate fate) {
  MutexLock lock(mu_);
  fate_ = fate;
}

void FakeCanaryLine::SetProgress(bool has_progress) {
  MutexLock lock(mu_);
  has_progress_ = has_progress;
}

void FakeCanaryLine::SetOpen(bool is_open) {
  MutexLock lock(mu_);
  is_open_ = is_open;
}

void FakeCanaryLine::SetSpawnStatus(absl::Status status) {
  MutexLock lock(mu_);
  spawn_status_ = std::move(status);
}

void FakeCanaryLine::OnSpawn(std::function<void()> body) {
  MutexLock lock(mu_);
  on_spawn_ = std::move(body);
}

void FakeCanaryLine::LetItCome() {
  std::function<void()> wake;
  {
    MutexLock lock(mu_);
    has_come_ = static_cast<uint32_t>(1000 + spawns_);
    wake = wake_;
  }
  if (wake) wake();
}

void FakeCanaryLine::AwaitSpawns(int count) {
  MutexLock lock(mu_);
  while (spawns_ < count) changed_.Wait(mu_);
}

void FakeCanaryLine::AwaitReaped(int count) {
  MutexLock lock(mu_);
  while (reaped_ < count) changed_.Wait(mu_);
}

int FakeCanaryLine::spawns() const {
  MutexLock lock(mu_);
  return spawns_;
}

int FakeCanaryLine::living() const {
  MutexLock lock(mu_);
  return spawns_ - reaped_;
}

}  // namespace daemoneye::process
