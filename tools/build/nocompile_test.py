"""Tests of nocompile.py without a compiler."""

import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import nocompile  # pylint: disable=wrong-import-position

_FILE = """
#ifdef KIOTO_NC_CASE_one
// EXPECT: kioto: one
#endif
#if defined(KIOTO_NC_CASE_two)
// EXPECT_GCC: two of gcc
// EXPECT_CLANG: two of clang
#endif
"""
_GOOD = {None: (0, ""), "one": (1, "a.cc:1:2: error: kioto: one\n"), "two": (1, "a.cc:1: error: two of gcc\n")}


def _check(outcomes, text=_FILE):
    return nocompile.check_file(text, "GCC", lambda name: outcomes[name])


class NocompileTest(unittest.TestCase):

    def test_finds_cases_and_sentences(self):
        self.assertEqual(nocompile.parse_cases(_FILE), [
            ("one", {"": "kioto: one"}),
            ("two", {"GCC": "two of gcc", "CLANG": "two of clang"}),
        ])

    def test_passes_when_each_case_fails_as_it_says(self):
        self.assertTrue(_check(_GOOD)[1])

    def test_fails_when_a_case_compiles(self):
        self.assertFalse(_check({**_GOOD, "one": (0, "")})[1])

    def test_fails_on_another_sentence(self):
        self.assertFalse(_check({**_GOOD, "one": (1, "a.cc:1: error: other")})[1])

    def test_fails_when_the_sentence_is_only_in_a_note(self):
        self.assertFalse(_check({**_GOOD, "one": (1, "a: error: other\na: note: kioto: one")})[1])

    def test_fails_on_a_second_error(self):
        self.assertFalse(_check({**_GOOD, "one": (1, "a: error: kioto: one\na: error: and more")})[1])

    def test_fails_when_the_control_does_not_compile(self):
        self.assertFalse(_check({**_GOOD, None: (1, "a: error: x")})[1])

    def test_fails_without_a_sentence_or_a_case(self):
        self.assertFalse(_check(_GOOD, "#ifdef KIOTO_NC_CASE_one\n#endif\n")[1])
        self.assertFalse(_check(_GOOD, "int main() {}\n")[1])


if __name__ == "__main__":
    unittest.main()
