#include "tools/bench/typed_server.h"

#include <vector>

#include "tools/bench/samples.h"

namespace daemoneye::bench {
namespace {

// Writes messages of a prepared list, over and over, until `total` were written.
template <typename Message>
class RepeatingReactor final : public grpc::ServerWriteReactor<Message> {
 public:
  RepeatingReactor(const std::vector<Message>& messages, size_t total)
      : messages_(messages), left_(total) {
    WriteNext();
  }

  void OnWriteDone(bool ok) override {
    if (!ok) left_ = 0;
    WriteNext();
  }
  void OnDone() override { delete this; }

 private:
  void WriteNext() {
    if (left_ == 0) return this->Finish(grpc::Status::OK);
    --left_;
    this->StartWrite(&messages_[left_ % messages_.size()]);
  }

  const std::vector<Message>& messages_;
  size_t left_;
};

class TypedService final : public v1::MonitorService::CallbackService {
 public:
  TypedService(size_t events_per_stream, size_t batch_events)
      : batches_per_stream_(events_per_stream / batch_events),
        events_per_stream_(batches_per_stream_ * batch_events),
        batches_(1) {
    for (event::Event& event : SampleEvents(batch_events)) {
      event.set_sequence(1'000'000);
      event.mutable_origin()->set_monitor("procmond");
      event.mutable_origin()->set_host("host");
      event.mutable_origin()->set_stream_id("01234567-89ab-4def-8123-456789abcdef");
      event.mutable_origin()->set_sequence(1'000'000);
      events_.push_back(event);
      *batches_[0].add_events() = std::move(event);
    }
  }

  grpc::ServerWriteReactor<v1::CollectionEvent>* StreamEvents(
      grpc::CallbackServerContext*, const v1::StreamEventsRequest*) override {
    return new RepeatingReactor<v1::CollectionEvent>(events_, events_per_stream_);
  }
  grpc::ServerWriteReactor<v1::StreamEventBatchesResponse>* StreamEventBatches(
      grpc::CallbackServerContext*, const v1::StreamEventBatchesRequest*) override {
    return new RepeatingReactor<v1::StreamEventBatchesResponse>(batches_, batches_per_stream_);
  }

 private:
  const size_t batches_per_stream_;
  const size_t events_per_stream_;
  std::vector<v1::CollectionEvent> events_;
  std::vector<v1::StreamEventBatchesResponse> batches_;
};

}  // namespace

TypedServer::TypedServer(const std::string& path, size_t events_per_stream, size_t batch_events)
    : service_(std::make_unique<TypedService>(events_per_stream, batch_events)) {
  grpc::ServerBuilder builder;
  builder.AddListeningPort("unix:" + path, grpc::InsecureServerCredentials());
  builder.RegisterService(service_.get());
  server_ = builder.BuildAndStart();
}

}  // namespace daemoneye::bench
