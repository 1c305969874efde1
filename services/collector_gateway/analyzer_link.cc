#include "services/collector_gateway/analyzer_link.h"

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "daemoneye/v1/analyzer_service.grpc.pb.h"
#include "fmt/format.h"
#include "libs/base/text.h"
#include "libs/event/event_builder.h"
#include "libs/logging/logging.h"
#include "libs/rpc/status_conversion.h"

namespace daemoneye::gateway {
namespace {

using base::MutexLock;
using base::operator+;

constexpr int kMaxMessageBytes = 1 << 20;
constexpr size_t kMaxNegotiationBytes = 64 << 10;
constexpr size_t kMaxNameBytes = 128;
constexpr int kMaxCustomTypes = 64;

absl::Status Nonsense(std::string_view field, std::string_view what) {
  return absl::FailedPreconditionError(fmt::format("its negotiation's {} {}", field, what));
}

bool IsName(std::string_view text) {
  constexpr std::string_view kAllowed =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
  return !text.empty() && text.size() <= kMaxNameBytes &&
         text.find_first_not_of(kAllowed) == std::string_view::npos;
}

// What of an answer's status means that another attempt may do better.
absl::Status Judge(const grpc::Status& answer) {
  absl::Status status = rpc::FromGrpc(answer);
  // Nobody here cancelled: the server did, as it ended.
  if (absl::IsCancelled(status)) return absl::UnavailableError(status.message());
  // A limit that waiting does not help against.
  if (absl::IsResourceExhausted(status) && !rpc::RetryDelay(status).has_value()) {
    return absl::FailedPreconditionError(status.message());
  }
  return status;
}

}  // namespace

absl::Status CheckNegotiation(const v1::NegotiateAnalysisResponse& response) {
  if (response.ByteSizeLong() > kMaxNegotiationBytes) {
    return Nonsense("length", fmt::format("is beyond {} bytes", kMaxNegotiationBytes));
  }
  if (!IsName(response.name())) {
    return Nonsense(
        "name", fmt::format("is not 1 to {} of A-Z, a-z, 0-9, '.', '_' and '-'", kMaxNameBytes));
  }
  if (response.analysis_types().empty()) return Nonsense("analysis_types", "is empty");
  for (const int type : response.analysis_types()) {
    if (type == v1::ANALYSIS_TYPE_UNSPECIFIED) {
      return Nonsense("analysis_types", "holds UNSPECIFIED");
    }
  }
  if (response.custom_types_size() > kMaxCustomTypes) {
    return Nonsense("custom_types", fmt::format("has more than {} elements", kMaxCustomTypes));
  }
  const v1::AnalyzerLimits& limits = response.limits();
  if (limits.has_max_duration() &&
      event::ToDuration(limits.max_duration()) <= absl::ZeroDuration()) {
    return Nonsense("limits.max_duration", "is not above zero");
  }
  return absl::OkStatus();
}

// One Analyze under way; gRPC's until the answer has come.
class AnalyzerLink::Call final : public analysis::StageCall {
 public:
  // Holds all that gRPC writes to; lives until the answer has come.
  struct State {
    grpc::ClientContext context;
    v1::AnalyzeRequest request;
    v1::AnalyzeResponse response;
    std::unique_ptr<v1::AnalyzerService::Stub> stub;
    std::shared_ptr<Shared> link;
    Done done;
  };

  explicit Call(std::shared_ptr<State> state) : state_(std::move(state)) {}

  static void Start(const std::shared_ptr<State>& state) {
    state->stub->async()->Analyze(
        &state->context, &state->request, &state->response,
        [state](const grpc::Status& status) { OnAnswer(*state, status); });
  }
  void Cancel() override { state_->context.TryCancel(); }

 private:
  static void OnAnswer(State& state, const grpc::Status& answer) {
    const absl::Status status = Judge(answer);
    if (absl::IsUnavailable(status)) {
      MutexLock lock(state.link->mu);
      state.link->is_doubted = true;
      state.link->changed.NotifyAll();
    }
    if (!status.ok()) return state.done(status);
    state.done(std::move(*state.response.mutable_result()));
  }

  const std::shared_ptr<State> state_;
};

AnalyzerLink::AnalyzerLink(int id, AnalyzerLinkOptions options, base::Clock& clock)
    : id_(id), options_(std::move(options)), clock_(clock) {
  MutexLock lock(shared_->mu);
  shared_->problem = "not reached yet";
  shared_->channel = NewChannel();
  // gRPC 1.51: a channel must not end on the thread that tells of a call's end, which may be the
  // last to hold it. Links are as many as there are addresses.
  static base::Mutex kept_mu;
  static auto& kept = *new std::vector<std::shared_ptr<grpc::Channel>>();
  const MutexLock kept_lock(kept_mu);
  kept.push_back(shared_->channel);
}

std::shared_ptr<grpc::Channel> AnalyzerLink::NewChannel() const {
  grpc::ChannelArguments args;
  args.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  args.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 200);
  args.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 5'000);
  args.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 10'000);
  args.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 5'000);
  args.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
  args.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  args.SetMaxReceiveMessageSize(kMaxMessageBytes);
  return grpc::CreateCustomChannel(options_.target, options_.credentials, args);
}

void AnalyzerLink::Start() {
  thread_ = base::Thread(fmt::format("analyzer-{}", id_),
                         [this](const std::stop_token& stop) { Run(stop); });
}

void AnalyzerLink::RequestStop() {
  {
    MutexLock lock(shared_->mu);
    shared_->is_stopping = true;
    shared_->changed.NotifyAll();
  }
  thread_.RequestStop();
}

void AnalyzerLink::Stop() {
  RequestStop();
  thread_.StopAndJoin();
}

v1::NegotiateAnalysisResponse AnalyzerLink::capabilities() const {
  MutexLock lock(shared_->mu);
  return shared_->capabilities;
}

std::string AnalyzerLink::problem() const {
  MutexLock lock(shared_->mu);
  return shared_->problem;
}

std::unique_ptr<analysis::StageCall> AnalyzerLink::Begin(const v1::AnalyzeRequest& request,
                                                         absl::Duration timeout, Done done) {
  auto state = std::make_shared<Call::State>();
  state->context.set_deadline(absl::ToChronoTime(absl::Now() + timeout));
  state->request = request;
  state->link = shared_;
  state->done = std::move(done);
  {
    MutexLock lock(shared_->mu);
    state->stub = v1::AnalyzerService::NewStub(shared_->channel);
  }
  Call::Start(state);
  return std::make_unique<Call>(std::move(state));
}

void AnalyzerLink::Run(const std::stop_token& stop) {
  absl::Duration backoff = options_.min_backoff;
  while (!stop.stop_requested()) {
    absl::StatusOr<v1::NegotiateAnalysisResponse> answer = Negotiate(stop);
    if (stop.stop_requested()) return;
    const bool is_good = answer.ok();
    Take(std::move(answer));
    Wait(is_good ? options_.interval : backoff);
    backoff = is_good ? options_.min_backoff : std::min(backoff * 2, options_.max_backoff);
  }
}

absl::StatusOr<v1::NegotiateAnalysisResponse> AnalyzerLink::Negotiate(const std::stop_token& stop) {
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(absl::Now() + options_.negotiate_timeout));
  const std::stop_callback cancel(stop, [&context] { context.TryCancel(); });
  v1::NegotiateAnalysisRequest request;
  request.set_client_id(options_.client_id);
  request.set_version(options_.version);
  std::unique_ptr<v1::AnalyzerService::Stub> stub;
  {
    MutexLock lock(shared_->mu);
    shared_->is_doubted = false;
    stub = v1::AnalyzerService::NewStub(shared_->channel);
  }
  v1::NegotiateAnalysisResponse response;
  const grpc::Status status = stub->NegotiateAnalysis(&context, request, &response);
  if (!status.ok()) return rpc::FromGrpc(status);
  const absl::Status checked = CheckNegotiation(response);
  if (!checked.ok()) return checked;
  return response;
}

void AnalyzerLink::Take(absl::StatusOr<v1::NegotiateAnalysisResponse> answer) {
  const std::string problem =
      answer.ok() ? "" : base::EscapeForTerminal(base::Utf8Prefix(answer.status().ToString(), 512));
  bool is_news;
  std::string name;
  {
    MutexLock lock(shared_->mu);
    is_news = shared_->problem != problem;
    shared_->problem = problem;
    if (answer.ok()) {
      is_news |= shared_->capabilities.SerializeAsString() != answer->SerializeAsString();
      shared_->capabilities = *std::move(answer);
    }
    name = shared_->capabilities.name();
  }
  if (!is_news) return;
  logging::Log(problem.empty() ? logging::Level::kInfo : logging::Level::kWarning, "analyzer",
               {{"address", options_.address}, {"name", name}, {"error", problem}});
  options_.on_change();
}

void AnalyzerLink::Wait(absl::Duration wait) {
  const base::Monotonic until = clock_.MonotonicNow() + wait;
  MutexLock lock(shared_->mu);
  // Doubt is cleared by asking; while the analyzer is known to be away it says nothing new.
  while (!shared_->is_stopping && !(shared_->is_doubted && shared_->problem.empty()) &&
         clock_.MonotonicNow() < until) {
    clock_.WaitUntil(shared_->changed, shared_->mu, until);
  }
}

}  // namespace daemoneye::gateway
