"""The command line of tools/test."""

import argparse
import os
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from test_lib import stages  # noqa: E402
from test_lib.results import Results  # noqa: E402

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))


def _parse(argv):
    every = {**stages.PLAIN, **stages.MORE, **stages.SINGLE}
    lines = ["  %-13s %s" % (name, stage.__doc__.splitlines()[0]) for name, stage in every.items()]
    parser = argparse.ArgumentParser(
        prog="tools/test", formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Sets up, builds, tests. The last line is: N passed, N failed",
        epilog="stages (without one: %s)\n%s" % (" ".join(stages.PLAIN), "\n".join(lines)))
    parser.add_argument("stages", nargs="*", metavar="STAGE", help="run these only")
    parser.add_argument("--all", action="store_true", help="run also %s" % " ".join(stages.MORE))
    parser.add_argument("--minutes", type=float, help="fail what is not done after so many")
    parser.add_argument("--shutdown", action="store_true", help="stop the Bazel server in the end")
    parser.add_argument("--setup-seconds", type=float, default=0, help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    unknown = [name for name in options.stages if name not in every]
    if unknown:
        parser.error("no stage is called %s" % " ".join(unknown))
    names = options.stages or [*stages.PLAIN, *(stages.MORE if options.all else ())]
    return options, [(name, every[name]) for name in every if name in names]


def run(chosen, machine, out, clock=time.monotonic):
    """Runs the stages; returns [(name, seconds, Results)]."""
    report = []
    for name, stage in chosen:
        print("\n=== %s: %s" % (name, stage.__doc__.splitlines()[0]), file=out, flush=True)
        start = clock()
        left = machine.left()
        if left is not None and left <= 0:
            counted = Results(failures=["not run: out of time"])
        else:
            counted = stage(machine)
            left = machine.left()
            if left is not None and left <= 0:
                counted.failures.append("out of time")
        report.append((name, clock() - start, counted))
    return report


def print_report(report, setup_seconds, out):
    """Prints the table, each failure and the last line; returns the exit status."""
    print("\n%-13s %8s %8s %8s %8s" % ("stage", "minutes", "passed", "failed", "skipped"), file=out)
    print("%-13s %8.1f" % ("setup", setup_seconds / 60), file=out)
    total = Results()
    for name, seconds, counted in report:
        print("%-13s %8.1f %8d %8d %8d" % (name, seconds / 60, counted.passed, counted.failed, counted.skipped), file=out)
        total.add(Results(counted.passed, counted.skipped, ["%s: %s" % (name, what) for what in counted.failures]))
    print("%-13s %8.1f" % ("all", (setup_seconds + sum(seconds for _, seconds, _ in report)) / 60), file=out)
    for failure in total.failures:
        print("FAILED " + failure, file=out)
    print("%d passed, %d failed" % (total.passed, total.failed), file=out, flush=True)
    return 1 if total.failed else 0


def main(argv):
    start = time.monotonic()
    options, chosen = _parse(argv)
    end = start - options.setup_seconds + options.minutes * 60 if options.minutes else None
    machine = stages.Machine(ROOT, lambda: end - time.monotonic() if end else None)
    report = run(chosen, machine, sys.stdout)
    if options.shutdown:
        stages.Machine(ROOT, lambda: None).bazel("shutdown")
    return print_report(report, options.setup_seconds, sys.stdout)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
