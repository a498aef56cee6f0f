"""Reads the tree: its tables, the tests that name rows, and the headers."""

import os
import subprocess
import sys

import conformance
import futures
import numbered

_FOLDER = os.path.join("tests", "conformance")
_PRODUCT = ("fs", "net", "runtime", "sync", "time")


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def _tests(root, word):
    """The tests that name something in comments of `word`, and the comments' faults."""
    output = subprocess.run(["git", "-c", "safe.directory=*", "grep", "-lz", "--untracked", "// %s: " % word, "--", "*.cc", "*.h",
                             "*BUILD.bazel"], cwd=root, stdout=subprocess.PIPE, check=True).stdout.decode()
    tests, faults = [], []
    for path in filter(None, output.split("\0")):
        found, wrong = conformance.tests_of(path, read(os.path.join(root, path)), word)
        tests += found
        faults += wrong
    return tests, faults


def numbered_faults(root, ran=None):
    """What is wrong with the checks that have numbers: their list against the comments. `ran`: as of Coverage.faults."""
    tests, faults = _tests(root, "check")
    listed = numbered.read_list(read(os.path.join(root, "tests", "stress", "README.md")))
    return faults + numbered.faults(listed, tests, ran, numbered.REQUIRED)


def _headers(root):
    """{path: what of it must have a row in futures.tsv}, and the faults of the headers."""
    sys.path.insert(0, os.path.join(root, "tools", "guide"))
    import cancel_safety  # what the comments CANCEL SAFE are about is read in one place
    output = subprocess.run(["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--",
                             *(folder + "/*.h" for folder in _PRODUCT)], cwd=root, stdout=subprocess.PIPE, check=True).stdout.decode()
    required, faults = {}, []
    for path in filter(None, output.split("\0")):
        if "/testing" in path or "/model/" in path or not os.path.exists(os.path.join(root, path)):
            continue
        text = read(os.path.join(root, path))
        told = [what for what, _ in cancel_safety.entries(path, text) if what] if cancel_safety.is_public(path) else []
        required[path] = futures.required(told, text)
        faults += futures.silent(path, text)
    return required, faults


def future_faults(root, ran=None):
    """What is wrong with futures.tsv. `ran`: as of Coverage.faults."""
    shown = {test.name for test in _tests(root, "check")[0] if futures.CHECK in test.rows}
    headers, found = _headers(root)
    return found + futures.faults(futures.read_table(read(os.path.join(root, futures.TABLE))), headers, shown, ran)


def load(root):
    """Returns (Coverage, the faults of the comments)."""
    folder = os.path.join(root, _FOLDER)
    tests, faults = _tests(root, "behaviour")
    table = conformance.read_table(read(os.path.join(folder, "behaviours.tsv")))
    table.update(conformance.read_table(read(os.path.join(folder, "own.tsv"))))
    return conformance.Coverage(table, conformance.read_left_out(read(os.path.join(folder, "left_out.tsv"))), tests), faults
