#include "services/collector_gateway/link_intake.h"

#include <algorithm>
#include <utility>

#include "fmt/format.h"
#include "google/protobuf/util/time_util.h"
#include "libs/base/status_macros.h"
#include "services/collector_gateway/frame_walker.h"

namespace daemoneye::gateway {
namespace {

using google::protobuf::util::TimeUtil;

constexpr int64_t kDaySeconds = 24 * 60 * 60;

// A monitor's event_time this far from when it read the event is a broken clock, not a late event.
bool HasPlausibleTime(const event::Event& event) {
  if (!event.has_event_time() || !event.has_observed_time()) return true;
  const int64_t apart = event.event_time().seconds() - event.observed_time().seconds();
  return apart > -kDaySeconds && apart < kDaySeconds;
}

bool IsSnapshot(const event::Event& event) {
  switch (event.payload_case()) {
    case event::Event::kProcess:
      return event.process().action() == v1::PROCESS_ACTION_SNAPSHOT;
    case event::Event::kNetwork:
      return event.network().action() == v1::NETWORK_ACTION_SNAPSHOT;
    default:
      return false;
  }
}

void AppendFrame(std::string_view bytes, event_bus::FramedEvents& out) {
  out.offsets.push_back(static_cast<uint32_t>(out.frames.size()));
  out.frames.push_back(0x0A);
  size_t length = bytes.size();
  while (length >= 0x80) {
    out.frames.push_back(static_cast<char>(length | 0x80));
    length >>= 7;
  }
  out.frames.push_back(static_cast<char>(length));
  out.frames.append(bytes);
}

}  // namespace

std::string_view RejectionName(Rejection reason) {
  switch (reason) {
    case Rejection::kUnparsable:
      return "unparsable";
    case Rejection::kForgedOrigin:
      return "forged_origin";
    case Rejection::kDuplicateOrigin:
      return "duplicate_origin";
    case Rejection::kTooLarge:
      return "too_large";
    case Rejection::kSequenceBack:
      return "sequence_back";
    case Rejection::kSnapshotTooLong:
      return "snapshot_too_long";
  }
  return "unknown";
}

void LinkCounts::Add(const LinkCounts& other) {
  received += other.received;
  accepted += other.accepted;
  for (size_t i = 0; i < std::size(accepted_by_kind); ++i) {
    accepted_by_kind[i] += other.accepted_by_kind[i];
  }
  notices += other.notices;
  gaps += other.gaps;
  lost += other.lost;
  for (int i = 0; i < kRejectionCount; ++i) rejected[i] += other.rejected[i];
  retimed += other.retimed;
}

void LinkIntake::Begin(std::string monitor, std::string stream_id, uint64_t position) {
  monitor_ = std::move(monitor);
  stream_id_ = std::move(stream_id);
  position_ = position;
  snapshot_events_ = 0;
  unplaced_ = 0;
}

absl::Status LinkIntake::AcceptBatch(std::string_view message) {
  FrameWalker walker(message);
  pending_.frames.reserve(message.size());
  absl::Status status;
  while (status.ok()) {
    absl::StatusOr<std::optional<std::string_view>> frame = walker.Next();
    if (!frame.ok()) {
      status = frame.status();
    } else if (!frame->has_value()) {
      break;
    } else {
      status = Take(**frame);
    }
  }
  Flush();
  parser_.Rest();
  return status;
}

absl::Status LinkIntake::AcceptEvent(std::string_view event) {
  absl::Status status = Take(event);
  Flush();
  parser_.Rest();
  return status;
}

absl::Status LinkIntake::Take(std::string_view bytes) {
  if (bytes.size() > limits_.max_event_bytes) {
    Reject(Rejection::kTooLarge);
    // Passed over for good: asked for again, the monitor would send it again.
    const std::optional<uint64_t> sequence = FrontSequence(bytes);
    const bool is_next = sequence.has_value() && *sequence == position_ + 1;
    ReportLoss("too_large", 1, is_next ? *sequence : 0, is_next ? *sequence : 0);
    if (is_next) position_ = *sequence;
    return absl::ResourceExhaustedError(
        fmt::format("event of {} bytes, the bound is {}", bytes.size(), limits_.max_event_bytes));
  }
  if (!parser_.Append(bytes)) {
    Reject(Rejection::kUnparsable);
    const std::optional<uint64_t> sequence = FrontSequence(bytes);
    if (sequence.has_value() && *sequence == position_ + 1) {
      position_ = *sequence;
      ReportLoss("unparsable", 1, position_, position_);
    } else {
      ++unplaced_;
    }
    return absl::OkStatus();
  }
  if (current().has_control()) {
    const v1::StreamControl control = std::move(*current().mutable_control());
    DropCurrent();
    return on_control_(control);
  }
  return IsSnapshot(current()) ? TakeSnapshot() : TakeSequenced(bytes);
}

absl::Status LinkIntake::TakeSnapshot() {
  if (++snapshot_events_ > limits_.max_snapshot_events) {
    DropCurrent();
    Reject(Rejection::kSnapshotTooLong);
    return absl::ResourceExhaustedError(
        fmt::format("snapshot of more than {} events", limits_.max_snapshot_events));
  }
  const std::optional<Rejection> refused = check_origin_(current().origin());
  if (refused.has_value()) {
    Reject(*refused);
  } else {
    current().clear_sequence();
    snapshot_.push_back(std::move(current()));
  }
  DropCurrent();
  return absl::OkStatus();
}

absl::Status LinkIntake::TakeSequenced(std::string_view bytes) {
  const uint64_t sequence = current().sequence();
  if (sequence <= position_) {
    DropCurrent();
    Reject(Rejection::kSequenceBack);
    return absl::DataLossError(
        fmt::format("sequence {} after {}: the monitor went back", sequence, position_));
  }
  const std::optional<Rejection> refused = check_origin_(current().origin());
  if (refused.has_value()) {
    DropCurrent();
    Advance(sequence);
    Reject(*refused);
    ReportLoss(RejectionName(*refused), 1, sequence, sequence);
    return absl::OkStatus();
  }
  if (sequence != position_ + 1) {
    // The loss stands before the event, so the event waits outside of what is flushed.
    event::Event event = std::move(current());
    DropCurrent();
    Advance(sequence);
    parser_.Append(std::move(event));
  }
  position_ = sequence;
  CountAccepted();
  AppendCurrent(bytes);
  return absl::OkStatus();
}

void LinkIntake::Advance(uint64_t sequence) {
  const uint64_t missing = sequence - position_ - 1;
  const uint64_t first = position_ + 1;
  position_ = sequence;
  if (missing > 0 && missing == unplaced_) {
    ReportLoss("unparsable", missing, first, sequence - 1);
  } else if (missing > 0) {
    RecordGap(first, sequence - 1, missing);
  }
  unplaced_ = 0;
}

void LinkIntake::RecordGap(uint64_t first, uint64_t last, std::optional<uint64_t> count) {
  if (last < first) return;
  position_ = std::max(position_, last);
  ++counts_.gaps;
  counts_.lost += count.value_or(last - first + 1);
  ReportLoss("gap", count, first, last);
}

void LinkIntake::AppendCurrent(std::string_view bytes) {
  if (HasPlausibleTime(current())) {
    AppendFrame(bytes, pending_);
    return;
  }
  ++counts_.retimed;
  *current().mutable_event_time() = current().observed_time();
  AppendFrame(current().SerializeAsString(), pending_);
}

void LinkIntake::CountAccepted() {
  ++counts_.received;
  ++counts_.accepted;
  const auto kind = static_cast<size_t>(event::KindOf(current()));
  ++counts_.accepted_by_kind[kind < std::size(counts_.accepted_by_kind) ? kind : 0];
}

void LinkIntake::Reject(Rejection reason) {
  ++counts_.received;
  ++counts_.rejected[static_cast<int>(reason)];
}

void LinkIntake::ReportLoss(std::string_view reason, std::optional<uint64_t> count, uint64_t first,
                            uint64_t last) {
  Flush();
  ++counts_.notices;
  event::Event event;
  event.set_source("gateway-link");
  *event.mutable_event_time() = TimeUtil::NanosecondsToTimestamp(absl::ToUnixNanos(clock_.Now()));
  *event.mutable_observed_time() = event.event_time();
  v1::LossEvent& loss = *event.mutable_loss();
  loss.set_monitor(monitor_);
  loss.set_stage("link");
  loss.set_reason(std::string(reason));
  if (count.has_value()) loss.set_count(*count);
  loss.set_stream_id(stream_id_);
  if (first != 0) {
    loss.set_first_sequence(first);
    loss.set_last_sequence(last);
  }
  *loss.mutable_until() = event.event_time();
  event::EventList events;
  events.push_back(std::move(event));
  bus_.Publish(std::move(events));
}

void LinkIntake::Flush() {
  if (!snapshot_.empty()) bus_.Publish(std::exchange(snapshot_, {}));
  if (!pending_.offsets.empty()) {
    pending_.parsed = parser_.Finish();
    bus_.PublishFramed(std::exchange(pending_, {}));
  }
}

}  // namespace daemoneye::gateway
