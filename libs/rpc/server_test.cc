#include "libs/rpc/server.h"

#include <gmock/gmock.h>
#include <google/protobuf/dynamic_message.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/security/credentials.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "daemoneye/v1/monitor_service.grpc.pb.h"
#include "grpc/health/v1/health.grpc.pb.h"
#include "libs/base/mutex.h"
#include "libs/base/unique_fd.h"
#include "libs/rpc/raw_unary.h"

namespace daemoneye::rpc {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using v1::MonitorService;

constexpr char kStatus[] = "/daemoneye.v1.MonitorService/GetStatus";
constexpr char kOperate[] = "/daemoneye.v1.TriggerService/CreateTrigger";
constexpr char kUnknown[] = "/daemoneye.v1.TriggerService/NoSuchMethod";

// Answers GetStatus; every other method is unimplemented.
class StatusOnlyService final
    : public MonitorService::WithRawCallbackMethod_GetStatus<MonitorService::Service> {
 public:
  grpc::ServerUnaryReactor* GetStatus(grpc::CallbackServerContext* context,
                                      const grpc::ByteBuffer* request,
                                      grpc::ByteBuffer* response) override {
    return RawUnary<v1::GetStatusRequest, v1::GetStatusResponse>(
        *context, *request, *response, [](const auto&, v1::GetStatusResponse& status) {
          status.set_monitor("test");
          return absl::OkStatus();
        });
  }
};

class RecordingObserver final : public CallObserver {
 public:
  void OnCallEnded(const CallRecord& call) override {
    base::MutexLock lock(mu_);
    calls_.push_back(std::string(call.method) + ":" + absl::StatusCodeToString(call.code));
  }
  std::vector<std::string> calls() {
    base::MutexLock lock(mu_);
    return calls_;
  }

 private:
  base::Mutex mu_;
  std::vector<std::string> calls_;
};

class ServerTest : public ::testing::Test {
 protected:
  ServerTest() {
    char name[] = "/tmp/server_test.XXXXXX";
    directory_ = ::mkdtemp(name);
  }
  ~ServerTest() override { std::filesystem::remove_all(directory_); }

  std::string Socket(const std::string& name) { return "unix://" + (directory_ / name).string(); }

  absl::Status TryStart(const ServerOptions& options) {
    auto server =
        Server::Start(options, {{&service_, MonitorService::service_full_name()}}, &observer_);
    if (server.ok()) server_ = *std::move(server);
    return server.status();
  }
  void Start(const ServerOptions& options) {
    const absl::Status status = TryStart(options);
    ASSERT_TRUE(status.ok()) << status;
  }

  static std::shared_ptr<grpc::Channel> Connect(const base::ListenAddress& address) {
    return grpc::CreateChannel(address.ToString(), grpc::InsecureChannelCredentials());
  }

  // Calls `path` with those request bytes.
  static grpc::Status Call(const std::shared_ptr<grpc::Channel>& channel, const std::string& path,
                           const std::string& request = "") {
    grpc::GenericStub stub(channel);
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(10));
    const grpc::Slice slice(request);
    const grpc::ByteBuffer bytes(&slice, 1);
    grpc::ByteBuffer response;
    grpc::CompletionQueue queue;
    auto call = stub.PrepareUnaryCall(&context, path, bytes, &queue);
    call->StartCall();
    grpc::Status status;
    call->Finish(&response, &status, nullptr);
    void* tag = nullptr;
    bool ok = false;
    queue.Next(&tag, &ok);
    return status;
  }

  std::filesystem::path directory_;
  StatusOnlyService service_;
  RecordingObserver observer_;
  std::unique_ptr<Server> server_;
};

TEST_F(ServerTest, ListenersGiveRoles) {
  Start({.listen = {Socket("view.sock"), "127.0.0.1:0"}, .operator_listen = {Socket("op.sock")}});
  ASSERT_EQ(server_->addresses().size(), 3u);
  EXPECT_NE(server_->addresses()[1].port, 0);
  const grpc::StatusCode wanted[] = {grpc::PERMISSION_DENIED, grpc::PERMISSION_DENIED,
                                     grpc::UNIMPLEMENTED};
  for (size_t i = 0; i < 3; ++i) {
    const auto channel = Connect(server_->addresses()[i]);
    EXPECT_TRUE(Call(channel, kStatus).ok()) << i;
    EXPECT_EQ(Call(channel, kOperate).error_code(), wanted[i]) << i;
  }
  EXPECT_THAT(Call(Connect(server_->addresses()[0]), kOperate).error_message(),
              HasSubstr("is for operators"));
}

TEST_F(ServerTest, SocketsAreAsWideAsTheirRole) {
  Start({.listen = {Socket("view.sock")}, .operator_listen = {Socket("op.sock")}});
  const auto mode = [&](const char* name) {
    struct stat status = {};
    EXPECT_EQ(::stat((directory_ / name).c_str(), &status), 0);
    return status.st_mode & 0777;
  };
  EXPECT_EQ(mode("view.sock"), 0660u);
  EXPECT_EQ(mode("op.sock"), 0600u);
}

TEST_F(ServerTest, ObserverSeesAnsweredAndRefusedCalls) {
  Start({.listen = {Socket("s")}});
  const auto channel = Connect(server_->addresses()[0]);
  EXPECT_TRUE(Call(channel, kStatus).ok());
  EXPECT_EQ(Call(channel, kStatus, "\xff garbage").error_code(), grpc::INVALID_ARGUMENT);
  EXPECT_EQ(Call(channel, kOperate).error_code(), grpc::PERMISSION_DENIED);
  EXPECT_EQ(Call(channel, kUnknown).error_code(), grpc::PERMISSION_DENIED);
  EXPECT_THAT(observer_.calls(),
              ElementsAre("GetStatus:OK", "GetStatus:INVALID_ARGUMENT",
                          "CreateTrigger:PERMISSION_DENIED", ":PERMISSION_DENIED"));
}

TEST_F(ServerTest, RequestThatIsTooLargeIsRefusedWithBothSizes) {
  Start({.listen = {Socket("s")}});
  const auto channel = Connect(server_->addresses()[0]);
  const grpc::Status status = Call(channel, kStatus, std::string(70'000, 'x'));
  EXPECT_EQ(status.error_code(), grpc::RESOURCE_EXHAUSTED);
  EXPECT_THAT(status.error_message(), HasSubstr("70000 vs. 65536"));
  EXPECT_TRUE(Call(channel, kStatus).ok());
}

TEST_F(ServerTest, HealthFollowsTheStatesOnEveryListener) {
  Start({.listen = {Socket("s")}, .health_listen = "127.0.0.1:0"});
  using grpc::health::v1::HealthCheckResponse;
  for (const base::ListenAddress& address : {server_->addresses()[0], server_->health_address()}) {
    const auto stub = grpc::health::v1::Health::NewStub(Connect(address));
    const auto check = [&](const std::string& name) {
      grpc::ClientContext context;
      grpc::health::v1::HealthCheckRequest request;
      request.set_service(name);
      HealthCheckResponse response;
      const grpc::Status status = stub->Check(&context, request, &response);
      return status.ok() ? response.status() : HealthCheckResponse::SERVICE_UNKNOWN;
    };
    const std::string names[] = {"", "readiness", MonitorService::service_full_name()};
    server_->health().SetReady(false);
    server_->health().SetAlive(true);
    for (const auto& name : names) EXPECT_EQ(check(name), HealthCheckResponse::NOT_SERVING) << name;
    EXPECT_EQ(check("liveness"), HealthCheckResponse::SERVING);
    server_->health().SetReady(true);
    for (const auto& name : names) EXPECT_EQ(check(name), HealthCheckResponse::SERVING) << name;
    EXPECT_EQ(check("nonsense"), HealthCheckResponse::SERVICE_UNKNOWN);
  }
  EXPECT_EQ(Call(Connect(server_->health_address()), kStatus).error_code(), grpc::UNIMPLEMENTED);
}

// One message asked of reflection, made from the linked descriptors.
class ReflectionClient {
 public:
  explicit ReflectionClient(const std::shared_ptr<grpc::Channel>& channel) : stub_(channel) {}

  // The answer to a request with that text field set, as text; or the error.
  std::string Ask(const std::string& field, const std::string& value) {
    const auto* pool = google::protobuf::DescriptorPool::generated_pool();
    const auto* type =
        pool->FindMessageTypeByName("grpc.reflection.v1alpha.ServerReflectionRequest");
    google::protobuf::DynamicMessageFactory factory;
    std::unique_ptr<google::protobuf::Message> request(factory.GetPrototype(type)->New());
    request->GetReflection()->SetString(request.get(), type->FindFieldByName(field), value);

    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(10));
    grpc::CompletionQueue queue;
    auto call = stub_.PrepareCall(
        &context, "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", &queue);
    const auto await = [&queue] {
      void* tag = nullptr;
      bool ok = false;
      queue.Next(&tag, &ok);
      return ok;
    };
    call->StartCall(nullptr);
    await();
    call->Write(SerialiseResponse(*request), nullptr);
    await();
    grpc::ByteBuffer bytes;
    call->Read(&bytes, nullptr);
    const bool is_answered = await();
    grpc::Status status;
    if (is_answered) context.TryCancel();
    call->Finish(&status, nullptr);
    await();
    if (!is_answered) return "refused: " + std::to_string(status.error_code());
    const auto* answer =
        pool->FindMessageTypeByName("grpc.reflection.v1alpha.ServerReflectionResponse");
    std::unique_ptr<google::protobuf::Message> response(factory.GetPrototype(answer)->New());
    EXPECT_TRUE(ParseRequest(bytes, *response).ok());
    return response->DebugString();
  }

 private:
  grpc::GenericStub stub_;
};

TEST_F(ServerTest, ReflectionDescribesEveryServiceIncludingHealth) {
  Start({.listen = {Socket("s")}});
  ReflectionClient client(Connect(server_->addresses()[0]));
  const std::string list = client.Ask("list_services", "");
  for (const char* name : {"daemoneye.v1.MonitorService", "grpc.health.v1.Health",
                           "grpc.reflection.v1alpha.ServerReflection"}) {
    EXPECT_THAT(list, HasSubstr(name));
    EXPECT_THAT(client.Ask("file_containing_symbol", name), HasSubstr("file_descriptor_proto"))
        << name;
  }
}

TEST_F(ServerTest, ReflectionCanBeTurnedOff) {
  Start({.listen = {Socket("s")}, .reflection = false});
  EXPECT_EQ(ReflectionClient(Connect(server_->addresses()[0])).Ask("list_services", ""),
            "refused: 12");
}

TEST_F(ServerTest, AddressInUseIsOneSentence) {
  Start({.listen = {Socket("s"), "127.0.0.1:0"}});
  for (const base::ListenAddress& address : server_->addresses()) {
    const absl::Status status =
        Server::Start({.listen = {address.ToString()}}, {}, nullptr).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kAlreadyExists);
    EXPECT_THAT(std::string(status.message()), HasSubstr("cannot listen on "));
  }
  EXPECT_TRUE(Call(Connect(server_->addresses()[0]), kStatus).ok());
}

TEST_F(ServerTest, CombinationsThatAreNotSafeAreRefused) {
  EXPECT_EQ(TryStart({}).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(TryStart({.listen = {"0.0.0.0:0"}}).message()), HasSubstr("--insecure"));
  EXPECT_THAT(
      std::string(
          TryStart({.listen = {Socket("s")}, .operator_listen = {"127.0.0.1:0"}}).message()),
      HasSubstr("operator_listen"));
  EXPECT_THAT(std::string(TryStart({.listen = {"127.0.0.1:0"},
                                    .tls = {.certificate_chain = "x", .private_key = "y"}})
                              .message()),
              HasSubstr("cannot listen on 127.0.0.1:0"));
  EXPECT_TRUE(TryStart({.listen = {"0.0.0.0:0"}, .allow_insecure = true}).ok());
}

TEST_F(ServerTest, SocketIsGoneAfterShutdownAndCanBeHadAgain) {
  Start({.listen = {Socket("s")}});
  server_->Shutdown(absl::Milliseconds(100));
  EXPECT_FALSE(std::filesystem::exists(directory_ / "s"));
  Start({.listen = {Socket("s")}});
  EXPECT_TRUE(Call(Connect(server_->addresses()[0]), kStatus).ok());
}

base::UniqueFd ConnectTcp(uint16_t port) {
  base::UniqueFd fd(::socket(AF_INET, SOCK_STREAM, 0));
  sockaddr_in address = {
      .sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
  EXPECT_EQ(::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  return fd;
}

TEST_F(ServerTest, GarbageAndHalfRequestsOnThePortHurtNobody) {
  Start({.listen = {"127.0.0.1:0"}});
  const uint16_t port = server_->addresses()[0].port;
  const std::string half = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\x04\x04";
  const base::UniqueFd garbage = ConnectTcp(port);
  ASSERT_GT(::send(garbage.get(), "GET / HTTP/1.1\r\n\r\n", 18, MSG_NOSIGNAL), 0);
  const base::UniqueFd open_half = ConnectTcp(port);
  ASSERT_GT(::send(open_half.get(), half.data(), half.size(), MSG_NOSIGNAL), 0);
  {
    const base::UniqueFd vanished = ConnectTcp(port);
  }
  EXPECT_TRUE(Call(Connect(server_->addresses()[0]), kStatus).ok());
  server_->Shutdown(absl::Milliseconds(100));
}

// Certificates of one authority, made by openssl(1).
class TlsTest : public ServerTest {
 protected:
  void SetUp() override {
    Run("openssl ecparam -name prime256v1 -genkey -noout -out ca.key && "
        "openssl req -x509 -new -key ca.key -subj /CN=ca -days 2 -out ca.pem");
    for (const char* name : {"localhost", "op", "eye", "stranger"}) {
      Run(std::string("n=") + name +
          "; openssl ecparam -name prime256v1 -genkey -noout -out $n.key && "
          "openssl req -new -key $n.key -subj /CN=$n -out $n.csr && "
          "printf 'subjectAltName=DNS:%s' $n > $n.ext && "
          "openssl x509 -req -in $n.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 "
          "-extfile $n.ext -out $n.pem");
    }
  }
  void Run(const std::string& command) {
    ASSERT_EQ(std::system(("cd " + directory_.string() + " && (" + command + ") 2>err").c_str()), 0)
        << Read("err");
  }
  std::string Read(const std::string& name) {
    std::ostringstream text;
    text << std::ifstream(directory_ / name).rdbuf();
    return text.str();
  }
  // As the caller of that name; "": without a certificate.
  std::shared_ptr<grpc::Channel> ConnectAs(const std::string& name) {
    grpc::SslCredentialsOptions options = {.pem_root_certs = Read("ca.pem")};
    if (!name.empty()) {
      options.pem_private_key = Read(name + ".key");
      options.pem_cert_chain = Read(name + ".pem");
    }
    grpc::ChannelArguments arguments;
    arguments.SetSslTargetNameOverride("localhost");
    return grpc::CreateCustomChannel(server_->addresses()[0].ToString(),
                                     grpc::SslCredentials(options), arguments);
  }
  ServerOptions Options() {
    return {
        .listen = {"127.0.0.1:0"},
        .tls = {.certificate_chain = Read("localhost.pem"), .private_key = Read("localhost.key")}};
  }
};

TEST_F(TlsTest, NamesInTheCertificateGiveTheRole) {
  ServerOptions options = Options();
  options.tls.client_ca = Read("ca.pem");
  options.tls_operators = {"op"};
  options.tls_viewers = {"eye"};
  options.health_listen = "127.0.0.1:0";
  Start(options);
  const struct {
    const char* name;
    grpc::StatusCode view;
    grpc::StatusCode operate;
  } cases[] = {
      {"op", grpc::OK, grpc::UNIMPLEMENTED},
      {"eye", grpc::OK, grpc::PERMISSION_DENIED},
      {"stranger", grpc::PERMISSION_DENIED, grpc::PERMISSION_DENIED},
      {"", grpc::UNAUTHENTICATED, grpc::UNAUTHENTICATED},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(Call(ConnectAs(c.name), kStatus).error_code(), c.view) << c.name;
    EXPECT_EQ(Call(ConnectAs(c.name), kOperate).error_code(), c.operate) << c.name;
  }
  EXPECT_EQ(Call(Connect(server_->addresses()[0]), kStatus).error_code(), grpc::UNAVAILABLE);
}

TEST_F(TlsTest, WithoutAClientAuthorityEverybodyIsAViewer) {
  Start(Options());
  EXPECT_TRUE(Call(ConnectAs(""), kStatus).ok());
  EXPECT_EQ(Call(ConnectAs("op"), kOperate).error_code(), grpc::PERMISSION_DENIED);
}

}  // namespace
}  // namespace daemoneye::rpc
