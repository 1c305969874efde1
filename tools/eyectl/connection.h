// Connection: a channel to one server, and how its failures are told.
#pragma once

#include <grpcpp/grpcpp.h>

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "tools/eyectl/flag_set.h"

namespace daemoneye::eyectl {

struct ConnectionOptions {
  // unix:///path, host:port or dns:///host:port. Empty: the gateway's socket in /run/daemoneye, or
  // else procmond's.
  std::string address;
  // How long to wait for a server that is not there yet.
  absl::Duration wait;
  // PEM files; all empty: clear text.
  std::string tls_ca, tls_cert, tls_key;
};

// Declares --address, --wait and --tls_*; the environment's EYECTL_ADDRESS is the default address.
void AddConnectionFlags(FlagSet& flags, ConnectionOptions* options);

class Connection {
 public:
  // NotFound when no address is given and no socket is there; Unavailable when `wait` passed.
  // Blocks only for `wait`.
  static absl::StatusOr<Connection> Open(const ConnectionOptions& options);

  const std::shared_ptr<grpc::Channel>& channel() const { return channel_; }
  const std::string& address() const { return address_; }

  // `status` with its code's name and the address, safe to print.
  absl::Status ToStatus(const grpc::Status& status) const;

 private:
  Connection(std::string address, std::shared_ptr<grpc::Channel> channel)
      : address_(std::move(address)), channel_(std::move(channel)) {}

  std::string address_;
  std::shared_ptr<grpc::Channel> channel_;
};

// Bounds a call that answers once.
inline constexpr absl::Duration kUnaryTimeout = absl::Seconds(10);
void SetTimeout(grpc::ClientContext& context, absl::Duration timeout);

}  // namespace daemoneye::eyectl
