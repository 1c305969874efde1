// Every fork, exec and exit of the machine, as a record in a ring buffer.
//
// Runs in the task that forks, executes or exits, preemption off: what it costs, that task pays.

#include "libs/linux/bpf/programs/kernel_types.h"
// The others need its types.
#include "libs/linux/bpf/programs/path_walk.h"
#include "libs/linux/bpf/programs/task_facts.h"
#include "libs/linux/bpf/programs/wire.h"

// include/linux/sched/signal.h
#define SIGNAL_GROUP_EXIT 0x4
// include/linux/sched.h
#define PF_IO_WORKER 0x10
#define PF_USER_WORKER 0x4000
#define PAGE_BYTES 4096

// The switch, a map of its own: 0 is off. What it lets pass is neither seen nor lost.
volatile __u32 is_on SEC(".data.switch") = 0;
struct wire_counters counters[WIRE_PROGRAMS][WIRE_SLOTS];

struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, 1 << 20);
} ring SEC(".maps");

// Where an exec's record is put together: one a CPU. (A per-CPU map's values end at 32 KiB.)
struct scratch {
  struct wire_record record;
  // A page more than there can be, for the verifier's sake.
  char text[3 * WIRE_MAX_PATH_BYTES + WIRE_SUFFIX_BYTES + WIRE_MAX_ARGUMENT_BYTES + PAGE_BYTES];
  struct path_walk path;
};
struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct scratch);
} scratches SEC(".maps");

#define COUNT(program, what) \
  __sync_fetch_and_add(&counters[program][bpf_get_smp_processor_id() % WIRE_SLOTS].what, 1)

static __always_inline bool is_wanted(struct task_struct* task) {
  if (options.has_uid && task->real_cred->uid.val != options.uid) return false;
  if (options.cgroup_id && task->cgroups->dfl_cgrp->kn->id != options.cgroup_id) return false;
  if (options.comm_mask[0]) {
    __u64 comm[2];
    bpf_core_read(comm, sizeof comm, &task->group_leader->comm);
    if ((comm[0] ^ options.comm_bits[0]) & options.comm_mask[0]) return false;
    if ((comm[1] ^ options.comm_bits[1]) & options.comm_mask[1]) return false;
  }
  return true;
}

static __always_inline void begin_record(struct wire_record* record, __u32 kind,
                                         struct task_struct* task) {
  __builtin_memset(record, 0, sizeof *record);
  record->kind = kind;
  record->cpu = bpf_get_smp_processor_id();
  record->boottime_ns = bpf_ktime_get_boot_ns();
  fill_task(task, &record->task);
}

SEC("tp_btf/sched_process_fork")
int on_fork(__u64* context) {
  struct task_struct* child = (struct task_struct*)context[1];
  if (!is_on) return 0;
  COUNT(WIRE_ON_FORK, seen);
  if (child->pid != child->tgid) {
    COUNT(WIRE_ON_FORK, ignored);
    return 0;
  }
  if (!is_wanted(child)) {
    COUNT(WIRE_ON_FORK, filtered);
    return 0;
  }
  struct wire_record* record = bpf_ringbuf_reserve(&ring, sizeof *record, 0);
  if (!record) {
    COUNT(WIRE_ON_FORK, ring_full);
    return 0;
  }
  begin_record(record, WIRE_FORK, child);
  bpf_ringbuf_submit(record, 0);
  COUNT(WIRE_ON_FORK, sent);
  return 0;
}

// The kernel's own count of forks (/proc/stat) has every task, the workers of io_uring and vhost
// and the idle tasks, too, for which sched_process_fork is not called.
SEC("tp_btf/task_newtask")
int on_new_task(__u64* context) {
  struct task_struct* task = (struct task_struct*)context[0];
  if (!is_on) return 0;
  if (task->pid == 0 || (task->flags & (PF_IO_WORKER | PF_USER_WORKER))) {
    COUNT(WIRE_ON_FORK, unforked);
  }
  return 0;
}

struct page_walk {
  __u64 start;
  __u64 wanted;
  __u64 done;
  char* text;
};

// Copies what the arguments have on their page number `index`. `done` is only written, so that the
// verifier finds all steps alike.
static long copy_page(__u32 index, struct page_walk* walk) {
  const __u64 before = walk->start & (PAGE_BYTES - 1);
  const __u64 begin = index == 0 ? 0 : index * (__u64)PAGE_BYTES - before;
  __u64 piece = index == 0 ? PAGE_BYTES - before : PAGE_BYTES;
  if (begin >= walk->wanted) return 1;
  const __u64 left = walk->wanted - begin;
  if (piece > left) piece = left;
  if (piece > PAGE_BYTES) return 1;
  if (bpf_probe_read_user(walk->text + (begin & (WIRE_MAX_ARGUMENT_BYTES - 1)), piece,
                          (const void*)(walk->start + begin)) != 0) {
    return 1;
  }
  walk->done = begin + piece;
  return 0;
}

// Copies the arguments to `text` at `used`; returns how many bytes.
static __always_inline __u64 read_arguments(struct task_struct* task, struct wire_record* record,
                                            char* text, __u64 used) {
  struct mm_struct* mm = task->mm;
  const __u64 start = mm->arg_start;
  const __u64 end = mm->arg_end;
  const __u64 total = end > start ? end - start : 0;
  record->total_argument_bytes = total;
  __u64 wanted = total;
  if (wanted > options.max_argument_bytes) wanted = options.max_argument_bytes;
  if (wanted > WIRE_MAX_ARGUMENT_BYTES) wanted = WIRE_MAX_ARGUMENT_BYTES;
  if (used > 3 * WIRE_MAX_PATH_BYTES + WIRE_SUFFIX_BYTES || wanted == 0) return 0;
  if (bpf_probe_read_user(text + used, wanted, (const void*)start) == 0) return wanted;
  // A page is not there, and must not be waited for: what is before it.
  record->task.flags |= WIRE_ARGUMENTS_UNREAD;
  struct page_walk walk = {.start = start, .wanted = wanted, .text = text + used};
  bpf_loop(WIRE_MAX_ARGUMENT_BYTES / PAGE_BYTES + 1, copy_page, &walk, 0);
  return walk.done > WIRE_MAX_ARGUMENT_BYTES ? 0 : walk.done;
}

SEC("tp_btf/sched_process_exec")
int on_exec(__u64* context) {
  struct task_struct* task = (struct task_struct*)context[0];
  struct linux_binprm* program = (struct linux_binprm*)context[2];
  if (!is_on) return 0;
  COUNT(WIRE_ON_EXEC, seen);
  if (!is_wanted(task)) {
    COUNT(WIRE_ON_EXEC, filtered);
    return 0;
  }
  __u32 cpu = bpf_get_smp_processor_id();
  struct scratch* scratch = bpf_map_lookup_elem(&scratches, &cpu);
  if (!scratch || !task->mm) {
    COUNT(WIRE_ON_EXEC, unread);
    return 0;
  }
  struct wire_record* record = &scratch->record;
  begin_record(record, WIRE_EXEC, task);
  record->old_tid = (__u32)context[1];

  __u64 used = 0;
  const long length =
      bpf_probe_read_kernel_str(scratch->text, WIRE_MAX_PATH_BYTES, program->filename);
  if (length > 0) {
    used = length - 1;
    record->filename_bytes = used;
  } else {
    record->task.flags |= WIRE_FILENAME_UNREAD;
  }
  if (options.reads_paths) used += append_paths(task, record, &scratch->path, scratch->text, used);
  const __u64 arguments = read_arguments(task, record, scratch->text, used);
  record->argument_bytes = arguments;
  used += arguments;
  const bool is_cut = arguments != record->total_argument_bytes;

  if (used > sizeof scratch->text) used = sizeof scratch->text;
  if (bpf_ringbuf_output(&ring, scratch, sizeof *record + used, 0) != 0) {
    COUNT(WIRE_ON_EXEC, ring_full);
    return 0;
  }
  COUNT(WIRE_ON_EXEC, sent);
  if (is_cut) COUNT(WIRE_ON_EXEC, truncated);
  return 0;
}

SEC("tp_btf/sched_process_exit")
int on_exit(__u64* context) {
  struct task_struct* task = (struct task_struct*)context[0];
  struct signal_struct* signal = task->signal;
  if (!is_on) return 0;
  COUNT(WIRE_ON_EXIT, seen);
  // A process ends with its last thread, whichever that is. Before 6.15 two that end at once may
  // both find themselves the last.
  const bool is_last = options.has_group_dead ? (context[1] & 1) : signal->live.counter == 0;
  if (!is_last) {
    COUNT(WIRE_ON_EXIT, ignored);
    return 0;
  }
  if (!is_wanted(task)) {
    COUNT(WIRE_ON_EXIT, filtered);
    return 0;
  }
  struct wire_record* record = bpf_ringbuf_reserve(&ring, sizeof *record, 0);
  if (!record) {
    COUNT(WIRE_ON_EXIT, ring_full);
    return 0;
  }
  begin_record(record, WIRE_EXIT, task);
  // As wait_task_zombie (kernel/exit.c).
  record->exit_status =
      signal->flags & SIGNAL_GROUP_EXIT ? signal->group_exit_code : task->group_leader->exit_code;
  record->cpu_ns = signal->sum_sched_runtime + task->se.sum_exec_runtime;
  if (task != task->group_leader) {
    record->cpu_ns += task->group_leader->se.sum_exec_runtime;
  }
  bpf_ringbuf_submit(record, 0);
  COUNT(WIRE_ON_EXIT, sent);
  return 0;
}

char license_name[] SEC("license") = "Dual BSD/GPL";
