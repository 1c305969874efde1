#include "libs/monitor/opened_stream.h"

#include <utility>

#include "daemoneye/v1/event.pb.h"
#include "libs/base/status_macros.h"
#include "libs/event/filter.h"
#include "libs/event_bus/replaying_subscription.h"

namespace daemoneye::monitor {
namespace {

using event_bus::BusStatistics;
using event_bus::SubscribeOptions;

bool IncludesSnapshot(const v1::StreamEventsRequest& request) {
  return !request.has_include_snapshot() || request.include_snapshot();
}

bool Follows(const v1::StreamEventsRequest& request) {
  return !request.has_follow() || request.follow();
}

// True when the position the caller has is one of this very log.
bool IsResumable(const v1::StreamEventsRequest& request, const BusStatistics& log) {
  return request.has_resume() && request.resume().stream_id() == log.stream_id &&
         request.resume().after_sequence() < log.next_sequence;
}

std::string Serialise(const v1::StreamControl& control) {
  v1::CollectionEvent event;
  *event.mutable_control() = control;
  return event.SerializeAsString();
}

void AddPreamble(MonitorBackend& backend, const event::CompiledFilter& filter,
                 uint64_t first_sequence, bool is_resumed, OpenedStream& opened) {
  v1::StreamControl control;
  v1::StreamStarted& started = *control.mutable_stream_started();
  started.set_stream_id(backend.bus().stream_id());
  started.set_first_sequence(first_sequence);
  *started.mutable_effective_filter() = filter.effective();
  started.set_resumed(is_resumed);
  *started.mutable_publisher() = backend.publisher();
  started.mutable_publisher()->set_stream_id(backend.bus().stream_id());
  opened.preamble.push_back(Serialise(control));

  const Announcements::News publishers = backend.announcements().Publishers();
  for (const auto& event : publishers.events) opened.preamble.push_back(*event);
  opened.announced_version = publishers.version;
}

// Takes the snapshot; returns the position it shows.
absl::StatusOr<uint64_t> AddSnapshot(MonitorBackend& backend,
                                     const v1::StreamEventsRequest& request,
                                     base::Monotonic deadline, OpenedStream& opened) {
  // Stale state is still state; what is wrong with the sources shows in GetStatus.
  backend.RefreshState(deadline).IgnoreError();
  ASSIGN_OR_RETURN(event_bus::StateSnapshot state, backend.bus().Snapshot(request.filter()));
  opened.snapshot = std::move(state.events);
  v1::StreamControl control;
  v1::SnapshotComplete& complete = *control.mutable_snapshot_complete();
  backend.CompleteSnapshot(complete);
  complete.set_count(opened.snapshot.size());
  complete.set_as_of_sequence(state.as_of_sequence);
  opened.snapshot_complete = Serialise(control);
  return state.as_of_sequence;
}

}  // namespace

absl::StatusOr<OpenedStream> OpenStream(MonitorBackend& backend,
                                        const v1::StreamEventsRequest& request,
                                        std::function<void()> on_ready, base::Monotonic deadline) {
  ASSIGN_OR_RETURN(const event::CompiledFilter filter,
                   event::CompiledFilter::Create(request.filter()));
  OpenedStream opened;
  const BusStatistics log = backend.bus().statistics();
  const bool is_resumed = IsResumable(request, log);

  SubscribeOptions options{.filter = request.filter(),
                           .overflow = request.overflow() == v1::OVERFLOW_POLICY_DISCONNECT
                                           ? event_bus::Overflow::kDisconnect
                                           : event_bus::Overflow::kDropOldest,
                           .client_id = request.client_id(),
                           .on_ready = std::move(on_ready)};
  uint64_t end_position = log.next_sequence - 1;
  if (is_resumed) {
    options.from_sequence = request.resume().after_sequence() + 1;
  } else if (IncludesSnapshot(request)) {
    ASSIGN_OR_RETURN(end_position, AddSnapshot(backend, request, deadline, opened));
    options.from_sequence = end_position + 1;
  } else if (request.has_resume()) {
    // The publisher restarted: all of its log is new to the caller.
    options.from_sequence = 1;
  }

  if (!Follows(request)) opened.end_position = end_position;
  const std::optional<uint64_t> from = options.from_sequence;
  const event_bus::LogHistory* history = backend.history();
  if (history != nullptr && from.has_value() && *from < log.oldest_sequence) {
    ASSIGN_OR_RETURN(opened.subscription, event_bus::ReplayingSubscription::Create(
                                              backend.bus(), *history, std::move(options)));
  } else {
    ASSIGN_OR_RETURN(opened.subscription, backend.bus().Subscribe(std::move(options)));
  }
  // What is no longer held is the first thing the stream tells, so it counts as looked at.
  AddPreamble(backend, filter, from.value_or(opened.subscription->next_sequence()), is_resumed,
              opened);
  return opened;
}

}  // namespace daemoneye::monitor
