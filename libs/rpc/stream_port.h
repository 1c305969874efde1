// StreamPort and StreamHandler: a server stream split in two, so that all state of a stream lives
// in a handler that knows no gRPC, and the gRPC reactor is only the port.
//
// Threads:    a handler calls its port from any thread, one call at a time (under its own mutex:
//             the port never calls back from inside a call). A port calls its handler from any
//             thread, OnWriteDone and OnCancel possibly at the same time.
// Ownership:  the port holds its handler until OnDone returned. A handler does not touch the port
//             after Finish.
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>
#include <vector>

#include "absl/status/status.h"

namespace daemoneye::rpc {

// A part of a message: bytes, and what keeps them alive.
struct PayloadPiece {
  std::shared_ptr<const void> owner;
  std::string_view bytes;
};

// One message, as the concatenation of its pieces.
struct Payload {
  std::vector<PayloadPiece> pieces;

  size_t size() const {
    size_t total = 0;
    for (const PayloadPiece& piece : pieces) total += piece.bytes.size();
    return total;
  }
};

class StreamPort {
 public:
  virtual ~StreamPort() = default;

  // Sends a message; answered by OnWriteDone before the next Write.
  virtual void Write(const Payload& payload) = 0;
  // Ends the stream, also while a write is outstanding. Once; the last call on this port.
  virtual void Finish(const absl::Status& status) = 0;
  // Gives the peer up: asks the transport to cancel, which answers with OnCancel when it can.
  virtual void Abort() = 0;
};

class StreamHandler {
 public:
  virtual ~StreamHandler() = default;

  // The port is ready.
  virtual void OnStart(StreamPort& port) = 0;
  // The write ended; false: the peer has gone. Finish is still due.
  virtual void OnWriteDone(bool ok) = 0;
  // The peer has gone or gave up. Finish is still due, unless called already.
  virtual void OnCancel() = 0;
  // The port is about to be destroyed; nothing follows.
  virtual void OnDone() = 0;
};

}  // namespace daemoneye::rpc
