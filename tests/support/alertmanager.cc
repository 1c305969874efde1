#include "tests/support/alertmanager.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <optional>

#include "libs/base/unique_fd.h"
#include "libs/metrics/loopback_client.h"

namespace daemoneye::testing_support {
namespace {

constexpr char kProgram[] = "/usr/bin/prometheus-alertmanager";

}  // namespace

bool Alertmanager::IsInstalled() { return std::filesystem::exists(kProgram); }

void Alertmanager::Start() {
  const std::string config = directory_.Write("alertmanager.yml",
                                              "route: {receiver: nobody, group_by: [alertname]}\n"
                                              "receivers: [{name: nobody}]\n");
  process_ = std::make_unique<ChildProcess>(ChildSpec{
      .argv = {kProgram, "--config.file=" + config, "--storage.path=" + directory_.File("data"),
               fmt::format("--web.listen-address=127.0.0.1:{}", port_),
               "--cluster.listen-address="},
      .environment = {},
      .user = {}});
  const std::optional<std::string> line =
      process_->AwaitLine({"Listening on", "address=127.0.0.1:"});
  ASSERT_TRUE(line.has_value()) << process_->output();
  const std::string address = line->substr(line->rfind("127.0.0.1:") + 10);
  port_ = static_cast<uint16_t>(std::atoi(address.c_str()));
}

void Alertmanager::Stop() {
  process_->Signal(SIGTERM);
  EXPECT_TRUE(process_->AwaitExit().has_value());
  process_.reset();
}

std::string Alertmanager::url() const { return fmt::format("http://127.0.0.1:{}", port_); }

nlohmann::json Alertmanager::Get(const std::string& path) const {
  const base::UniqueFd fd = metrics::ConnectLoopback(port_);
  // 1.0: no chunks, and it closes.
  const std::string request = "GET /api/v2/" + path + " HTTP/1.0\r\n\r\n";
  if (::write(fd.get(), request.data(), request.size()) < 0) return nullptr;
  std::string answer;
  char buffer[4096];
  for (ssize_t count; (count = ::read(fd.get(), buffer, sizeof(buffer))) > 0;) {
    answer.append(buffer, static_cast<size_t>(count));
  }
  const size_t body = answer.find("\r\n\r\n");
  if (body == std::string::npos) return nullptr;
  auto json = nlohmann::json::parse(answer.substr(body + 4), nullptr, /*allow_exceptions=*/false);
  return json.is_discarded() ? nlohmann::json() : json;
}

}  // namespace daemoneye::testing_support
