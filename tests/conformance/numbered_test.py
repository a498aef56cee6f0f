"""Tests of numbered.py: what is a fault."""

import os
import sys
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import conformance  # noqa: E402
import numbered  # noqa: E402

LIST = "| check | what | number | shown by |\n|---|---|---|---|\n| A1 | x | 1 | `A.B`, `A.C` |\n| A2 | y | 2 | `A.B` |\n"
MARK = "// check" + ": "  # In two parts, so that this file shows no check.


def _faults(text, ran=None):
    tests, wrong = conformance.tests_of("x_test.cc", text, "check")
    return wrong + numbered.faults(numbered.read_list(LIST), tests, ran)


class NumberedTest(unittest.TestCase):

    GOOD = MARK + "A1\n" + MARK + "A2\nTEST(A, B) {}\n" + MARK + "A1\nTEST(A, C) {}\n"

    def test_no_fault(self):
        self.assertEqual(_faults(self.GOOD), [])
        self.assertEqual(_faults(self.GOOD, {"A.B", "A.C"}), [])

    def test_faults(self):
        self.assertEqual(len(_faults(self.GOOD.replace(MARK + "A2\n", ""))), 1)  # a listed test without its comment
        self.assertEqual(len(_faults(self.GOOD + MARK + "A3\nTEST(A, D) {}\n")), 1)  # a check that is not listed
        self.assertEqual(len(_faults(self.GOOD + MARK + "A1\nint x;\n")), 1)  # a comment above no test
        self.assertEqual(len(_faults(self.GOOD, {"A.B"})), 1)  # a test that did not run

    def test_a_check_must_be_there(self):
        self.assertEqual(numbered.faults({}, [], required={"A1"}), ["tests/stress/README.md: there is no A1"])

    def test_a_check_must_name_a_test(self):
        self.assertEqual(numbered.faults(numbered.read_list("| A1 | x | 1 | none |"), []),
                         ["tests/stress/README.md: A1 names no test"])


if __name__ == "__main__":
    unittest.main()
