#include "libs/rpc/listener_credentials.h"

#include <grpc/grpc.h>
#include <grpc/grpc_security.h>

#include <utility>
#include <vector>

#include "libs/rpc/socket_path.h"
#include "libs/rpc/status_conversion.h"

namespace daemoneye::rpc {
namespace {

std::string_view View(const grpc_slice& slice) {
  return {reinterpret_cast<const char*>(GRPC_SLICE_START_PTR(slice)), GRPC_SLICE_LENGTH(slice)};
}

std::string_view PathOf(const grpc_metadata* metadata, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    if (View(metadata[i].key) == ":path") return View(metadata[i].value);
  }
  return {};
}

// Names in a verified certificate: its SANs, else its common name.
std::vector<std::string> NamesOf(const grpc_auth_context* context) {
  std::vector<std::string> names;
  if (grpc_auth_context_peer_is_authenticated(context) == 0) return names;
  for (const char* property : {GRPC_X509_SAN_PROPERTY_NAME, GRPC_X509_CN_PROPERTY_NAME}) {
    auto it = grpc_auth_context_find_properties_by_name(context, property);
    while (const grpc_auth_property* found = grpc_auth_property_iterator_next(&it)) {
      names.emplace_back(found->value, found->value_length);
    }
    if (!names.empty()) break;
  }
  return names;
}

// grpc_auth_metadata_processor::process over ListenerOptions; answers at once.
void ProcessCall(void* state, grpc_auth_context* context, const grpc_metadata* metadata,
                 size_t count, grpc_process_auth_metadata_done_cb done, void* user_data) {
  const auto& options = *static_cast<const ListenerOptions*>(state);
  const std::string_view path = PathOf(metadata, count);
  const absl::Status status = CheckAccess(options.access, NamesOf(context), path);
  if (!status.ok() && options.on_refused != nullptr) options.on_refused(path, status.code());
  done(user_data, nullptr, 0, nullptr, 0, static_cast<grpc_status_code>(status.code()),
       ToGrpc(status).error_message().c_str());
}

grpc_server_credentials* MakeTransport(const TlsKeys& tls) {
  if (tls.certificate_chain.empty()) return grpc_insecure_server_credentials_create();
  grpc_ssl_pem_key_cert_pair pair = {tls.private_key.c_str(), tls.certificate_chain.c_str()};
  const bool asks = !tls.client_ca.empty();
  // Asked for and verified, but not required: who shows none is told so by a status of its call.
  return grpc_ssl_server_credentials_create_ex(asks ? tls.client_ca.c_str() : nullptr, &pair, 1,
                                               asks ? GRPC_SSL_REQUEST_CLIENT_CERTIFICATE_AND_VERIFY
                                                    : GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE,
                                               nullptr);
}

class ListenerCredentials final : public grpc::ServerCredentials {
 public:
  explicit ListenerCredentials(ListenerOptions options) : mode_(options.socket_mode) {
    credentials_ = MakeTransport(options.tls);
    if (credentials_ == nullptr) return;
    grpc_server_credentials_set_auth_metadata_processor(
        credentials_, {.process = ProcessCall,
                       .destroy = [](void* state) { delete static_cast<ListenerOptions*>(state); },
                       .state = new ListenerOptions(std::move(options))});
  }
  ~ListenerCredentials() override {
    if (credentials_ != nullptr) grpc_server_credentials_release(credentials_);
  }

  // The listener's own check is the only one.
  void SetAuthMetadataProcessor(const std::shared_ptr<grpc::AuthMetadataProcessor>&) override {}

 private:
  int AddPortToServer(const std::string& address, grpc_server* server) override {
    if (credentials_ == nullptr) return 0;
    const ScopedUmask umask(0777 & ~mode_);
    return grpc_server_add_http2_port(server, address.c_str(), credentials_);
  }

  const mode_t mode_;
  grpc_server_credentials* credentials_ = nullptr;
};

}  // namespace

std::shared_ptr<grpc::ServerCredentials> MakeListenerCredentials(ListenerOptions options) {
  return std::make_shared<ListenerCredentials>(std::move(options));
}

}  // namespace daemoneye::rpc
