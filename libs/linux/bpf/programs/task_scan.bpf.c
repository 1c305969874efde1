// Every process of the reader's pid namespace, as a record each: what a full scan of /proc tells.
//
// Runs in the reader, a task after another. One reader at a time: there is one scratch.

#include "libs/linux/bpf/programs/kernel_types.h"
// The others need its types.
#include "libs/linux/bpf/programs/path_walk.h"
#include "libs/linux/bpf/programs/task_facts.h"
#include "libs/linux/bpf/programs/wire.h"

enum { MAX_THREADS = 1 << 15, MAX_CPUS = 1 << 13 };
// include/linux/mm_types_task.h, without MM_SWAPENTS
enum { RSS_FILE = 0, RSS_ANONYMOUS = 1, RSS_SHARED = 3, RSS_KINDS = 3 };

struct thread_walk {
  struct list_head* at;
  struct list_head* end;
  __u64 cpu_ns;
};

struct rss_walk {
  __u64 base;
  __u64 here;
  __u64 counters[RSS_KINDS];
  __s64 pages[RSS_KINDS];
};

struct scratch {
  struct wire_record record;
  char text[2 * WIRE_MAX_PATH_BYTES + WIRE_SUFFIX_BYTES + WIRE_MAX_SCAN_ARGUMENT_BYTES];
  struct path_walk path;
  struct thread_walk threads;
  struct rss_walk rss;
};
struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct scratch);
} scratches SEC(".maps");

struct thread_context {
  struct thread_walk* walk;
};

static long add_thread(__u32 index, struct thread_context* context) {
  struct thread_walk* walk = context->walk;
  struct list_head* node = walk->at;
  if (node == walk->end || !node) return 1;
  struct task_struct* thread =
      (struct task_struct*)((char*)node - bpf_core_field_offset(struct task_struct, thread_node));
  walk->cpu_ns += BPF_CORE_READ(thread, se.sum_exec_runtime);
  walk->at = BPF_CORE_READ(node, next);
  return 0;
}

// Of all threads, the dead ones included: what the scheduler counted, to the nanosecond. (utime and
// stime are sampled at ticks, and /proc scales them to this sum.)
static __always_inline __u64 cpu_ns_of(struct task_struct* leader, struct thread_walk* walk) {
  struct signal_struct* signal = leader->signal;
  const __u64 dead = signal->sum_sched_runtime;
  if (signal->nr_threads <= 1) return dead + leader->se.sum_exec_runtime;
  struct thread_context context = {.walk = walk};
  walk->end =
      (struct list_head*)((char*)signal + bpf_core_field_offset(struct signal_struct, thread_head));
  walk->at = BPF_CORE_READ(signal, thread_head.next);
  walk->cpu_ns = 0;
  bpf_loop(MAX_THREADS, add_thread, &context, 0);
  return dead + walk->cpu_ns;
}

// Nothing is in it: where its values lie tells where each CPU's part of the kernel's memory does.
struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, __u64);
} places SEC(".maps");

struct rss_context {
  struct rss_walk* walk;
};

static long add_cpu(__u32 cpu, struct rss_context* context) {
  struct rss_walk* walk = context->walk;
  const __u32 first = 0;
  void* here = bpf_map_lookup_percpu_elem(&places, &first, cpu);
  if (!here) return 1;
  // Through a map, which makes a number of the pointer.
  *(void* volatile*)&walk->here = here;
  const __u64 offset = *(volatile __u64*)&walk->here - walk->base;
  for (int i = 0; i < RSS_KINDS; ++i) {
    __s32 part = 0;
    bpf_probe_read_kernel(&part, sizeof part, (const void*)(walk->counters[i] + offset));
    walk->pages[i] += part;
  }
  return 0;
}

// Resident pages, to the page: the counters' common part, and what each CPU has not yet added to
// it. Before 6.2 the kernel counted otherwise, and none is told.
static __always_inline void fill_rss(struct mm_struct* mm, struct wire_record* record,
                                     struct rss_walk* walk) {
  if (!bpf_core_field_exists(mm->rss_stat)) return;
  walk->counters[0] = (__u64)BPF_CORE_READ(mm, rss_stat[RSS_FILE].counters);
  walk->counters[1] = (__u64)BPF_CORE_READ(mm, rss_stat[RSS_ANONYMOUS].counters);
  walk->counters[2] = (__u64)BPF_CORE_READ(mm, rss_stat[RSS_SHARED].counters);
  walk->pages[0] = BPF_CORE_READ(mm, rss_stat[RSS_FILE].count);
  walk->pages[1] = BPF_CORE_READ(mm, rss_stat[RSS_ANONYMOUS].count);
  walk->pages[2] = BPF_CORE_READ(mm, rss_stat[RSS_SHARED].count);
  *(void* volatile*)&walk->here = &places;
  bpf_probe_read_kernel(&walk->base, sizeof walk->base,
                        (const void*)(*(volatile __u64*)&walk->here +
                                      bpf_core_field_offset(struct bpf_array, pptrs)));
  struct rss_context context = {.walk = walk};
  bpf_loop(MAX_CPUS, add_cpu, &context, 0);
  __u64 pages = 0;
  for (int i = 0; i < RSS_KINDS; ++i) {
    if (walk->pages[i] > 0) pages += walk->pages[i];
  }
  record->rss_pages = pages;
  record->task.flags |= WIRE_HAS_RSS;
}

// The record of `task`, but for its arguments; NULL: it is a thread of another. `used`: the length
// of the text so far.
static __always_inline struct scratch* begin_record(struct task_struct* task, __u64* used) {
  const __u32 first = 0;
  if (!task || task->pid != task->tgid) return NULL;
  struct scratch* scratch = bpf_map_lookup_elem(&scratches, &first);
  if (!scratch) return NULL;
  struct wire_record* record = &scratch->record;
  __builtin_memset(record, 0, sizeof *record);
  record->kind = WIRE_TASK;
  record->boottime_ns = bpf_ktime_get_boot_ns();
  fill_task(task, &record->task);
  record->cpu_ns = cpu_ns_of(task, &scratch->threads);
  record->exit_status = task->exit_code;
  struct mm_struct* mm = task->mm;
  if (mm) {
    fill_rss(mm, record, &scratch->rss);
    // load_elf_binary (fs/binfmt_elf.c) sets them last.
    if (mm->start_code == 0 && mm->end_code == 0) record->task.flags |= WIRE_IN_EXEC;
  }
  *used = options.reads_paths ? append_paths(task, record, &scratch->path, scratch->text, 0) : 0;
  return scratch;
}

SEC("iter/task")
int scan(struct bpf_iter__task* context) {
  __u64 used = 0;
  struct seq_file* seq = context->meta->seq;
  struct scratch* scratch = begin_record(context->task, &used);
  if (!scratch || used > 2 * WIRE_MAX_PATH_BYTES + WIRE_SUFFIX_BYTES) return 0;
  bpf_seq_write(seq, scratch, sizeof scratch->record + used);
  return 0;
}

SEC("iter.s/task")
int scan_with_arguments(struct bpf_iter__task* context) {
  __u64 used = 0;
  struct seq_file* seq = context->meta->seq;
  struct task_struct* task = context->task;
  struct scratch* scratch = begin_record(task, &used);
  if (!scratch || used > 2 * WIRE_MAX_PATH_BYTES + WIRE_SUFFIX_BYTES) return 0;
  struct mm_struct* mm = task->mm;
  if (mm) {
    struct wire_record* record = &scratch->record;
    const __u64 start = mm->arg_start;
    const __u64 end = mm->arg_end;
    // In the middle of an exec there is a beginning and no end.
    const __u64 total = end > start ? end - start : 0;
    __u64 wanted = total;
    if (wanted > options.max_argument_bytes) wanted = options.max_argument_bytes;
    if (wanted > WIRE_MAX_SCAN_ARGUMENT_BYTES) wanted = WIRE_MAX_SCAN_ARGUMENT_BYTES;
    record->total_argument_bytes = total;
    if (wanted != 0) {
      if (bpf_copy_from_user_task(scratch->text + used, wanted, (const void*)start, task, 0) == 0) {
        record->argument_bytes = wanted;
        used += wanted;
      } else {
        record->task.flags |= WIRE_ARGUMENTS_UNREAD;
      }
    }
  }
  if (used > sizeof scratch->text) return 0;
  bpf_seq_write(seq, scratch, sizeof scratch->record + used);
  return 0;
}

char license_name[] SEC("license") = "Dual BSD/GPL";
