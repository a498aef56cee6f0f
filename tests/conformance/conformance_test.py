"""Tests of conformance.py: what counts as covered, and what is a fault."""

import os
import sys
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import conformance  # noqa: E402

TABLE = "file\ttest_name\tarea\tapplicable\tbehaviour\na.rs\tone\ttask\ty\tA.\na.rs\ttwo\ttask\tpartial\tB.\na.rs\tno\ttask\tn\tC.\n"
MARK = "// behaviour" + ": "  # In two parts, so that this file names no row.


def _coverage(text, left_out=""):
    tests, faults = conformance.tests_of("x_test.cc", text)
    assert not faults
    return conformance.Coverage(conformance.read_table(TABLE), conformance.read_left_out(left_out), tests)


class ConformanceTest(unittest.TestCase):

    def test_every_kind_of_test_is_found(self):
        for line, name in (("TEST(A, B) {", "A.B"), ("TEST_F(A, B) {", "A.B"), ("TYPED_TEST(A, B) {", "A.B"),
                           ("KIOTO_TEST(A, B) {", "A.B"), ("    name = \"b\",", "b")):
            tests, faults = conformance.tests_of("x", MARK + "a.rs#one\n// Why.\n" + line)
            self.assertEqual(([t.name for t in tests], [t.rows for t in tests], faults), ([name], [["a.rs#one"]], []))

    def test_a_comment_above_no_test_is_a_fault(self):
        self.assertEqual(conformance.tests_of("x", MARK + "a.rs#one\nvoid F() {\n}\n")[1], ["x:1: the comment stands above no test"])
        self.assertEqual(conformance.tests_of("x", MARK + "a.rs#one\n")[1], ["x:1: the comment stands above no test"])

    def test_names_of_cases(self):
        for case in ("A.B", "A/0.B", "In/A.B/1", "In/A.B"):
            self.assertEqual(conformance.plain_case(case), "A.B")
        self.assertEqual(conformance.plain_case("tests/nocompile/by_value"), "by_value")

    def test_counts(self):
        coverage = _coverage(MARK + "a.rs#one\nTEST(A, B) {}\n", "a.rs#two\tdesign\tWhy.\n")
        self.assertEqual(coverage.counts(), {"task": [2, 1, {"design": 1}]})
        self.assertEqual(coverage.faults({"A.B"}), [])
        self.assertEqual(coverage.missing("task"), [])
        self.assertEqual(_coverage("").missing("task"), ["a.rs#one", "a.rs#two"])

    def test_a_test_that_did_not_run_is_a_fault(self):
        self.assertIn("did not run", _coverage(MARK + "a.rs#one\nTEST(A, B) {}\n").faults({"A.C"})[0])

    def test_an_unknown_row_is_a_fault(self):
        self.assertIn("no row is called", _coverage(MARK + "a.rs#three\nTEST(A, B) {}\n").faults()[0])

    def test_too_many_rows_are_a_fault(self):
        self.assertIn("names 4 rows", _coverage((MARK + "a.rs#one\n") * 4 + "TEST(A, B) {}\n").faults()[-1])

    def test_left_out_needs_a_reason_and_a_note(self):
        self.assertIn("is no reason", _coverage("", "a.rs#two\tlazy\tWhy.\n").faults()[0])
        self.assertIn("has no note", _coverage("", "a.rs#two\tdesign\n").faults()[0])
        self.assertIn("yet has a test", _coverage(MARK + "a.rs#two\nTEST(A, B) {}\n", "a.rs#two\tdesign\tWhy.\n").faults()[0])

    def test_an_area_below_its_least_is_a_fault(self):
        counts = _coverage(MARK + "a.rs#one\nTEST(A, B) {}\n").counts()
        self.assertEqual(conformance.shortfalls(counts, {"task": 50.0}), [])
        self.assertEqual(len(conformance.shortfalls(counts, {"task": 51.0})), 1)
        self.assertEqual(len(conformance.shortfalls(counts, {"other": 0.0})), 1)


if __name__ == "__main__":
    unittest.main()
