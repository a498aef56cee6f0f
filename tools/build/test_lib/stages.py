"""The stages of tools/test and .ci/run: what each of them runs.

A stage is a function of a Machine that returns Results. The plain ones prove that the tree works;
the others run the same tests in another configuration.

Tags of a test:
  model        runs on the schedule explorer, in the stage `model` only
  exact        counts allocations, system calls or instructions, or takes times: stage `exact` only, optimized, one at a time
  nocompile    (of the macro) runs once a compiler
  no-X         is left out where --config=X is on: no-asan, no-tsan, no-noexcept, no-clang, no-portable
"""

import os
import signal
import subprocess
import sys
import tempfile

from test_lib import features, results

# Sanitizers slow a stress test down five to fifteen times: they get this part of its rounds.
_SANITIZER_SCALE = "0.2"
_SECONDS_TO_STOP = 30


class Machine:
    """Runs commands in the checkout. `left()` gives the seconds until they must end, or None."""

    def __init__(self, root, left):
        self.root = root
        self.left = left
        self.cases = {}  # {stage: the cases that passed in it}

    def run(self, command, folder=None, capture=False):
        """Returns (exit status, standard output or ""). Out of time, the command gets SIGINT, which stops Bazel."""
        with subprocess.Popen(command, cwd=folder or self.root, stdin=subprocess.DEVNULL, universal_newlines=True,
                              stdout=subprocess.PIPE if capture else None,
                              stderr=None if capture else sys.stdout.fileno()) as process:
            try:
                output, _ = process.communicate(timeout=self.left())
            except subprocess.TimeoutExpired:
                return self._stop(process), ""
        return process.returncode, output or ""

    @staticmethod
    def _stop(process):
        process.send_signal(signal.SIGINT)
        try:
            process.communicate(timeout=_SECONDS_TO_STOP)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
        return process.returncode or 1

    def bazel(self, command, *arguments, folder=None, capture=False):
        """One Bazel command. KIOTO_OUTPUT_BASE names another output base, for a second run beside another."""
        base = os.environ.get("KIOTO_OUTPUT_BASE")
        where = ["--output_base=" + os.path.join(base, os.path.relpath(folder or self.root, self.root))] if base else []
        return self.run(["bazel", *where, command, *arguments], folder, capture)

    def bazel_test(self, *arguments, folder=None, command="test"):
        """Builds and tests; counts the cases."""
        with tempfile.TemporaryDirectory() as scratch:
            events = os.path.join(scratch, "events.json")
            status, _ = self.bazel(
                command, "--keep_going", "--noshow_progress", "--color=no", "--symlink_prefix=/",
                "--test_summary=terse", "--test_output=errors",
                "--build_event_json_file=" + events, *arguments, folder=folder)
            try:
                with open(events, encoding="utf-8", errors="replace") as file:
                    return results.of_events(file, status)
            except OSError:
                return results.of_events([], status or 1)


def _tests(machine, *arguments, without=(), where=("//...",)):
    """The tests of the whole tree, or of some folders."""
    tags = ["-model", "-exact", *("-" + tag for tag in without)]
    return machine.bazel_test("--test_tag_filters=" + ",".join(tags), *arguments, *where)


def _default(machine):
    """Builds everything, and runs every test; the sources of a test program joined (tools/build/unity.bzl), which is quicker."""
    counted = _tests(machine, "--config=joined")
    if not counted.passed and not counted.failed:
        counted.failures.append("no test ran")
    machine.cases["default"] = counted.cases
    return counted


def _model(machine):
    """The models on the schedule explorer."""
    counted = machine.bazel_test("--config=model", "--build_tests_only", "--test_tag_filters=model", "//...")
    machine.cases["model"] = counted.cases
    return counted


def _conformance(machine):
    """Each behaviour that a test names: the test is there, ran and passed; and how many have one."""
    for name, stage in (("default", _default), ("model", _model)):
        if name not in machine.cases:
            stage(machine)
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write("\n".join(sorted(set.union(*machine.cases.values()))))
        file.flush()
        status, _ = machine.run(["python3", "tests/conformance/check", "--cases", file.name])
    return results.Results(failures=["tests/conformance/check"]) if status else results.Results(passed=1)


def _exact(machine):
    """The exact bars: allocations, system calls, instructions; and the times of optimized code."""
    what = ("--config=opt", "--build_tests_only", "--test_tag_filters=exact", "//...")
    built = machine.bazel_test(*what, command="build")  # first, and all: what is timed has the machine to itself
    return built if built.failed else machine.bazel_test("--local_test_jobs=1", *what)


def _lint(machine):
    """The style of every file."""
    status, _ = machine.run(["python3", "tools/lint/style"])
    return results.Results(failures=["tools/lint/style"]) if status else results.Results(passed=1)


def _guide(machine):
    """README and guide against the tree: snippets, links, sentences."""
    status, _ = machine.run(["python3", "-B", "tools/guide/check"])
    return results.Results(failures=["tools/guide/check"]) if status else results.Results(passed=1)


def _headers(machine):
    """Each public header compiles alone."""
    counted = machine.bazel_test("--aspects=//tools/lint:headers.bzl%headers", "--output_groups=kioto_headers", "//...",
                                 command="build")
    counted.passed += not counted.failed
    return counted


def _consumer(machine):
    """A workspace that depends on Kioto from outside, and has of its .bazelrc what README tells users to take."""
    folder = os.path.join(machine.root, "tests", "consumer")
    # As in our .bazelrc: for Debian's Bazel, and for the same compiler, so that the disk cache serves both.
    counted = machine.bazel_test("--nosandbox_debug", "--repo_env=CC=gcc", "//...", folder=folder)
    machine.bazel("shutdown", folder=folder)
    return counted


def _compdb(machine):
    """With tools/compdb, clangd opens the files of the tree and finds no error in them."""
    failures = []
    for command in (["tools/compdb"],
                    ["python3", "-B", "tools/compdb_lib/clangd_probe.py", ".", "runtime/future/waker.cc"],
                    ["python3", "-B", "tools/compdb_lib/clangd_probe.py", ".", "runtime/base/status_test.cc"]):
        if machine.run(command)[0] != 0:
            failures.append(" ".join(command))
            break
    return results.Results(passed=3 if not failures else 0, failures=failures)


def _configuration(*names, scale="1"):
    """The stage that runs every test in these configurations together. What must not compile is tried once a compiler."""
    def run(machine):
        configs = ["--config=" + name for name in names]
        return _tests(machine, *configs, "--build_tests_only", "--test_env=KIOTO_STRESS_SCALE=" + scale,
                      without=["no-" + name for name in names] + ([] if "clang" in names else ["nocompile"]))
    run.__doc__ = "Every test with %s." % " ".join("--config=" + name for name in names)
    return run


# What --config=portable changes lies in these, and is used by them at first hand.
_TWINS = ["//%s/..." % folder for folder in (
    "fs", "runtime/base", "runtime/blocking", "runtime/driver", "runtime/io", "runtime/scheduler", "runtime/signal", "net",
    "tests/embed", "tools/examples/mini_redis")]


def _twins(machine):
    """The tests next to the portable twins, with --config=portable."""
    return _tests(machine, "--config=portable", "--build_tests_only", without=["no-portable", "nocompile"], where=_TWINS)


# In the order in which they run: what is most likely to fail, and cheapest, first.
PLAIN = {
    "lint": _lint,
    "guide": _guide,
    "features": features.run,
    "default": _default,
    "headers": _headers,
    "model": _model,
    "conformance": _conformance,
    "consumer": _consumer,
    "compdb": _compdb,
    "exact": _exact,
}
# A configuration costs a build of everything when no cache has it, so what can be tried together is.
MORE = {
    "asan": _configuration("asan", scale=_SANITIZER_SCALE),
    "tsan": _configuration("tsan", scale=_SANITIZER_SCALE),
    "noexcept": _configuration("noexcept", "clang"),
    "portable": _configuration("portable"),
}
def _apart(machine):
    """As default, each source of a test compiled alone: whether it includes what it uses."""
    return _tests(machine)


# One by one, for those who look for what is wrong.
SINGLE = {
    "apart": _apart,
    "noexcept_gcc": _configuration("noexcept"),
    "clang": _configuration("clang"),
    "twins": _twins,
}
