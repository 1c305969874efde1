"""cc_fuzz_test: a libFuzzer target whose corpus is replayed as a normal test.

With --config=fuzz the same source becomes a libFuzzer binary; otherwise tools/bazel/replay_main.cc
runs it over every file of the corpus, so a crash once found stays found.
"""

load("@rules_cc//cc:defs.bzl", "cc_test")

def cc_fuzz_test(name, srcs, corpus, deps = [], tags = [], **kwargs):
    """Declares the test `name`.

    Args:
      name: target name
      srcs: defines LLVMFuzzerTestOneInput
      corpus: files to replay (and to start fuzzing from)
      deps: as for cc_test
      tags: as for cc_test
      **kwargs: passed to cc_test
    """
    cc_test(
        name = name,
        size = "small",
        srcs = srcs + select({
            "//tools/bazel:fuzzing": [],
            "//conditions:default": ["//tools/bazel:replay_main.cc"],
        }),
        args = ["$(locations %s)" % c for c in corpus],
        data = corpus,
        linkopts = select({
            "//tools/bazel:fuzzing": ["-fsanitize=fuzzer"],
            "//conditions:default": [],
        }),
        tags = tags + ["fuzz"],
        deps = deps,
        **kwargs
    )
