#!/usr/bin/python3
"""One vendor, one room: who may include which library, by the text of the #include lines.

Usage: rooms.py [ROOT]   (default: this repository; ROOT needs no git)
"""

import pathlib
import re
import subprocess
import sys

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]

# What is included -> the files that may, as a pattern over the path. tests/ and tools/ may include anything.
RULES = [
    (r"<(grpcpp|grpc)/|\.grpc\.pb\.h",
     r"libs/(analysis_server|monitor|rpc)/|services/[^/]+/([^/]*_(service|client)\.(h|cc)|[^/]*_test\.cc|fake_[^/]*)$"
     r"|services/collector_gateway/analyzer_link\.cc$"),
    (r"<(SQLiteCpp/|sqlite3)", r"libs/(sql|storage/sqlite)/"),
    (r"<prometheus/", r"libs/metrics/"),
    (r"<spdlog/", r"libs/logging/"),
    (r"<bpf/|\.skel\.h", r"libs/linux/bpf/"),
    (r"<yaml-cpp/", r"libs/config/"),
    (r"<nats/", r"libs/event_bus/nats/"),
    (r"<openssl/", r"libs/(linux|rpc|alerting)/"),
    (r"<curl/", r"libs/alerting/"),
    # Kernel interfaces are read in one room.
    (r"<(linux/|asm/|sys/(syscall|ptrace|fanotify|inotify|capability)\.h)", r"libs/linux/"),
    # Types of Abseil's that the house style leaves out.
    (r'<(absl/synchronization/mutex|absl/strings/string_view|absl/types/(optional|span))\.h', r"$^"),
    (r'"absl/(synchronization/mutex|strings/string_view|types/(optional|span))\.h', r"$^"),
]
ANYTHING = re.compile(r"^(tests|tools)/")
INCLUDE = re.compile(r'^\s*#\s*include\s+([<"][^>"]+[>"])')


def sources(root: pathlib.Path) -> list[str]:
    """C and C++ files below `root`, as paths relative to it."""
    if root == REPOSITORY:
        listed = subprocess.run(
            ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.cc", "*.h", "*.c"],
            cwd=root, check=True, capture_output=True, text=True)
        return [f for f in listed.stdout.splitlines() if (root / f).is_file()]
    return sorted(str(f.relative_to(root)) for f in root.rglob("*") if f.suffix in (".cc", ".h", ".c"))


def violations(root: pathlib.Path) -> list[str]:
    rules = [(re.compile(include), re.compile("^(" + rooms + ")"), rooms) for include, rooms in RULES]
    found = []
    for file in sources(root):
        if ANYTHING.match(file):
            continue
        for number, line in enumerate((root / file).read_text(errors="replace").splitlines(), 1):
            include = INCLUDE.match(line)
            if not include:
                continue
            for what, room, text in rules:
                if what.search(include[1]) and not room.match(file):
                    found.append(f"{file}:{number}: {include[1]} may be included only from {text}")
    return found


def main() -> int:
    root = pathlib.Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else REPOSITORY
    if not sources(root):
        print(f"no C++ source below {root}: nothing was checked", file=sys.stderr)
        return 1
    found = violations(root)
    print("\n".join(found), file=sys.stderr, end="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
