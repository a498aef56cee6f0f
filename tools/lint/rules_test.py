"""Tests of rules.py and cc_text.py: each rule finds what it is for, and nothing in good code."""

import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import cc_text  # pylint: disable=wrong-import-position
import rules  # pylint: disable=wrong-import-position

_GOOD = """// Thing: what it is.
#ifndef KIOTO_SYNC_THING_H_
#define KIOTO_SYNC_THING_H_

#include "absl/strings/string_view.h"
#include "kioto/runtime/base/status.h"

namespace kioto::sync {
// Not std::function, and no sleep_for.
inline const char* Name() { return "std::function"; }
}  // namespace kioto::sync

#endif  // KIOTO_SYNC_THING_H_
"""
_PATH = "sync/thing.h"


def _names(path, content):
    return [name for _, name, _ in rules.check(path, content)]


class RulesTest(unittest.TestCase):

    def _finds(self, name, path, content):
        self.assertEqual(set(_names(path, content)), {name}, content)

    def test_good_code_passes(self):
        self.assertEqual(rules.check(_PATH, _GOOD), [])

    def test_guard_and_banner(self):
        self._finds("guard", _PATH, _GOOD.replace("_THING_", "_OTHER_"))
        self._finds("guard", _PATH, _GOOD.replace("#endif  // KIOTO_SYNC_THING_H_", "#endif"))
        self._finds("banner", _PATH, "\n" + _GOOD)

    def test_includes(self):
        def with_include(line):
            return _GOOD.replace('#include "absl', line + '\n#include "absl')
        self._finds("includes", _PATH, with_include("#include <iostream>"))
        self._finds("includes", _PATH, with_include('#include "other.h"'))
        self._finds("includes", _PATH, with_include('#include "uv.h"'))
        self.assertEqual(_names("runtime/driver/a.cc", '#include "uv.h"\n'), [])
        self._finds("includes", "runtime/driver/a.h", "// A.\n#ifndef KIOTO_RUNTIME_DRIVER_A_H_\n"
                    "#define KIOTO_RUNTIME_DRIVER_A_H_\n#include \"uv.h\"\n#endif  // KIOTO_RUNTIME_DRIVER_A_H_\n")

    def test_own_header_comes_first(self):
        own, other = '#include "kioto/net/a.h"\n', '#include "kioto/net/b.h"\n'
        self.assertEqual(_names("net/a.cc", own + other), [])
        self._finds("own_header_first", "net/a.cc", other + own)

    def test_words(self):
        for line in ("std::function<void()> f;", "std::atomic<int> n;", "std::mutex m;", "dynamic_cast<A*>(b);",
                     "atomic_thread_fence();"):
            self._finds("words", "net/a.cc", line + "\n")
        self.assertEqual(_names("net/a_test.cc", "std::atomic<int> n;\n"), [])
        self._finds("words", "net/a_test.cc", "std::this_thread::sleep_for(x);\n")
        self._finds("words", "net/a_test.cc", "TEST(A, DISABLED_B) {}\n")

    def test_memory_orders_are_explained(self):
        store = "  n.store(1, std::memory_order_release);"
        self._finds("memory_order", "net/a.cc", store + "\n")
        for good in (store + "  // release: pairs with F's acquire\n",
                     "  // pairs with F's acquire\n" + store + "\n",
                     "  // release: a comment of\n  // three lines, of which\n  // this is the last\n" + store + "\n",
                     "  n.store(1,  // release: to F\n          std::memory_order_release);\n",
                     "  // acq_rel: pairs with F\n  do {\n    x = 1;\n  } while (!n.compare_exchange_weak(\n"
                     "      x, 2, std::memory_order_acq_rel, std::memory_order_acquire));\n"):
            self.assertEqual(_names("net/a.cc", good), [], good)
        self._finds("memory_order", "net/a.cc", "  // release: pairs with F\n  A();\n  B();\n" + store + "\n")

    def test_length(self):
        self._finds("length", "net/a.cc", "int a;\n" * 701)
        self.assertEqual(_names("net/a.cc", "int a;\n" * 700), [])
        body = "  A();\n"
        self._finds("length", "net/a.cc", "void F() {\n" + body * 69 + "}\n")
        self.assertEqual(_names("net/a.cc", "void F() {\n" + body * 68 + "}\n"), [])
        self._finds("length", "tools/a.py", "def f():\n" + "    g()\n" * 70)

    def test_text(self):
        self._finds("text", "a.md", "TO" "DO: more\n")
        self._finds("text", "tools/a", "cp /ro" "ot/x y\n")
        self._finds("text", "net/a.cc", "int a; \n")
        self._finds("text", "net/a.cc", "int a;")

    def test_a_line_may_pass_with_a_reason(self):
        self.assertEqual(_names("net/a.cc", "std::mutex m;  // NOLINT(words): of another library\n"), [])
        self._finds("words", "net/a.cc", "std::mutex m;  // NOLINT(words)\n")


class CcTextTest(unittest.TestCase):

    def test_blanks_comments_and_strings(self):
        text = 'a = "b{"; // c\nd = \'{\'; /* e\n */ f = R"x({")x"; g = 1\'000;\n'
        code = cc_text.code_of(text)
        self.assertEqual(len(code), len(text))
        self.assertEqual(code.count("\n"), text.count("\n"))
        for gone in "bc{e":
            self.assertNotIn(gone, code)
        self.assertIn("g = 1'000;", code)

    def test_finds_functions_in_containers(self):
        code = cc_text.code_of("""namespace a {
class B {
 public:
  B() : c_{1} {
    auto f = [] { return 1; };
  }
  int D() const {
    if (c_) { return 1; }
    return 2;
  }
  int c_ = 0;
};
#define E(x) {
enum F { kG };
TEST(H, I) {
}
}  // namespace a
""")
        spans = cc_text.functions_of(code)
        self.assertIn((7, 10), spans)
        self.assertIn((15, 16), spans)
        self.assertEqual(len([span for span in spans if span[0] > 6]), 2)


if __name__ == "__main__":
    unittest.main()
