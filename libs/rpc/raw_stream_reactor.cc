#include "libs/rpc/raw_stream_reactor.h"

#include <grpcpp/support/slice.h>

#include <cstring>
#include <utility>
#include <vector>

#include "libs/rpc/status_conversion.h"

namespace daemoneye::rpc {
namespace {

using Owner = std::shared_ptr<const void>;

// A slice of the piece's own bytes that keeps its owner.
grpc::Slice SharedSlice(const PayloadPiece& piece) {
  return grpc::Slice(
      const_cast<char*>(piece.bytes.data()), piece.bytes.size(),
      [](void* owner) { delete static_cast<Owner*>(owner); }, new Owner(piece.owner));
}

// One slice with a copy of pieces [first, last).
grpc::Slice CopiedSlice(const PayloadPiece* first, const PayloadPiece* last) {
  size_t size = 0;
  for (const PayloadPiece* piece = first; piece != last; ++piece) size += piece->bytes.size();
  grpc::Slice slice(grpc_slice_malloc(size), grpc::Slice::STEAL_REF);
  auto* out = const_cast<uint8_t*>(slice.begin());
  for (const PayloadPiece* piece = first; piece != last; ++piece) {
    std::memcpy(out, piece->bytes.data(), piece->bytes.size());
    out += piece->bytes.size();
  }
  return slice;
}

}  // namespace

grpc::ByteBuffer ToByteBuffer(const Payload& payload) {
  std::vector<grpc::Slice> slices;
  const PayloadPiece* piece = payload.pieces.data();
  const PayloadPiece* const end = piece + payload.pieces.size();
  while (piece != end) {
    const PayloadPiece* small = piece;
    while (piece != end && piece->bytes.size() < kSharedPieceBytes) ++piece;
    if (small != piece) slices.push_back(CopiedSlice(small, piece));
    if (piece != end) slices.push_back(SharedSlice(*piece++));
  }
  return {slices.data(), slices.size()};
}

grpc::ServerWriteReactor<grpc::ByteBuffer>* RawStreamReactor::Start(
    grpc::CallbackServerContext& context, std::shared_ptr<StreamHandler> handler) {
  auto* reactor = new RawStreamReactor(&context, std::move(handler));
  // Not reactor->handler_: once started, the reactor may end at any time.
  const std::shared_ptr<StreamHandler> started = reactor->handler_;
  started->OnStart(*reactor);
  return reactor;
}

grpc::ServerWriteReactor<grpc::ByteBuffer>* RawStreamReactor::Reject(const absl::Status& status) {
  auto* reactor = new RawStreamReactor(nullptr, nullptr);
  reactor->Finish(status);
  return reactor;
}

void RawStreamReactor::Write(const Payload& payload) {
  message_ = ToByteBuffer(payload);
  // Never with a buffer hint: gRPC 1.51 may then hold the message back and OnWriteDone with it, so
  // that the write that would push it out never comes.
  StartWrite(&message_);
}

void RawStreamReactor::Finish(const absl::Status& status) {
  ServerWriteReactor::Finish(ToGrpc(status));
}

void RawStreamReactor::Abort() { context_->TryCancel(); }

void RawStreamReactor::OnWriteDone(bool ok) {
  message_.Clear();
  if (handler_ != nullptr) handler_->OnWriteDone(ok);
}

void RawStreamReactor::OnCancel() {
  if (handler_ != nullptr) handler_->OnCancel();
}

void RawStreamReactor::OnDone() {
  if (handler_ != nullptr) handler_->OnDone();
  delete this;
}

}  // namespace daemoneye::rpc
