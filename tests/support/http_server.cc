#include "tests/support/http_server.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cctype>
#include <cstdlib>
#include <sstream>

namespace daemoneye::testing_support {

using base::MutexLock;

void HttpServer::Start() {
  stop_.Reset(::eventfd(0, EFD_CLOEXEC));
  listener_.Reset(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int on = 1;
  ::setsockopt(listener_.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  sockaddr_in address = {.sin_family = AF_INET,
                         .sin_port = htons(port_),
                         .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
  socklen_t size = sizeof(address);
  if (::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      ::listen(listener_.get(), 64) != 0 ||
      ::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    std::abort();
  }
  port_ = ntohs(address.sin_port);
  thread_ = base::Thread("http-server", [this](const std::stop_token&) { Run(); });
}

void HttpServer::Stop() {
  if (!thread_.joinable()) return;
  const uint64_t one = 1;
  if (::write(stop_.get(), &one, sizeof(one)) < 0) std::abort();
  thread_.StopAndJoin();
  listener_.Reset();
}

std::string HttpServer::url() const { return fmt::format("http://127.0.0.1:{}/hook", port_); }

std::vector<HttpRequest> HttpServer::requests() const {
  const MutexLock lock(mu_);
  return requests_;
}

void HttpServer::AwaitRequests(size_t count) const {
  const MutexLock lock(mu_);
  while (requests_.size() < count) changed_.Wait(mu_);
}

bool HttpServer::AwaitReadable(int fd) const {
  pollfd fds[2] = {{fd, POLLIN, 0}, {stop_.get(), POLLIN, 0}};
  return ::poll(fds, 2, -1) > 0 && fds[1].revents == 0;
}

void HttpServer::Run() {
  while (AwaitReadable(listener_.get())) {
    const base::UniqueFd connection(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (connection.valid()) Serve(connection.get());
  }
}

void HttpServer::Serve(int connection) {
  HttpRequest request;
  if (!Read(connection, request)) return;
  const HttpReply reply = handler_(request);
  {
    const MutexLock lock(mu_);
    requests_.push_back(request);
    changed_.NotifyAll();
  }
  char byte;
  while (reply.hangs && AwaitReadable(connection) && ::recv(connection, &byte, 1, 0) > 0) {
  }
  if (reply.hangs || reply.cuts) return;
  const std::string bytes =
      fmt::format("HTTP/1.1 {} Word\r\nConnection: close\r\nContent-Length: {}\r\n{}\r\n{}",
                  reply.code, reply.body.size(), reply.headers, reply.body);
  size_t sent = 0;
  while (sent < bytes.size()) {
    const ssize_t n = ::send(connection, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
    if (n <= 0) return;
    sent += static_cast<size_t>(n);
  }
}

bool HttpServer::Read(int connection, HttpRequest& request) const {
  std::string bytes;
  char buffer[4096];
  size_t head = std::string::npos, wanted = 0;
  while (head == std::string::npos || bytes.size() < head + 4 + wanted) {
    if (!AwaitReadable(connection)) return false;
    const ssize_t n = ::recv(connection, buffer, sizeof(buffer), 0);
    if (n <= 0) return false;
    bytes.append(buffer, static_cast<size_t>(n));
    if (head != std::string::npos) continue;
    head = bytes.find("\r\n\r\n");
    if (head == std::string::npos) continue;
    std::istringstream lines(bytes.substr(0, head));
    std::string line;
    lines >> request.method >> request.path;
    std::getline(lines, line);
    while (std::getline(lines, line)) {
      if (line.ends_with('\r')) line.pop_back();
      const size_t colon = line.find(": ");
      std::string name = line.substr(0, colon);
      for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
      request.headers[name] = colon == std::string::npos ? "" : line.substr(colon + 2);
    }
    wanted = std::strtoul(request.headers["content-length"].c_str(), nullptr, 10);
  }
  request.body = bytes.substr(head + 4, wanted);
  return true;
}

}  // namespace daemoneye::testing_support
