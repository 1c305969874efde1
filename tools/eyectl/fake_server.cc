#include "tools/eyectl/fake_server.h"

#include <stdlib.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <utility>

namespace daemoneye::eyectl {

FakeServer::FakeServer(FakeAnswers answers, bool is_gateway) : answers_(std::move(answers)) {
  char name[] = "/tmp/eyectl_test.XXXXXX";  // a socket's path is bounded, TEST_TMPDIR's is not
  directory_ = ::mkdtemp(name);
  address_ = "unix://" + directory_ + "/s";
  grpc::EnableDefaultHealthCheckService(true);
  grpc::ServerBuilder builder;
  builder.AddListeningPort(address_, grpc::InsecureServerCredentials());
  builder.RegisterService(static_cast<v1::MonitorService::Service*>(this));
  if (is_gateway) builder.RegisterService(static_cast<v1::GatewayService::Service*>(this));
  server_ = builder.BuildAndStart();
}

FakeServer::~FakeServer() {
  {
    const base::MutexLock lock(mu_);
    stopping_ = true;
    stopping_changed_.NotifyAll();
  }
  server_->Shutdown(std::chrono::system_clock::now());
  server_.reset();
  std::filesystem::remove_all(directory_);
}

v1::StreamEventsRequest FakeServer::stream_request() const {
  const base::MutexLock lock(mu_);
  return stream_request_;
}

v1::ExecuteTaskRequest FakeServer::task_request() const {
  const base::MutexLock lock(mu_);
  return task_request_;
}

grpc::Status FakeServer::StreamEvents(grpc::ServerContext* /*context*/,
                                      const v1::StreamEventsRequest* request,
                                      grpc::ServerWriter<v1::CollectionEvent>* writer) {
  {
    const base::MutexLock lock(mu_);
    stream_request_ = *request;
  }
  bool client_is_there = true;
  do {
    for (const v1::CollectionEvent& event : answers_.events) {
      client_is_there = client_is_there && writer->Write(event);
    }
  } while (answers_.endless && client_is_there);
  base::MutexLock lock(mu_);
  while (answers_.stay_open && !stopping_) stopping_changed_.Wait(mu_);
  return answers_.stream_status;
}

grpc::Status FakeServer::GetStatus(grpc::ServerContext* /*context*/,
                                   const v1::GetStatusRequest* /*request*/,
                                   v1::GetStatusResponse* response) {
  *response = answers_.status;
  return grpc::Status::OK;
}

grpc::Status FakeServer::ListMonitors(grpc::ServerContext* /*context*/,
                                      const v1::ListMonitorsRequest* request,
                                      v1::ListMonitorsResponse* response) {
  const size_t page = request->page_token().empty() ? 0 : std::stoul(request->page_token());
  if (page < answers_.monitors.size()) *response = answers_.monitors[page];
  if (page + 1 < answers_.monitors.size()) response->set_next_page_token(std::to_string(page + 1));
  return grpc::Status::OK;
}

grpc::Status FakeServer::ExecuteTask(grpc::ServerContext* /*context*/,
                                     const v1::ExecuteTaskRequest* request,
                                     grpc::ServerWriter<v1::ExecuteTaskResponse>* writer) {
  {
    const base::MutexLock lock(mu_);
    task_request_ = *request;
  }
  for (const v1::ExecuteTaskResponse& response : answers_.task) writer->Write(response);
  return grpc::Status::OK;
}

}  // namespace daemoneye::eyectl
