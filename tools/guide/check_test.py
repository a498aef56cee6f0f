"""Tests of the guide's checker."""

import os
import sys
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import cancel_safety  # noqa: E402
import check_lib  # noqa: E402

SOURCE = "int a;\n  // [region one]\n  int b;\n    int c;\n  // [end one]\n"


HEADER = """// Thing(n): what it is. CANCEL SAFE: as n.
#ifndef THING_H_
namespace a {
// Waits. CANCEL SAFE: loses data: what
// has come. Borrows it.
template <class T>
class [[nodiscard]] TakeFuture : public FutureBase<T> {
 public:
  // Goes. CANCEL SAFE: yes.
  auto Go(int n) {
    return Again(n);
  }
  void Stop();

  // --- Two of them. CANCEL SAFE: loses place. ---
  GoFuture First(int n);
  bool TryFirst();
  // Again.
  GoFuture Second();

 private:
  GoFuture Inside();
};
// Waits. CANCEL SAFE of Taker::Take(): yes. Borrows it.
class TakerFuture : public FutureBase<T> {
};
}  // namespace a
"""


class CancelSafetyTest(unittest.TestCase):

    def test_what_a_comment_is_about(self):
        self.assertEqual(cancel_safety.entries("x/thing.h", HEADER), [
            ("Thing(n)", "as n"), ("TakeFuture", "loses data: what has come"), ("TakeFuture::Go()", "yes"),
            ("TakeFuture::First()", "loses place"), ("TakeFuture::Second()", "loses place"), ("Taker::Take()", "yes")])
        self.assertEqual(cancel_safety.faults([("x/thing.h", HEADER)]), [])

    def test_a_comment_about_nothing(self):
        self.assertIn("of what?", cancel_safety.faults([("x.h", "// CANCEL SAFE: yes.\nint a = 1;\n")])[0])

    def test_what_is_inside_has_no_row(self):
        text = "namespace internal {\n// CANCEL SAFE: yes.\nclass A {\n};\n}  // namespace internal\n"
        self.assertEqual(cancel_safety.entries("x.h", text), [])
        self.assertFalse(cancel_safety.is_public("sync/internal/a.h"))

    def test_the_page_has_a_table_for_each_folder(self):
        page = cancel_safety.page([("sync/thing.h", HEADER), ("net/other.h", "")])
        self.assertIn("## sync\n", page)
        self.assertNotIn("## net", page)
        self.assertIn("| `Thing(n)` | as n | [thing.h](../../sync/thing.h) |", page)


class CheckTest(unittest.TestCase):

    def faults(self, text):
        return check_lib.snippet_faults("p.md", text, {"x.cc": SOURCE}.get)

    def test_a_block_is_its_region(self):
        self.assertEqual(self.faults("```cpp\n// x.cc#one\nint b;\n  int c;\n```\n"), [])

    def test_a_block_that_differs(self):
        self.assertIn("not what", self.faults("```cpp\n// x.cc#one\nint b;\n```\n")[0])

    def test_a_block_without_a_region(self):
        self.assertIn("without", self.faults("```cpp\nint b;\n```\n")[0])
        self.assertIn("no region", self.faults("```cpp\n// x.cc#two\nint b;\n```\n")[0])
        self.assertIn("no region", self.faults("```cpp\n// y.cc#one\nint b;\n```\n")[0])

    def test_blocks_are_brought_up_to_date(self):
        text = "a\n```cpp\n// x.cc#one\nold\n```\nb\n"
        fresh = check_lib.with_snippets(text, {"x.cc": SOURCE}.get)
        self.assertEqual(fresh, "a\n```cpp\n// x.cc#one\nint b;\n  int c;\n```\nb\n")
        self.assertEqual(self.faults(fresh), [])

    def test_links(self):
        pages = {"g/a.md": "# One two\n", "g/p.md": ""}
        text = "[a](a.md) [b](a.md#one-two) [c](https://e.org/x)"
        self.assertEqual(check_lib.link_faults("g/p.md", text, pages.get), [])
        self.assertEqual(len(check_lib.link_faults("g/p.md", "[a](b.md) [b](a.md#three)", pages.get)), 2)

    def test_contents(self):
        readme = "\n".join(check_lib.README_HEADINGS + ["```", "# no heading", "```"])
        readme += "".join("[x](tools/guide/%s)" % page for page in check_lib.PAGES)
        guide = "".join("[x](%s#there)" % page for page in check_lib.PAGES)
        self.assertEqual(check_lib.contents_faults(readme, guide, check_lib.PAGES), [])
        self.assertIn("its headings", check_lib.contents_faults(readme.replace("## The five rules\n", ""), guide, check_lib.PAGES)[0])
        self.assertIn("hazards.md: is not there", check_lib.contents_faults(readme, guide, check_lib.PAGES - {"hazards.md"})[0])
        faults = check_lib.contents_faults(readme, guide, check_lib.PAGES | {"more.md"})
        self.assertEqual(faults, ["README.md: does not lead to tools/guide/more.md",
                                  "tools/guide/README.md: does not lead to more.md"])

    def test_sentences(self):
        code = 'static_assert(x, "kioto: one sentence that "\n   "goes on");\nf("kioto: %s failed");'
        self.assertEqual(check_lib.sentences(code), ["kioto: one sentence that goes on"])
        page = "| `kioto: one sentence that goes on` | so |\n"
        self.assertEqual(check_lib.sentence_faults([("f.h", code)], "e.md", page), [])
        self.assertEqual(len(check_lib.sentence_faults([("f.h", code)], "e.md", "")), 1)
        self.assertEqual(len(check_lib.sentence_faults([], "e.md", page)), 1)

    def test_checks(self):
        code = 'KIOTO_CHECK(f(a, b) && !c,\n            "never "\n   "twice");\nKIOTO_DCHECK(d, "in debug builds");'
        self.assertEqual(check_lib.checks(code), ["kioto: never twice", "kioto: in debug builds"])
        both = "| `kioto: never twice` | so |\n| `kioto: in debug builds` | so |\n"
        self.assertEqual(check_lib.sentence_faults([("f.h", code)], "e.md", both), [])
        self.assertEqual(len(check_lib.sentence_faults([("f.h", code)], "e.md", both.splitlines()[0])), 1)
        self.assertEqual(check_lib.sentence_faults([("in/f.h", code)], "e.md", "", lambda path: path.startswith("in/")), [])
        self.assertEqual(check_lib.sentence_faults([("in/f.h", code)], "e.md", both, lambda path: path.startswith("in/")), [])
        self.assertEqual(len(check_lib.sentence_faults([], "e.md", both)), 2)

    def test_what_is_made_of_parts(self):
        code = ('return Status(k, absl::StrCat("kioto: ", what, " needs ", Part(a, "x)"),\n  ", without "\n  "it"));\n'
                'std::string line = absl::StrCat("kioto: ", message);\n'
                'base::LogFailure(absl::StrCat(who, " has failed: ", why, "\\n"), place);\nLogFailure(dump);\n')
        self.assertEqual(check_lib.composed(code), [[" needs ", "x)", ", without it"], [" has failed: "]])
        page = "| `kioto: … needs …x), without it` | so |\n| `kioto: … has failed: …` | so |\n"
        self.assertEqual(check_lib.sentence_faults([("f.cc", code)], "e.md", page), [])
        self.assertIn("does not explain ' needs …x)…, without it'", check_lib.sentence_faults([("f.cc", code)], "e.md", "")[1])
        self.assertIn("nothing says 'kioto: … needs", check_lib.sentence_faults([], "e.md", page)[1])
        self.assertEqual(len(check_lib.sentence_faults([("f.cc", code)], "e.md", page.replace("without", "with"))), 2)

    def test_knobs(self):
        header = "class B {\n  static RuntimeBuilder CurrentThread() {}\n  RuntimeBuilder& Seed(uint64_t seed);\n};\n"
        self.assertEqual(check_lib.knob_faults(header, "k.md", "| `CurrentThread()`, `Seed(n)` | "), [])
        self.assertEqual(len(check_lib.knob_faults(header, "k.md", "`Seed(n)`")), 1)
        self.assertEqual(len(check_lib.knob_faults("", "k.md", "`Seed(n)`")), 1)

    def test_the_table_of_errnos(self):
        source = "KIOTO_ERRNO(EB, kAborted),\nKIOTO_ERRNO(EZ, kUnknown),\nKIOTO_ERRNO(EA, kAborted),\n"
        page = "a\n<!-- errno_table.cc -->\n<!-- end -->\n`IsThis`\n"
        fresh = check_lib.with_errno_table(page, source)
        self.assertIn("-->\n| code | errnos |\n|---|---|\n| `kAborted` | EA, EB |\n| `kUnknown` | EZ |\n<!-- end", fresh)
        header = "bool IsThis(const Status& status);\n"
        self.assertEqual(check_lib.status_faults("s.md", fresh, source, [header]), [])
        self.assertEqual(len(check_lib.status_faults("s.md", page, source, [header, "bool IsThat(const Status& status);\n"])), 2)


if __name__ == "__main__":
    unittest.main()
