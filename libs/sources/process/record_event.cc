#include "libs/sources/process/record_event.h"

#include <algorithm>
#include <array>
#include <utility>

#include "libs/event/event_builder.h"
#include "libs/linux/procfs/cmdline_parser.h"
#include "libs/linux/procfs/small_parsers.h"

namespace daemoneye::process {
namespace {

// A wall clock that is being slewed moves the boot by less than this, a step by more.
constexpr absl::Duration kClockStep = absl::Seconds(1);

event::ProcessKeySpace SpaceOf(const procfs::ProcFs& fs) {
  const auto space = event::MakeProcessKeySpace(fs.boot_id(), fs.pid_namespace_inode());
  return space.ok() ? *space : event::ProcessKeySpace{};  // the procfs has checked its boot id
}

}  // namespace

RecordEventBuilder::RecordEventBuilder(const procfs::ProcFs& fs, ProcessTable& table,
                                       TextCounts& counts, base::Clock& clock,
                                       std::string_view source)
    : fs_(fs),
      table_(table),
      counts_(counts),
      clock_(clock),
      space_(SpaceOf(fs)),
      source_(source),
      user_names_(clock) {}

void RecordEventBuilder::SetBootTime(absl::Time boot_time) {
  if (absl::AbsDuration(boot_time - boot_time_) >= kClockStep) boot_time_ = boot_time;
}

absl::Time RecordEventBuilder::StartTime(uint64_t start_ticks) const {
  return boot_time_ + fs_.TicksToDuration(start_ticks);
}

void RecordEventBuilder::SetText(event::Event& event, std::string_view bytes, std::string* field) {
  if (event::SetText(event, bytes, field)) ++counts_.truncated_texts;
}

event::Event& RecordEventBuilder::NewEvent(v1::ProcessAction action, uint32_t pid,
                                           uint64_t start_ticks, event::EventList& events) {
  event::Event& event = events.emplace_back();
  const absl::Time now = clock_.Now();
  const bool is_start = action == v1::PROCESS_ACTION_START;
  const absl::Time happened = is_start ? StartTime(start_ticks) : now;
  event::SetTime(std::min(event_time_.value_or(happened), now), event.mutable_event_time());
  event::SetTime(now, event.mutable_observed_time());
  event.set_source(source_.data(), source_.size());
  v1::ProcessEvent& process = *event.mutable_process();
  process.set_action(action);
  process.set_pid(pid);
  event::FormatProcessKey({space_, pid, start_ticks}, process.mutable_process_key());
  return event;
}

event::Event& RecordEventBuilder::Add(const ProcessRecord& record, v1::ProcessAction action,
                                      event::EventList& events) {
  event::Event& event = NewEvent(action, record.pid, record.start_ticks, events);
  SetIdentity(record, event);
  SetParent(record, event);
  SetImage(record, event);
  SetCommandLine(record, event);
  if (options_.is_enhanced) SetEnhanced(record, event);
  return event;
}

event::Event& RecordEventBuilder::AddStop(uint32_t pid, uint64_t start_ticks,
                                          event::EventList& events) {
  event::Event& event = NewEvent(v1::PROCESS_ACTION_STOP, pid, start_ticks, events);
  event::SetDuration(std::max(clock_.Now() - StartTime(start_ticks), absl::ZeroDuration()),
                     event.mutable_process()->mutable_runtime());
  event.mutable_process()->set_details_missing(true);
  return event;
}

event::Event& RecordEventBuilder::AddStop(const ProcessRecord& record,
                                          std::optional<absl::Duration> runtime,
                                          event::EventList& events) {
  event::Event& event = Add(record, v1::PROCESS_ACTION_STOP, events);
  v1::ProcessEvent& process = *event.mutable_process();
  event::SetDuration(std::max(runtime.value_or(clock_.Now() - StartTime(record.start_ticks)),
                              absl::ZeroDuration()),
                     process.mutable_runtime());
  if (!record.is_exit_known) return event;
  const int signal = record.exit_code & 0x7F;
  if (signal != 0) {
    process.set_exit_signal(signal);
  } else {
    process.set_exit_code((record.exit_code >> 8) & 0xFF);
  }
  return event;
}

void RecordEventBuilder::SetIdentity(const ProcessRecord& record, event::Event& event) {
  v1::ProcessEvent& process = *event.mutable_process();
  process.set_ppid(record.ppid);
  if (record.container_pid != 0) process.set_container_pid(record.container_pid);
  SetText(event, record.texts.Get(Text::kName), process.mutable_name());
  if (record.has_status) {
    process.set_user_id(record.uid);
    process.set_effective_user_id(record.euid);
    process.set_group_id(record.gid);
  }
  if (record.login_uid != kUnset) process.set_login_user_id(record.login_uid);
  process.set_session_id(record.session);
  if (record.tty_nr != 0) process.set_tty(procfs::TtyName(record.tty_nr));
  const std::string_view directory = record.texts.Get(Text::kDirectory);
  if (!directory.empty()) SetText(event, directory, process.mutable_working_directory());
  const std::string_view container = record.texts.Get(Text::kContainer);
  if (!container.empty()) SetText(event, container, process.mutable_container_id());
  const std::string_view pod = record.texts.Get(Text::kPod);
  if (!pod.empty()) SetText(event, pod, process.mutable_pod_uid());
  process.set_exec_count(record.exec_count);
  if (record.is_own) process.set_own(true);
  if (record.are_details_missing) process.set_details_missing(true);
}

void RecordEventBuilder::SetParent(const ProcessRecord& record, event::Event& event) {
  const ProcessTable::Entry* parent = record.ppid == 0 ? nullptr : table_.Find(record.ppid);
  // A parent is never younger than its child: that one only got its pid.
  if (parent == nullptr || parent->start_ticks > record.start_ticks) return;
  v1::ProcessEvent& process = *event.mutable_process();
  event::FormatProcessKey({space_, record.ppid, parent->start_ticks}, process.mutable_parent_key());
  if (parent->record == nullptr) return;
  const PackedTexts& texts = parent->record->texts;
  SetText(event, texts.Get(Text::kName), process.mutable_parent_name());
  const std::string_view executable = texts.Get(Text::kExecutable);
  if (!executable.empty()) {
    SetText(event, executable, process.mutable_parent_executable_path());
  }
}

void RecordEventBuilder::SetCommandLine(const ProcessRecord& record, event::Event& event) {
  const std::string_view bytes = record.texts.Get(Text::kCommandLine);
  if (bytes.empty()) return;
  arguments_.clear();
  procfs::SplitCmdline(bytes, event::kMaxCommandLineElements, arguments_);
  uint64_t cut = record.command_line_total_bytes - bytes.size();
  if (arguments_.size() == event::kMaxCommandLineElements) {
    const std::string_view last = arguments_.back();
    const size_t end = static_cast<size_t>(last.data() + last.size() - bytes.data());
    cut += bytes.size() - std::min(bytes.size(), end + 1);
  }
  if (options_.has_redaction) counts_.redactions += redactor_.Redact(arguments_);
  const bool was_cut =
      event::SetCommandLine(event, arguments_, event.mutable_process()->mutable_command_line());
  if (cut != 0) event::AddTruncatedBytes(event, cut);
  if (was_cut || cut != 0) ++counts_.truncated_command_lines;
}

void RecordEventBuilder::SetImage(const ProcessRecord& record, event::Event& event) {
  if (record.is_kernel_thread) return;
  v1::ProcessEvent& process = *event.mutable_process();
  process.set_accessible(record.is_accessible);
  const std::string_view executable = record.texts.Get(Text::kExecutable);
  if (!executable.empty()) SetText(event, executable, process.mutable_executable_path());
  if (record.is_file_checked) {
    process.set_file_exists(record.is_file_there);
    process.set_on_disk_mismatch(record.is_mismatched);
  }
  if (record.hash_state != v1::HASH_STATE_UNSPECIFIED) {
    process.set_hash_state(static_cast<v1::HashState>(record.hash_state));
  }
  if (record.digest != nullptr) {
    process.set_executable_hash(*record.digest);
    process.set_hash_algorithm("sha256");
  }
}

void RecordEventBuilder::SetEnhanced(const ProcessRecord& record, event::Event& event) {
  v1::ProcessEvent& process = *event.mutable_process();
  event::SetTime(StartTime(record.start_ticks), process.mutable_start_time());
  if (record.cpu_percent >= 0) process.set_cpu_usage_percent(record.cpu_percent);
  if (record.cpu_read_ns != 0) process.set_memory_usage_bytes(record.rss_bytes);
  if (record.has_status) {
    const std::string_view name = user_names_.Find(record.uid);
    if (!name.empty()) SetText(event, name, process.mutable_user_name());
  }
  const std::string_view cgroup = record.texts.Get(Text::kCgroup);
  if (!cgroup.empty()) SetText(event, cgroup, process.mutable_cgroup_path());
  if (record.namespaces.pid != 0) {
    v1::Namespaces& to = *process.mutable_namespaces();
    const CompactNamespaces& from = record.namespaces;
    if (from.cgroup != 0) to.set_cgroup(from.cgroup);
    if (from.ipc != 0) to.set_ipc(from.ipc);
    if (from.mnt != 0) to.set_mnt(from.mnt);
    if (from.net != 0) to.set_net(from.net);
    to.set_pid(from.pid);
    if (from.time != 0) to.set_time(from.time);
    if (from.user != 0) to.set_user(from.user);
    if (from.uts != 0) to.set_uts(from.uts);
  }
  if (!record.has_capabilities) return;
  v1::Capabilities& capabilities = *process.mutable_capabilities();
  capabilities.set_effective(record.capabilities.effective);
  capabilities.set_permitted(record.capabilities.permitted);
  capabilities.set_inheritable(record.capabilities.inheritable);
  capabilities.set_bounding(record.capabilities.bounding);
  capabilities.set_ambient(record.capabilities.ambient);
}

void RecordEventBuilder::SetModifiedFields(Change changes, event::Event& event) {
  constexpr std::array<std::pair<Change, const char*>, 12> kFields = {{
      {Change::kName, "name"},
      {Change::kCommandLine, "command_line"},
      {Change::kExecutable, "executable_path"},
      {Change::kUser, "user_id"},
      {Change::kEffectiveUser, "effective_user_id"},
      {Change::kGroup, "group_id"},
      {Change::kFileExists, "file_exists"},
      {Change::kMismatch, "on_disk_mismatch"},
      {Change::kCgroup, "cgroup_path"},
      {Change::kContainer, "container_id"},
      {Change::kHash, "executable_hash"},
      {Change::kHashState, "hash_state"},
  }};
  for (const auto& [change, field] : kFields) {
    if (Has(changes, change)) event.mutable_process()->add_modified_fields(field);
  }
}

}  // namespace daemoneye::process
