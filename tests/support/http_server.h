// HttpServer: an HTTP/1.1 server on loopback whose answers a test gives: it can fail, hang, cut
// off, and be down for a while.
//
// One request a connection, one after the other. Threads: one of its own; the handler runs there.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "libs/base/mutex.h"
#include "libs/base/thread.h"
#include "libs/base/unique_fd.h"

namespace daemoneye::testing_support {

struct HttpRequest {
  std::string method, path;
  std::map<std::string, std::string> headers;  // names in lower case
  std::string body;
};

struct HttpReply {
  int code = 200;
  std::string body = {};
  std::string headers = {};  // lines, each with its \r\n
  // No answer until the client goes or the server stops.
  bool hangs = false;
  // The connection is closed without an answer.
  bool cuts = false;
};

class HttpServer {
 public:
  using Handler = std::function<HttpReply(const HttpRequest&)>;

  explicit HttpServer(Handler handler) : handler_(std::move(handler)) { Start(); }
  ~HttpServer() { Stop(); }

  // Nobody listens from then on; what hangs is cut off.
  void Stop();
  // Listens again, on the same port.
  void Start();

  // "http://127.0.0.1:PORT/hook"
  std::string url() const;
  // Whole requests, in the order they came, answered or not.
  std::vector<HttpRequest> requests() const;
  void AwaitRequests(size_t count) const;

 private:
  void Run();
  void Serve(int connection);
  // False when the client went or the server stops.
  bool Read(int connection, HttpRequest& request) const;
  bool AwaitReadable(int fd) const;

  const Handler handler_;
  uint16_t port_ = 0;
  base::UniqueFd listener_, stop_;
  mutable base::Mutex mu_;
  mutable base::CondVar changed_;
  std::vector<HttpRequest> requests_ GUARDED_BY(mu_);
  base::Thread thread_;
};

}  // namespace daemoneye::testing_support
