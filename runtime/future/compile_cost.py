"""Holds the compile-time cost of chains of combinators to its limits.

usage: compile_cost.py SOURCE REPORT COMPILER [FLAG...]

Compiles SOURCE without chains, and with 128 steps in chains of 8, 16 and 32.
What it judges are ratios and sizes, no seconds: a slow or busy machine changes
nothing. The report's last line is PASS or FAIL.
"""

import os
import re
import resource
import subprocess
import sys
import tempfile

_STEPS = (0, 8, 16, 32)
_STEPS_IN_ALL = 128
# A step of a long chain may cost so much more than one of a short one: names grow with the depth, nothing else may.
_MAX_TIME_RATIO = 2.5
_MAX_CODE_RATIO = 2.0
# 128 steps against the headers alone.
_MAX_TIME_AGAINST_HEADERS = 4.0
# The longest symbol, per step of its chain: the names of the node, the step and the lambda.
_MAX_SYMBOL_PER_STEP = 80
# Bytes of unoptimized code per step.
_MAX_CODE_PER_STEP = 3000
_RUNS = 2


def cpu_seconds(command):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime


def code_bytes(obj):
    """The sizes of all sections that hold code: templates come in one section each."""
    out = subprocess.run(["size", "-A", obj], stdout=subprocess.PIPE, universal_newlines=True, check=True).stdout
    return sum(int(m.group(1)) for m in re.finditer(r"^\.text\S*\s+(\d+)", out, re.M))


def longest_symbol(obj):
    out = subprocess.run(["nm", obj], stdout=subprocess.PIPE, universal_newlines=True, check=True).stdout
    return max(len(line.split()[-1]) for line in out.splitlines() if line.strip())


def judge(cost):
    """cost: {steps: (seconds, code bytes, longest symbol)}. Returns what is wrong."""
    problems = []
    base = cost[0]
    time = {n: cost[n][0] - base[0] for n in _STEPS[1:]}
    code = {n: cost[n][1] - base[1] for n in _STEPS[1:]}
    if time[32] > _MAX_TIME_RATIO * time[8]:
        problems.append("in a chain of 32 a step takes %.1f times as long to compile as in one of 8" % (time[32] / time[8]))
    if code[32] > _MAX_CODE_RATIO * code[8]:
        problems.append("in a chain of 32 a step makes %.1f times the code of one in a chain of 8" % (code[32] / code[8]))
    if time[8] > _MAX_TIME_AGAINST_HEADERS * base[0]:
        problems.append("%d steps take %.1f times as long as the headers" % (_STEPS_IN_ALL, time[8] / base[0]))
    if code[8] > _MAX_CODE_PER_STEP * _STEPS_IN_ALL:
        problems.append("a step makes %d bytes of code" % (code[8] / _STEPS_IN_ALL))
    for steps in _STEPS[1:]:
        if cost[steps][2] > _MAX_SYMBOL_PER_STEP * steps:
            problems.append("the longest symbol of a chain of %d has %d characters" % (steps, cost[steps][2]))
    return problems


def main(argv):
    source, report, compiler, flags = argv[1], argv[2], argv[3], argv[4:]
    if any(flag.startswith("-fsanitize") for flag in flags):
        with open(report, "w", encoding="utf-8") as file:
            file.write("a sanitizer's build says nothing about the cost: judged in the others\nPASS\n")
        return
    cost = {}
    lines = ["chains of  user seconds  code bytes  longest symbol"]
    with tempfile.TemporaryDirectory() as folder:
        for steps in _STEPS:
            obj = os.path.join(folder, "chain%d.o" % steps)
            command = [compiler, *flags, "-O0", "-g0", "-DKIOTO_STEPS=%d" % steps, "-c", source, "-o", obj]
            seconds = min(cpu_seconds(command) for _ in range(_RUNS))
            cost[steps] = (seconds, code_bytes(obj), longest_symbol(obj))
            lines.append("%9d  %12.2f  %10d  %14d" % ((steps,) + cost[steps]))
    problems = judge(cost)
    lines += problems + ["FAIL" if problems else "PASS"]
    with open(report, "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main(sys.argv)
