"""Reads the tree: its tables, and the tests that name rows."""

import os
import subprocess

import conformance
import numbered

_FOLDER = os.path.join("tests", "conformance")


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


def load(root):
    """Returns (Coverage, the faults of the comments)."""
    folder = os.path.join(root, _FOLDER)
    tests, faults = _tests(root, "behaviour")
    table = conformance.read_table(read(os.path.join(folder, "behaviours.tsv")))
    table.update(conformance.read_table(read(os.path.join(folder, "own.tsv"))))
    return conformance.Coverage(table, conformance.read_left_out(read(os.path.join(folder, "left_out.tsv"))), tests), faults
