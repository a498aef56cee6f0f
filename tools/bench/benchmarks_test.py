"""Runs every micro-benchmark for one iteration: benchmarks_test.py PROGRAM..."""

import json
import subprocess
import sys


def faults(program):
    """What is wrong with one program, as sentences."""
    ended = subprocess.run([program, "--benchmark_min_time=0", "--benchmark_format=json"],
                           capture_output=True, text=True, timeout=120, check=False)
    if ended.returncode != 0:
        return ["status %d: %s" % (ended.returncode, ended.stderr[-300:])]
    benchmarks = json.loads(ended.stdout)["benchmarks"]
    bad = [b["name"] for b in benchmarks if b.get("error_occurred") or b["iterations"] < 1]
    return ["%s did not run" % name for name in bad] + ([] if benchmarks else ["has no benchmark"])


def main(programs):
    bad = ["%s: %s" % (program, fault) for program in programs for fault in faults(program)]
    print("\n".join(bad) or "%d programs ran" % len(programs))
    return 1 if bad or not programs else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
