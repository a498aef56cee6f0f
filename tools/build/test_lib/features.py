"""Whether each feature target links only what its name says: judged on what `bazel cquery` answers."""

import re

from test_lib.results import Results

_STEALING = r"//runtime/scheduler:(work_stealing|run_queue|multi_thread)"
# The feature, not the hub: that knows whose a signal is, and the work-stealing runtime asks a stuck thread for its stack by one.
_SIGNAL = r"//runtime/signal(?!:hub)"
# What a feature may not reach, as patterns of labels. A feature without a row here is a failure.
FORBIDDEN = {
    "rt": [_STEALING, "//net", "//fs", "//time", "//sync", "//runtime/(io|signal|process)"],
    "rt_multi_thread": ["//net", "//fs", "//time", "//sync", "//runtime/(io|process)", _SIGNAL],
    "io": [_STEALING, "//net", "//fs", "//time", "//sync", "//runtime/(signal|process)"],
    "net": [_STEALING, "//fs", "//time", "//sync", "//runtime/(signal|process)"],
    "fs": [_STEALING, "//net", "//time", "//sync", "//runtime/(signal|process)"],
    "process": [_STEALING, "//net", "//fs", "//time", "//sync"],
    "signal": [_STEALING, "//net", "//fs", "//time", "//sync", "//runtime/(io|process)"],
    "sync": ["//net", "//fs", "//time", "//runtime/(?!future|base)", "@libuv"],
    "time": [_STEALING, "//net", "//fs", "//sync", "//runtime/(io|signal|process)"],
    "test_util": ["//net", "//fs", "//runtime/process", _SIGNAL],
    "full": [],
    "kioto": [],
}
# What no user's program should link.
_NEVER = ["//tests", "//tools/(?!build[:/])", "@com_google_googletest", "@com_github_google_benchmark"]
# Users reach these through others; the last through test_util alone.
_INNER = ("//runtime/base:base", "//runtime/driver:driver", "//runtime/testing:testing")
_MAIN = re.compile(r"^//(?:runtime/)?(\w+):(\w+)$")


def judge(reached, libraries):
    """Results from {feature: labels of the libraries that it links} and the labels of all libraries."""
    results = Results()
    for name in sorted(reached):
        if name not in FORBIDDEN:
            results.failures.append("//:%s has no row in features.py" % name)
            continue
        banned = FORBIDDEN[name] + ([] if name == "test_util" else _NEVER)
        pattern = re.compile("|".join(r"(?:%s)(?!\w)" % item if item[-1] not in ":)" else item for item in banned))
        wrong = [label for label in reached[name] if pattern.match(label)]
        results.passed += not wrong
        results.failures += ["//:%s links %s" % (name, label) for label in wrong]
    for label in libraries:
        main = _MAIN.match(label)
        if main and main.group(1) == main.group(2) and label not in _INNER:
            good = label in reached.get("full", [])
            results.passed += good
            results.failures += [] if good else ["//:full does not link " + label]
    return results


def run(machine):
    """The feature targets link only what they say."""
    def query(expression, command="query"):
        status, output = machine.bazel(command, "--noshow_progress", "--ui_event_filters=-info", expression, capture=True)
        if status != 0:
            raise RuntimeError("bazel %s '%s' failed" % (command, expression))
        return [line.split()[0] for line in output.splitlines()]

    def linked(name):
        """What it links as it is built: a cquery, which unlike a query does not follow branches that are not taken."""
        return query("kind(cc_library, deps(//:%s))" % name, "cquery")

    try:
        features = [label[len("//:"):] for label in query("kind(cc_library, //:all)")]
        reached = {name: linked(name) for name in features}
        return judge(reached, query("kind(cc_library, //...)"))
    except RuntimeError as error:
        return Results(failures=[str(error)])
