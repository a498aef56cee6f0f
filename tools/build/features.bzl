"""The feature targets: what a user links who wants a part of Kioto by its name."""

FEATURES = {
    # Futures, streams, tasks, the current-thread runtime, the blocking pool.
    "rt": [
        "//runtime/blocking",
        "//runtime/future",
        "//runtime/future:budget",
        "//runtime/future:from_callback",
        "//runtime/future/stream:streams",
        "//runtime/scheduler:hosted",
        "//runtime/scheduler:in_runtime",
        "//runtime/scheduler:local_pool",
        "//runtime/scheduler:runtime",
        "//runtime/task",
        "//runtime/trace",
    ],
    # The work-stealing runtime too.
    "rt_multi_thread": [
        ":rt",
        "//runtime/scheduler",
    ],
    "fs": ["//fs"],
    # With what stands between streams and fds or threads; //runtime/io:read and so on are without.
    "io": [
        "//runtime/io",
        "//runtime/io:blocking_io",
        "//runtime/io:stdio",
        "//runtime/io/codec",
    ],
    "net": ["//net"],
    "process": ["//runtime/process"],
    "signal": ["//runtime/signal"],
    "sync": ["//sync"],
    "time": ["//time"],
}

# What tests link beside them.
TEST_UTIL = [
    "//runtime/future/testing:matchers",
    "//runtime/future/testing:polled_stream",
    "//runtime/future/testing:polled_task",
    "//runtime/testing",
    "//time:pause",
    "//time/testing:elapsed",
    "//time/testing:paused_clock",
]

def feature_targets(features):
    """Defines a library for each feature, `full` for all of them, and `test_util`."""
    for name, deps in features.items():
        native.cc_library(name = name, deps = deps)
    native.cc_library(name = "full", deps = [":" + name for name in features])
    native.cc_library(name = "test_util", testonly = True, deps = TEST_UTIL)
