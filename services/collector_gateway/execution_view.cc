#include "services/collector_gateway/execution_view.h"

#include <algorithm>
#include <charconv>
#include <memory>
#include <set>
#include <system_error>
#include <utility>
#include <vector>

#include "fmt/format.h"
#include "google/protobuf/util/time_util.h"
#include "libs/base/status_macros.h"
#include "services/collector_gateway/workflow_requests.h"

namespace daemoneye::gateway {
namespace {

using analysis::ExecutionPtr;
using google::protobuf::util::TimeUtil;

constexpr size_t kMaxPageBytes = 1 << 20;
// Executions that are read of the store at a time.
constexpr size_t kReadExecutions = 32;

int64_t CreatedNs(const v1::WorkflowExecution& execution) {
  return TimeUtil::TimestampToNanoseconds(execution.created_at());
}

// All of `text`.
template <typename Number>
bool ParseNumber(std::string_view text, Number& out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc() && end == text.data() + text.size();
}

// The newest first; of one instant by id.
bool IsBehind(const v1::WorkflowExecution& execution, int64_t ns, const std::string& id) {
  const int64_t created = CreatedNs(execution);
  return created < ns || (created == ns && execution.id() < id);
}

v1::WorkflowExecution WithoutDetails(v1::WorkflowExecution execution) {
  execution.clear_workflow();
  execution.clear_event();
  for (v1::StageExecution& stage : *execution.mutable_stages()) {
    if (stage.has_result()) stage.mutable_result()->clear_result();
  }
  return execution;
}

}  // namespace

// Takes executions until it is full; then says where the next page begins.
class ExecutionView::Page {
 public:
  Page(const v1::ListExecutionsRequest& request, v1::ListExecutionsResponse& response)
      : request_(request),
        response_(response),
        size_(request.page_size() == 0 ? kDefaultExecutionPage
                                       : std::min(request.page_size(), kMaxExecutionPage)) {}

  bool Wants(const v1::WorkflowExecution& execution) const {
    if (!request_.workflow_id().empty() && execution.workflow_id() != request_.workflow_id()) {
      return false;
    }
    return request_.statuses().empty() ||
           std::ranges::count(request_.statuses(), execution.status()) > 0;
  }
  // False: it is full. `token`: of the page behind `execution`.
  bool Add(const v1::WorkflowExecution& execution, std::string token) {
    if (!Wants(execution)) return true;
    v1::WorkflowExecution told = WithoutDetails(execution);
    bytes_ += told.ByteSizeLong();
    const int count = response_.executions_size();
    if (count == size_ || (count > 0 && bytes_ > kMaxPageBytes)) {
      response_.set_next_page_token(last_token_);
      return false;
    }
    *response_.add_executions() = std::move(told);
    last_token_ = std::move(token);
    return true;
  }
  storage::ExecutionQuery QueryBefore(uint64_t number) const {
    storage::ExecutionQuery query{.workflow_id = request_.workflow_id(),
                                  .statuses = {},
                                  .before = number,
                                  .max = kReadExecutions};
    for (const int status : request_.statuses()) {
      query.statuses.push_back(static_cast<v1::ExecutionStatus>(status));
    }
    return query;
  }

 private:
  const v1::ListExecutionsRequest& request_;
  v1::ListExecutionsResponse& response_;
  const int size_;
  size_t bytes_ = 0;
  std::string last_token_;
};

absl::StatusOr<ExecutionPtr> ExecutionView::Get(std::string_view id) const {
  absl::StatusOr<ExecutionPtr> known = engine_.Get(id);
  if (known.ok() || store_ == nullptr || !absl::IsNotFound(known.status())) return known;
  ASSIGN_OR_RETURN(v1::WorkflowExecution stored, store_->Get(id));
  return std::make_shared<const v1::WorkflowExecution>(std::move(stored));
}

// "s12": the store's behind number 12; "r12": the same without what is in memory; "m1700.ID".
absl::StatusOr<ExecutionView::Place> ExecutionView::ParseToken(const std::string& token) {
  Place place;
  if (token.empty()) return place;
  const std::string_view rest = std::string_view(token).substr(1);
  if (token[0] == 's' || token[0] == 'r') {
    place.in = token[0] == 's' ? Place::In::kStore : Place::In::kRest;
    if (ParseNumber(rest, place.before_number)) return place;
  } else if (const size_t dot = rest.find('.'); token[0] == 'm' && dot != rest.npos) {
    place.in = Place::In::kMemory;
    place.before_id = rest.substr(dot + 1);
    if (ParseNumber(rest.substr(0, dot), place.before_ns)) return place;
  }
  return absl::InvalidArgumentError("page_token: is not the next_page_token of a page before");
}

absl::Status ExecutionView::List(const v1::ListExecutionsRequest& request,
                                 v1::ListExecutionsResponse& response) const {
  ASSIGN_OR_RETURN(Place place, ParseToken(request.page_token()));
  const bool is_store_behind = store_ == nullptr || !engine_.statistics().store_error.empty();
  if (request.page_token().empty() && is_store_behind) place.in = Place::In::kMemory;
  Page page(request, response);
  if (place.in == Place::In::kMemory) {
    if (!ListMemory(place, page)) return absl::OkStatus();
    place = {.in = Place::In::kRest};
  }
  return store_ == nullptr ? absl::OkStatus() : ListStore(place, page);
}

bool ExecutionView::ListMemory(const Place& place, Page& page) const {
  std::vector<ExecutionPtr> known = engine_.List();
  std::ranges::sort(known, [](const ExecutionPtr& a, const ExecutionPtr& b) {
    return IsBehind(*b, CreatedNs(*a), a->id());
  });
  return std::ranges::all_of(known, [&](const ExecutionPtr& execution) {
    return !IsBehind(*execution, place.before_ns, place.before_id) ||
           page.Add(*execution, fmt::format("m{}.{}", CreatedNs(*execution), execution->id()));
  });
}

absl::Status ExecutionView::ListStore(const Place& place, Page& page) const {
  std::set<std::string> listed;
  if (place.in == Place::In::kRest) {
    for (const ExecutionPtr& execution : engine_.List()) listed.insert(execution->id());
  }
  const char in = place.in == Place::In::kRest ? 'r' : 's';
  uint64_t before = place.before_number;
  while (true) {
    ASSIGN_OR_RETURN(const std::vector<storage::StoredExecution> read,
                     store_->List(page.QueryBefore(before)));
    for (const auto& [number, stored] : read) {
      before = number;
      if (listed.contains(stored.id())) continue;
      const absl::StatusOr<ExecutionPtr> known = engine_.Get(stored.id());
      const bool is_newer = known.ok() && (*known)->revision() > stored.revision();
      if (!page.Add(is_newer ? **known : stored, fmt::format("{}{}", in, number))) {
        return absl::OkStatus();
      }
    }
    if (read.size() < kReadExecutions) return absl::OkStatus();
  }
}

bool HasEnded(const v1::WorkflowExecution& execution) {
  return execution.status() > v1::EXECUTION_STATUS_RUNNING;
}

v1::WorkflowExecution FitMessage(const v1::WorkflowExecution& execution) {
  v1::WorkflowExecution told = execution;
  size_t bytes = told.ByteSizeLong();
  while (bytes > kMaxExecutionBytes) {
    v1::StageExecution* largest = nullptr;
    size_t largest_bytes = 0;
    for (v1::StageExecution& stage : *told.mutable_stages()) {
      const size_t size = stage.result().result().ByteSizeLong();
      if (size > largest_bytes) {
        largest = &stage;
        largest_bytes = size;
      }
    }
    if (largest == nullptr) break;
    largest->mutable_result()->clear_result();
    told.mutable_completeness()->set_complete(false);
    told.mutable_completeness()->add_reasons(
        fmt::format("what stage {} found in detail is left out: it would not fit a message",
                    largest->stage_id()));
    bytes = told.ByteSizeLong();
  }
  return told;
}

}  // namespace daemoneye::gateway
