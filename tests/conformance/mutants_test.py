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


if __name__ == "__main__":
    unittest.main()
