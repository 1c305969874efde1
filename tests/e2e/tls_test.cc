// Mutual TLS end to end: a procmond that asks for certificates, a gateway that shows one, and
// callers of every kind.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/certificates.h"
#include "tests/support/client.h"
#include "tests/support/servers.h"

namespace daemoneye {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing_support::Certificates;
using testing_support::Client;
using testing_support::EventStream;
using testing_support::kGateway;
using testing_support::kProcmond;
using testing_support::Server;
using testing_support::SnapshotOnly;
using testing_support::TempDirectory;
using testing_support::TlsFiles;

constexpr char kOperate[] = "/daemoneye.v1.TriggerService/CreateTrigger";

class TlsTest : public ::testing::Test {
 protected:
  TlsTest() {
    const TlsFiles own = certificates_.Make("procmond");
    procmond_ = std::make_unique<Server>(
        kProcmond, "127.0.0.1:0",
        std::vector<std::string>{"--interval=5", "--tls_cert=" + own.certificate,
                                 "--tls_key=" + own.key, "--tls_client_ca=" + own.ca,
                                 "--tls_viewers=gateway,eye", "--tls_operators=op"});
    EXPECT_TRUE(procmond_->AwaitLine({" ready"}).has_value());
  }

  std::unique_ptr<Server> StartGateway(const TlsFiles& files) {
    std::vector<std::string> flags = {"--metrics_address=127.0.0.1:0",
                                      "--monitors=" + procmond_->address(),
                                      "--monitor_tls_ca=" + files.ca};
    if (!files.key.empty()) {
      flags.push_back("--monitor_tls_cert=" + files.certificate);
      flags.push_back("--monitor_tls_key=" + files.key);
    }
    return std::make_unique<Server>(kGateway, directory_.Socket("g"), flags);
  }
  absl::Status StatusAs(const TlsFiles& files) {
    return Client(procmond_->address(), files).GetStatus().status();
  }

  TempDirectory directory_;
  const Certificates certificates_;
  std::unique_ptr<Server> procmond_;
};

TEST_F(TlsTest, AGatewayWithACertificateStreamsTheMonitor) {
  const auto gateway = StartGateway(certificates_.Make("gateway"));
  gateway->Ready();
  EventStream stream = Client(gateway->address()).StreamEvents(SnapshotOnly());
  const auto process = stream.Until([](const auto& event) { return event.has_process(); });
  ASSERT_TRUE(process.has_value());
  EXPECT_EQ(process->origin().monitor(), "procmond");
  EXPECT_TRUE(stream.Finish().ok());
}

TEST_F(TlsTest, AGatewayWithoutOneOrWithAnothersNameIsRefusedAndSaysWhy) {
  const Certificates another;
  const struct {
    TlsFiles files;
    const char* why;
  } cases[] = {
      {certificates_.Nobody(), "wants a client certificate"},
      {certificates_.Make("stranger"), "PERMISSION_DENIED"},
      {another.Nobody(), "127.0.0.1"},  // trusts another authority
  };
  for (const auto& c : cases) {
    const auto gateway = StartGateway(c.files);
    EXPECT_TRUE(gateway->AwaitLine({"monitor link", "RETRYING", c.why}).has_value()) << c.why;
    const auto links = Client(gateway->address()).ListMonitors();
    ASSERT_TRUE(links.ok()) << links.status();
    EXPECT_NE(links->monitors(0).state(), v1::MONITOR_STATE_STREAMING);
    EXPECT_THAT(links->monitors(0).last_error(), HasSubstr(c.why));
    EXPECT_THAT(gateway->Metrics(),
                HasSubstr("daemoneye_monitor_up{monitor=\"" + procmond_->address() + "\"} 0"));
  }
}

TEST_F(TlsTest, TheNameInACertificateDecidesWhatItsHolderMayDo) {
  const TlsFiles eye = certificates_.Make("eye");
  Client viewer(procmond_->address(), eye);
  EXPECT_TRUE(viewer.StreamEvents(SnapshotOnly()).Finish().ok());
  const absl::Status refused = viewer.CallRaw(kOperate, "");
  EXPECT_EQ(refused.code(), absl::StatusCode::kPermissionDenied);
  EXPECT_THAT(refused.ToString(), HasSubstr("is for operators"));
  // An operator gets as far as the service, which a monitor does not have.
  EXPECT_EQ(Client(procmond_->address(), certificates_.Make("op")).CallRaw(kOperate, "").code(),
            absl::StatusCode::kUnimplemented);
  EXPECT_TRUE(procmond_->AwaitLine({"operate call", "CreateTrigger"}).has_value());

  EXPECT_EQ(StatusAs(certificates_.Make("stranger")).code(), absl::StatusCode::kPermissionDenied);
  const absl::Status nobody = StatusAs(certificates_.Nobody());
  EXPECT_EQ(nobody.code(), absl::StatusCode::kUnauthenticated);
  EXPECT_THAT(nobody.ToString(), HasSubstr("wants a client certificate"));
}

}  // namespace
}  // namespace daemoneye
