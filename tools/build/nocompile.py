"""Checks that each case of a C++ file fails to compile with one clear error.

usage: nocompile.py SOURCE REPORT COMPILER [FLAG...]

The report's last line is PASS or FAIL. The exit status is 0 in both cases: the
verdict belongs to the test that shows the report. kioto.bzl says what a case is.
"""

import re
import subprocess
import sys

_CASE = re.compile(r"^\s*#\s*(?:if|ifdef|elif)\b.*\bKIOTO_NC_CASE_(\w+)")
_EXPECT = re.compile(r"//\s*EXPECT(?:_(GCC|CLANG))?:\s*(.*\S)")
_SHOWN_LINES = 40
_ERROR = re.compile(r"\b(?:fatal )?error: ")


def parse_cases(text):
    """Returns [(name, {"": sentence, "GCC": …, "CLANG": …})] in the file's order."""
    cases = []
    for line in text.splitlines():
        case = _CASE.match(line)
        if case:
            cases.append((case.group(1), {}))
            continue
        expect = _EXPECT.search(line)
        if expect and cases:
            cases[-1][1][expect.group(1) or ""] = expect.group(2)
    return cases


def sentence_for(expects, compiler):
    return expects.get(compiler, expects.get(""))


def judge(sentence, exit_status, stderr):
    """Returns what is wrong with a case's outcome, or None."""
    if sentence is None:
        return "the case has no EXPECT line"
    if exit_status == 0:
        return "it compiles"
    errors = [line for line in stderr.splitlines() if _ERROR.search(line)]
    if len(errors) != 1:
        return "it gives %d errors instead of one" % len(errors)
    if sentence not in errors[0]:
        return "the error does not say: " + sentence
    return None


def check_file(text, compiler, compile_case):
    """compile_case(name or None) gives (exit status, stderr). Returns (report lines, passed)."""
    cases = parse_cases(text)
    names = [name for name, _ in cases]
    if not cases:
        return ["the file has no case"], False
    if len(set(names)) != len(names):
        return ["two cases have the same name"], False
    lines, passed = [], True

    def record(name, problem, stderr):
        nonlocal passed
        verdict = "FAIL" if problem else "ok  "
        lines.append("%s %s%s" % (verdict, name, ": " + problem if problem else ""))
        if problem:
            passed = False
            lines.extend("    " + line for line in stderr.splitlines()[:_SHOWN_LINES])

    status, stderr = compile_case(None)
    record("(control)", "it does not compile" if status else None, stderr)
    for name, expects in cases:
        status, stderr = compile_case(name)
        record(name, judge(sentence_for(expects, compiler), status, stderr), stderr)
    return lines, passed


def main(argv):
    source, report, compiler, flags = argv[1], argv[2], argv[3], argv[4:]

    def compile_case(name):
        define = ["-DKIOTO_NC_CASE_" + name] if name else []
        command = [compiler, *flags, *define, "-fsyntax-only", "-fdiagnostics-color=never", source]
        result = subprocess.run(command, stderr=subprocess.PIPE, universal_newlines=True, check=False)
        return result.returncode, result.stderr

    version = subprocess.run([compiler, "--version"], stdout=subprocess.PIPE,
                             universal_newlines=True, check=True).stdout
    with open(source, encoding="utf-8") as file:
        text = file.read()
    lines, passed = check_file(text, "CLANG" if "clang" in version else "GCC", compile_case)
    with open(report, "w", encoding="utf-8") as file:
        file.write("\n".join(lines + ["PASS" if passed else "FAIL"]) + "\n")


if __name__ == "__main__":
    main(sys.argv)
