"""Reads the tree: its tables, and the tests that name rows."""

import os
import subprocess

import conformance

_FOLDER = os.path.join("tests", "conformance")


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def _sources(root):
    output = subprocess.run(["git", "-c", "safe.directory=*", "grep", "-lz", "--untracked", " behaviour: ", "--", "*.cc", "*.h",
                             "*BUILD.bazel"], cwd=root, stdout=subprocess.PIPE, check=True).stdout.decode()
    return [path for path in output.split("\0") if path]


def load(root):
    """Returns (Coverage, the faults of the comments)."""
    folder = os.path.join(root, _FOLDER)
    tests, faults = [], []
    for path in _sources(root):
        found, wrong = conformance.tests_of(path, read(os.path.join(root, path)))
        tests += found
        faults += wrong
    table = conformance.read_table(read(os.path.join(folder, "behaviours.tsv")))
    table.update(conformance.read_table(read(os.path.join(folder, "own.tsv"))))
    return conformance.Coverage(table, conformance.read_left_out(read(os.path.join(folder, "left_out.tsv"))), tests), faults
