#include "libs/linux/bpf/process_probe.h"

#include <bpf/libbpf.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include "libs/base/status_macros.h"
#include "libs/linux/bpf/bpf_support.h"
#include "libs/linux/bpf/libbpf_log.h"
#include "libs/linux/bpf/loader.h"
#include "libs/linux/bpf/programs/wire.h"
#include "libs/linux/bpf/record_parser.h"
#include "libs/linux/bpf/ring_reader.h"
// Needs wire.h.
#include "libs/linux/bpf/process_probe_programs.skel.h"

namespace daemoneye::bpf {
namespace {

constexpr size_t kMaxRecordBytes =
    sizeof(wire_record) + 3 * WIRE_MAX_PATH_BYTES + WIRE_SUFFIX_BYTES + WIRE_MAX_ARGUMENT_BYTES;

using Skeleton =
    std::unique_ptr<process_probe_programs, decltype(&::process_probe_programs__destroy)>;

absl::Status CheckOptions(const ProcessProbeOptions& options) {
  if (!std::has_single_bit(options.ring_bytes) ||
      options.ring_bytes < static_cast<size_t>(::sysconf(_SC_PAGESIZE)) ||
      options.ring_bytes > (size_t{1} << 30)) {
    return absl::InvalidArgumentError(
        fmt::format("ring_bytes={}: a power of two from 4 KiB to 1 GiB", options.ring_bytes));
  }
  if (options.max_argument_bytes > WIRE_MAX_ARGUMENT_BYTES) {
    return absl::InvalidArgumentError(fmt::format(
        "max_argument_bytes={}: at most {}", options.max_argument_bytes, WIRE_MAX_ARGUMENT_BYTES));
  }
  if (options.comm_prefix.size() > 15) {
    return absl::InvalidArgumentError(
        fmt::format("comm_prefix={}: at most 15 bytes", options.comm_prefix));
  }
  return absl::OkStatus();
}

wire_options ToWire(const ProcessProbeOptions& options, const BpfSupport& support) {
  wire_options wire = {};
  wire.pid_namespace_inode =
      options.pid_namespace_inode != 0 ? options.pid_namespace_inode : support.pid_namespace_inode;
  wire.max_argument_bytes = options.max_argument_bytes;
  if (!options.assumes_old_kernel) {
    const KernelFeatures features = ReadKernelFeatures();
    wire.has_group_dead = features.tells_last_thread;
    wire.has_cast = features.has_cast;
  }
  wire.reads_paths = options.reads_paths;
  wire.has_v1_cgroups = support.has_v1_cgroups;
  wire.has_uid = options.uid.has_value();
  wire.uid = options.uid.value_or(0);
  wire.cgroup_id = options.cgroup_id.value_or(0);
  const size_t prefix_bytes = options.comm_prefix.size();
  std::memcpy(wire.comm_bits, options.comm_prefix.data(), prefix_bytes);
  std::memset(wire.comm_mask, 0xff, prefix_bytes);
  return wire;
}

uint64_t Load(const __u64& value) { return __atomic_load_n(&value, __ATOMIC_RELAXED); }

ProgramCounters Sum(const wire_counters (&slots)[WIRE_SLOTS], size_t used_slots) {
  ProgramCounters sum;
  for (size_t i = 0; i < used_slots; ++i) {
    const wire_counters& slot = slots[i];
    sum.seen_count += Load(slot.seen);
    sum.sent_count += Load(slot.sent);
    sum.ignored_count += Load(slot.ignored);
    sum.filtered_count += Load(slot.filtered);
    sum.ring_full_count += Load(slot.ring_full);
    sum.unread_count += Load(slot.unread);
    sum.truncated_count += Load(slot.truncated);
  }
  return sum;
}

}  // namespace

struct ProcessProbe::Impl {
  Impl(Skeleton loaded, RingReader reader) : skeleton(std::move(loaded)), ring(std::move(reader)) {}

  // Without what the kernel missed: no call of the kernel.
  ProbeCounters Count() const {
    const auto& counters = skeleton->bss->counters;
    ProbeCounters sum = {.fork = Sum(counters[WIRE_ON_FORK], used_slots),
                         .exec = Sum(counters[WIRE_ON_EXEC], used_slots),
                         .exit = Sum(counters[WIRE_ON_EXIT], used_slots)};
    for (size_t i = 0; i < used_slots; ++i) {
      sum.unforked_count += Load(counters[WIRE_ON_FORK][i].unforked);
    }
    return sum;
  }

  Skeleton skeleton;
  RingReader ring;
  size_t used_slots = WIRE_SLOTS;
  struct Link {
    const char* program;
    bpf_link* link;
    uint32_t id;

    bool is_there() const { return id != 0 && LinkId(::bpf_link__fd(link)) == id; }
  };
  std::vector<Link> links;
  ProbeLoss told;
};

ProcessProbe::ProcessProbe(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

ProcessProbe::~ProcessProbe() {
  // Where somebody closed a link, its descriptor may be anybody's by now.
  for (const Impl::Link& link : impl_->links) {
    if (!link.is_there()) ::bpf_link__disconnect(link.link);
  }
}

absl::StatusOr<std::unique_ptr<ProcessProbe>> ProcessProbe::Open(
    const ProcessProbeOptions& options) {
  RETURN_IF_ERROR(CheckOptions(options));
  const BpfSupport support = ReadBpfSupport();
  RETURN_IF_ERROR(support.Check());
  const int cpus = ::libbpf_num_possible_cpus();
  if (cpus <= 0) return absl::InternalError("the number of CPUs is not to be had");

  LibbpfLog log;
  Skeleton skeleton(::process_probe_programs__open(), &::process_probe_programs__destroy);
  if (skeleton == nullptr) return LoadError(errno, "open the process probe", log);
  skeleton->rodata->options = ToWire(options, support);
  ::bpf_map__set_max_entries(skeleton->maps.ring, static_cast<__u32>(options.ring_bytes));
  ::bpf_map__set_max_entries(skeleton->maps.scratches, static_cast<__u32>(cpus));
  if (const int error = ::process_probe_programs__load(skeleton.get()); error != 0) {
    return LoadError(error, "load the process probe", log);
  }
  ASSIGN_OR_RETURN(RingReader ring, RingReader::Create(::bpf_map__fd(skeleton->maps.ring),
                                                       options.ring_bytes, kMaxRecordBytes));
  if (const int error = ::process_probe_programs__attach(skeleton.get()); error != 0) {
    return LoadError(error, "attach the process probe", log);
  }
  auto impl = std::make_unique<Impl>(std::move(skeleton), std::move(ring));
  impl->used_slots = std::min<size_t>(static_cast<size_t>(cpus), WIRE_SLOTS);
  const auto& links = impl->skeleton->links;
  impl->links = {{.program = "fork", .link = links.on_fork, .id = 0},
                 {.program = "exec", .link = links.on_exec, .id = 0},
                 {.program = "exit", .link = links.on_exit, .id = 0},
                 {.program = "new_task", .link = links.on_new_task, .id = 0}};
  for (Impl::Link& link : impl->links) link.id = LinkId(::bpf_link__fd(link.link));
  std::unique_ptr<ProcessProbe> probe(new ProcessProbe(std::move(impl)));
  probe->SwitchOn(true);
  return probe;
}

int ProcessProbe::fd() const { return impl_->ring.fd(); }

uint64_t ProcessProbe::waiting_bytes() const { return impl_->ring.waiting_bytes(); }

void ProcessProbe::Read(size_t max_records, ProbeBatch& batch) {
  impl_->ring.Release();
  batch.malformed_count = 0;
  size_t count = 0;
  batch.has_more = true;
  while (count < max_records) {
    const auto bytes = impl_->ring.Next();
    if (!bytes.has_value()) {
      batch.has_more = false;
      break;
    }
    if (batch.records.size() <= count) batch.records.emplace_back();
    if (ParseProbeRecord(*bytes, batch.records[count]).ok()) {
      ++count;
    } else {
      ++batch.malformed_count;
    }
  }
  batch.records.resize(count);
  const ProbeCounters now = impl_->Count();
  const ProbeLoss lost = {now.fork.lost_count(), now.exec.lost_count(), now.exit.lost_count()};
  ProbeLoss& told = impl_->told;
  batch.lost = {lost.fork_count - told.fork_count, lost.exec_count - told.exec_count,
                lost.exit_count - told.exit_count};
  told = lost;
}

void ProcessProbe::Release(ProbeBatch& batch) {
  batch.records.clear();
  impl_->ring.Release();
}

ProbeCounters ProcessProbe::ReadCounters() const {
  ProbeCounters counters = impl_->Count();
  const auto& programs = impl_->skeleton->progs;
  counters.fork.missed_count = MissedCount(::bpf_program__fd(programs.on_fork));
  counters.exec.missed_count = MissedCount(::bpf_program__fd(programs.on_exec));
  counters.exit.missed_count = MissedCount(::bpf_program__fd(programs.on_exit));
  return counters;
}

absl::Status ProcessProbe::Check() const {
  if (__atomic_load_n(&impl_->skeleton->data_switch->is_on, __ATOMIC_RELAXED) == 0) {
    return absl::UnavailableError("the process probe is switched off");
  }
  for (const Impl::Link& link : impl_->links) {
    if (!link.is_there()) {
      return absl::UnavailableError(fmt::format("the link of program={} is gone", link.program));
    }
  }
  return absl::OkStatus();
}

void ProcessProbe::SwitchOn(bool is_on) {
  __atomic_store_n(&impl_->skeleton->data_switch->is_on, is_on ? 1u : 0u, __ATOMIC_RELAXED);
}

}  // namespace daemoneye::bpf
