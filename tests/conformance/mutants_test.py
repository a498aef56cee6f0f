"""Tests of mutants_lib.py."""

import os
import sys
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import mutants_lib  # noqa: E402

SOURCE = "int a = 1;\nif (x) {\n  b(c, c);\n}\n"
MUTANT = mutants_lib.Mutant("f#n", "p.cc", "if (x)", "if (!x)")


class MutantsTest(unittest.TestCase):

    def test_reads_and_applies(self):
        mutants = mutants_lib.read("# comment\nf#n\tp.cc\tif (x)\tif (!x)\n")
        self.assertEqual(mutants, {"f#n": [MUTANT]})
        self.assertIn("if (!x) {", mutants_lib.apply(MUTANT, SOURCE))

    def test_a_break_must_fit_one_place(self):
        self.assertIn("no file", mutants_lib.misfit(MUTANT, None))
        self.assertIn("0 lines", mutants_lib.misfit(MUTANT._replace(old="while"), SOURCE))
        self.assertIn("twice", mutants_lib.misfit(MUTANT._replace(old="c"), SOURCE))
        self.assertIn("no change", mutants_lib.misfit(MUTANT._replace(new="if (x)"), SOURCE))

    def test_a_row_must_have_a_test(self):
        self.assertEqual(len(mutants_lib.faults({"f#n": [MUTANT]}, set(), {"p.cc": SOURCE}.get)), 1)
        self.assertEqual(mutants_lib.faults({"f#n": [MUTANT]}, {"f#n"}, {"p.cc": SOURCE}.get), [])

    def test_the_draw_is_the_seeds(self):
        rows = ["r%d" % i for i in range(100)]
        self.assertEqual(mutants_lib.draw(rows, 7, 60), mutants_lib.draw(reversed(rows), 7, 60))
        self.assertNotEqual(mutants_lib.draw(rows, 7, 60), mutants_lib.draw(rows, 8, 60))
        self.assertEqual(len(mutants_lib.draw(rows, 7, 1000)), 100)

    def test_a_test_alone_keeps_what_its_program_shares(self):
        rule = ('# /a/BUILD.bazel:1:1\ncc_test(\n  name = "a_test",\n  generator_name = "a_test",\n  deps = ["//b:b"],\n'
                '  srcs = ["//a:h.h"] + select({"//tools/build:unity": ["//a:a_test_joined"], '
                '"//conditions:default": ["//a:end.cc", "//a:x_test.cc", "//a:y_test.cc"]}),\n)\n# Rule a_test\n')
        self.assertEqual(mutants_lib.rule_alone(rule, "y", "//a:y_test.cc"),
                         'cc_test(\n  name = "y",\n  deps = ["//b:b"],\n'
                         '  srcs = ["//a:end.cc", "//a:h.h", "//a:y_test.cc"],\n)\n')

    def test_only_a_failure_is_a_failure(self):
        line = "\n//time:interval_test                    %s in 0.2s\n  /a/test.log\n"
        self.assertEqual(mutants_lib.outcome(0, line % "PASSED"), mutants_lib.PASSES)
        self.assertEqual(mutants_lib.outcome(3, line % "FAILED"), mutants_lib.FAILS)
        self.assertEqual(mutants_lib.outcome(3, line % "FAILED in 1 out of 2"), mutants_lib.FAILS)
        self.assertEqual(mutants_lib.outcome(3, line % "TIMEOUT"), mutants_lib.TIMES_OUT)
        self.assertEqual(mutants_lib.outcome(3, "TIMEOUT: //time:interval_test (Summary)\n" + line % "TIMEOUT"),
                         mutants_lib.TIMES_OUT)
        self.assertIn("no line", mutants_lib.outcome(3, ""))
        self.assertIn("a.cc:1: error", mutants_lib.outcome(1, "INFO: x\na.cc:1: error: y\n//time:t FAILED TO BUILD\n"))
        self.assertIn("status 8", mutants_lib.outcome(8, ""))

    def test_the_filter_finds_typed_and_numbered_tests(self):
        self.assertEqual(mutants_lib.filter_of("A.B"), "A.B:*/A.B/*:*/A.B:A/*.B:A.B/*")
        self.assertEqual(mutants_lib.filter_of("does_not_compile"), "*")


if __name__ == "__main__":
    unittest.main()
