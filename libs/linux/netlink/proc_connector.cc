#include "libs/linux/netlink/proc_connector.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <linux/cn_proc.h>
#include <linux/connector.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "libs/base/status_macros.h"
#include "libs/linux/netlink/proc_event_parser.h"

namespace daemoneye::netlink {
namespace {

constexpr size_t kSlots = 64;
// A message has 76 bytes.
constexpr size_t kSlotBytes = 256;
constexpr uint32_t kMaxCpus = 8192;
// How many messages of others Open reads while it waits for its own, which is there already.
constexpr size_t kMaxProofReads = 1 << 17;
// struct proc_input of Linux 6.6.
struct MaskedOperation {
  uint32_t operation;
  uint32_t kinds;
};

absl::Status FromErrno(std::string_view what, int error) {
  const std::string text =
      fmt::format("proc connector: {}: {}", what, std::generic_category().message(error));
  if (error == EPERM || error == EACCES) {
    return absl::PermissionDeniedError(text + "; it needs CAP_NET_ADMIN before Linux 6.6");
  }
  if (error == EPROTONOSUPPORT || error == EAFNOSUPPORT || error == ECONNREFUSED) {
    return absl::UnimplementedError(text);
  }
  return absl::UnavailableError(text);
}

// Lets pass what is of `kinds`, and acknowledges.
absl::Status AttachFilter(int socket, uint32_t kinds) {
  constexpr uint32_t kWhatOffset = NLMSG_HDRLEN + sizeof(cn_msg);
  // It loads in network order, the kernel writes in its own.
  std::array<sock_filter, 5> code = {{
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, kWhatOffset),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 0),
      BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, htonl(kinds), 0, 1),
      BPF_STMT(BPF_RET | BPF_K, 0xffffffff),
      BPF_STMT(BPF_RET | BPF_K, 0),
  }};
  const sock_fprog program = {.len = code.size(), .filter = code.data()};
  if (::setsockopt(socket, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) != 0) {
    return FromErrno("SO_ATTACH_FILTER", errno);
  }
  return absl::OkStatus();
}

// How far CLOCK_BOOTTIME is before CLOCK_MONOTONIC: the time that the machine was suspended.
uint64_t SuspendedNs() {
  timespec monotonic = {}, boot = {};
  ::clock_gettime(CLOCK_MONOTONIC, &monotonic);
  ::clock_gettime(CLOCK_BOOTTIME, &boot);
  const int64_t ns =
      (boot.tv_sec - monotonic.tv_sec) * 1'000'000'000 + (boot.tv_nsec - monotonic.tv_nsec);
  // Without a suspension it is what passes between the two calls.
  return ns < 1'000'000 ? 0 : static_cast<uint64_t>(ns);
}

}  // namespace

struct ProcConnector::Slots {
  std::array<std::array<char, kSlotBytes>, kSlots> bytes;
  std::array<sockaddr_nl, kSlots> senders;
  std::array<iovec, kSlots> vectors;
  std::array<mmsghdr, kSlots> messages;

  Slots() {
    for (size_t i = 0; i < kSlots; ++i) {
      vectors[i] = {.iov_base = bytes[i].data(), .iov_len = kSlotBytes};
    }
  }
  // The kernel changes it with each reading.
  void Reset() {
    for (size_t i = 0; i < kSlots; ++i) {
      messages[i] = {};
      messages[i].msg_hdr.msg_name = &senders[i];
      messages[i].msg_hdr.msg_namelen = sizeof senders[i];
      messages[i].msg_hdr.msg_iov = &vectors[i];
      messages[i].msg_hdr.msg_iovlen = 1;
    }
  }
};

ProcConnector::ProcConnector(base::UniqueFd socket)
    : socket_(std::move(socket)), slots_(std::make_unique<Slots>()) {}

ProcConnector::~ProcConnector() {
  // Before 6.6 the kernel goes on making messages for nobody otherwise.
  const auto operation = static_cast<uint32_t>(PROC_CN_MCAST_IGNORE);
  if (kinds_ != 0) Send(&operation, sizeof operation).IgnoreError();
}

absl::StatusOr<std::unique_ptr<ProcConnector>> ProcConnector::Open(
    const ProcConnectorOptions& options) {
  base::UniqueFd socket(
      ::socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_CONNECTOR));
  if (!socket.valid()) return FromErrno("socket", errno);
  std::unique_ptr<ProcConnector> connector(new ProcConnector(std::move(socket)));
  RETURN_IF_ERROR(connector->Bind(options.receive_buffer_bytes));
  const uint32_t kinds = options.kinds | MaskOf(ProcEventKind::kName);
  for (const bool has_kernel_mask : {true, false}) {
    if (has_kernel_mask && options.assumes_old_kernel) continue;
    RETURN_IF_ERROR(connector->Subscribe(kinds, has_kernel_mask));
    ASSIGN_OR_RETURN(const bool is_told, connector->Prove());
    if (is_told) return connector;
  }
  return absl::UnimplementedError(
      "proc connector: the kernel tells nothing: it does only in the initial pid, user and network "
      "namespaces");
}

absl::Status ProcConnector::Bind(size_t receive_buffer_bytes) {
  // The kernel doubles it for its own account.
  const int bytes = static_cast<int>(std::min<size_t>(receive_buffer_bytes / 2, 1u << 30));
  if (::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes) != 0 &&
      ::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes) != 0) {
    return FromErrno("SO_RCVBUF", errno);
  }
  sockaddr_nl address = {};
  address.nl_family = AF_NETLINK;
  address.nl_groups = CN_IDX_PROC;
  if (::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return FromErrno("bind", errno);
  }
  return absl::OkStatus();
}

absl::Status ProcConnector::Send(const void* operation, size_t bytes) {
  std::array<char, NLMSG_SPACE(sizeof(cn_msg) + sizeof(MaskedOperation))> datagram = {};
  nlmsghdr header = {};
  header.nlmsg_len = static_cast<uint32_t>(NLMSG_LENGTH(sizeof(cn_msg) + bytes));
  header.nlmsg_type = NLMSG_DONE;
  cn_msg message = {};
  message.id = {.idx = CN_IDX_PROC, .val = CN_VAL_PROC};
  message.len = static_cast<uint16_t>(bytes);
  std::memcpy(datagram.data(), &header, sizeof header);
  std::memcpy(datagram.data() + NLMSG_HDRLEN, &message, sizeof message);
  std::memcpy(datagram.data() + NLMSG_HDRLEN + sizeof message, operation, bytes);
  if (::send(socket_.get(), datagram.data(), header.nlmsg_len, 0) < 0) {
    return FromErrno("send", errno);
  }
  return absl::OkStatus();
}

absl::Status ProcConnector::Subscribe(uint32_t kinds, bool has_kernel_mask) {
  kinds_ = kinds;
  has_kernel_mask_ = has_kernel_mask;
  counts_gaps_ = kinds == kAllProcEvents;
  if (has_kernel_mask) {
    const MaskedOperation operation = {.operation = PROC_CN_MCAST_LISTEN, .kinds = kinds};
    return Send(&operation, sizeof operation);
  }
  if (kinds != kAllProcEvents) RETURN_IF_ERROR(AttachFilter(socket_.get(), kinds));
  const auto operation = static_cast<uint32_t>(PROC_CN_MCAST_LISTEN);
  return Send(&operation, sizeof operation);
}

absl::StatusOr<bool> ProcConnector::Prove() {
  std::array<char, 16> name = {};
  if (::prctl(PR_GET_NAME, name.data()) != 0 || ::prctl(PR_SET_NAME, name.data()) != 0) {
    return FromErrno("prctl", errno);
  }
  const auto tid = static_cast<uint32_t>(::gettid());
  ProcEventBatch batch;
  size_t reads = 0;
  do {
    RETURN_IF_ERROR(Read(kSlots, batch));
    for (const ProcEvent& event : batch.events) {
      if (event.kind == ProcEventKind::kName && event.tid == tid) return true;
      if (event.kind == ProcEventKind::kAcknowledge && event.error != 0) {
        return FromErrno("subscribe", static_cast<int>(event.error));
      }
    }
    reads += batch.events.size();
  } while (batch.has_more && reads < kMaxProofReads);
  return false;
}

absl::Status ProcConnector::Read(size_t max_events, ProcEventBatch& batch) {
  batch.events.clear();
  batch.has_more = true;
  while (batch.events.size() < max_events) {
    slots_->Reset();
    const int count =
        ::recvmmsg(socket_.get(), slots_->messages.data(), kSlots, MSG_DONTWAIT, nullptr);
    if (count < 0) {
      if (errno == EINTR) continue;
      if (errno == ENOBUFS) {
        ++counters_.overrun_count;
        continue;
      }
      if (errno != EAGAIN) return FromErrno("recvmmsg", errno);
      batch.has_more = false;
      break;
    }
    for (int i = 0; i < count; ++i) {
      const mmsghdr& message = slots_->messages[i];
      ++counters_.received_count;
      if (slots_->senders[i].nl_pid != 0) {
        ++counters_.foreign_count;
      } else {
        Take(slots_->bytes[i].data(), message.msg_len, batch);
      }
    }
  }
  const uint64_t suspended_ns = SuspendedNs();
  for (ProcEvent& event : batch.events) event.boottime_ns = event.monotonic_ns + suspended_ns;
  batch.lost_count = TakeLost();
  return absl::OkStatus();
}

void ProcConnector::Take(const void* datagram, size_t bytes, ProcEventBatch& batch) {
  const auto message =
      ParseProcMessage(std::string_view(static_cast<const char*>(datagram), bytes));
  if (!message.ok()) {
    ++counters_.malformed_count;
    return;
  }
  const ProcEvent& event = message->event;
  if (event.kind != ProcEventKind::kAcknowledge) NoteSequence(event.cpu, message->sequence);
  batch.events.push_back(event);
}

void ProcConnector::NoteSequence(uint32_t cpu, uint32_t sequence) {
  if (!counts_gaps_ || cpu >= kMaxCpus) return;
  if (next_sequences_.size() <= cpu) next_sequences_.resize(cpu + 1);
  uint64_t& next = next_sequences_[cpu];
  if (next != 0) counters_.gap_count += sequence - static_cast<uint32_t>(next - 1);
  next = uint64_t{sequence + 1} + 1;
}

uint64_t ProcConnector::TakeLost() {
  std::array<uint32_t, SK_MEMINFO_VARS> memory = {};
  socklen_t bytes = sizeof memory;
  if (::getsockopt(socket_.get(), SOL_SOCKET, SO_MEMINFO, memory.data(), &bytes) == 0) {
    // 32 bits that wrap around.
    counters_.dropped_count +=
        memory[SK_MEMINFO_DROPS] - static_cast<uint32_t>(counters_.dropped_count);
  }
  // A gap shows with the next message of its CPU, a drop at once: they are of the same messages.
  const uint64_t lost = std::max(counters_.dropped_count, counters_.gap_count);
  return lost - std::exchange(told_lost_, lost);
}

size_t ProcConnector::receive_buffer_bytes() const {
  int bytes = 0;
  socklen_t size = sizeof bytes;
  if (::getsockopt(socket_.get(), SOL_SOCKET, SO_RCVBUF, &bytes, &size) != 0) return 0;
  return static_cast<size_t>(bytes);
}

}  // namespace daemoneye::netlink
