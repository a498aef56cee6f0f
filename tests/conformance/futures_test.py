"""Tests of futures.py: what must have a row, and what is a fault."""

import os
import sys
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import futures  # noqa: E402

HEADER = """// class [[nodiscard]] OfAComment : public FutureBase<OfAComment, int> {
class [[nodiscard]] Taken : public FutureBase<Taken, Unit> {
template <class T, class... F>
class [[nodiscard]] Joined<T, std::index_sequence<0>, F...>
    : public FutureBase<Joined<T>, T> {
class [[nodiscard]] Items : public StreamBase<Items<T>, T>, public SinkBase<T> {
class Adapted : public StreamAdapter<Adapted<S>, S> {
class [[nodiscard]] IncomingStream {
class TcpStream {
class TwoStreams : public StreamBase<Self, T> {
class Taken;
struct Other : Base {
"""
TABLE = "header\twhat\ttests\n# a comment\nx.h\tA::Take(); Taken\tT.Take\nx.h\tB\tT.Take T.Drop\n"
HEADERS = {"x.h": {"A::Take()", "Taken", "B"}, "none.h": set()}
SHOWN = {"T.Take", "T.Drop", "T.Other"}


def _faults(table=TABLE, headers=HEADERS, shown=frozenset(SHOWN), ran=None):
    return futures.faults(futures.read_table(table), headers, shown, ran)


class FuturesTest(unittest.TestCase):

    def test_classes_that_are_futures_or_streams(self):
        self.assertEqual(futures.classes(HEADER), ["Taken", "Joined", "Items", "Adapted", "IncomingStream"])

    def test_what_must_have_a_row(self):
        self.assertEqual(futures.required(["A::Take()", "A::PollTake()", "Poll(x)"], "class B : public FutureBase<B, int> {"),
                         {"A::Take()", "Poll(x)", "B"})

    def test_a_header_that_does_not_say_what_is_lost(self):
        header = "// A. CANCEL SAFE: yes.\nclass A : public FutureBase<A, int> {"
        self.assertEqual(futures.silent("x.h", header), [])
        self.assertIn("x.h: of A nothing", futures.silent("x.h", header.replace("CANCEL SAFE: yes", "Is safe"))[0])
        self.assertEqual(futures.silent("sync/internal/x.h", "class A : public FutureBase<A, int> {"), [])
        self.assertEqual(futures.silent("x.h", "class A {"), [])

    def test_no_fault(self):
        self.assertEqual(_faults(), [])
        self.assertEqual(_faults(ran={"T.Take", "T.Drop"}), [])

    def test_a_future_without_a_row(self):
        self.assertEqual(_faults(headers={"x.h": HEADERS["x.h"] | {"New()"}}), ["x.h: New() has no row in " + futures.TABLE])
        self.assertEqual(_faults(headers={**HEADERS, "y.h": {"New"}}), ["y.h: New has no row in " + futures.TABLE])

    def test_a_row_whose_header_or_future_is_gone(self):
        self.assertEqual(_faults(headers={}), [futures.TABLE + ": x.h is no header"] * 2)
        self.assertEqual(_faults(headers={"x.h": {"Taken", "B"}}), [futures.TABLE + ": x.h has no A::Take() that is a future"])

    def test_a_row_whose_test_is_gone_or_was_none(self):
        self.assertEqual(_faults(shown={"T.Take"}), [futures.TABLE + ": x.h: T.Drop has no comment that it shows H1"])
        self.assertIn("has no test", _faults(TABLE.replace("T.Take T.Drop", ""))[0])

    def test_a_test_that_did_not_pass(self):
        self.assertEqual(_faults(ran={"T.Take"}), [futures.TABLE + ": x.h: T.Drop did not run or did not pass"])


if __name__ == "__main__":
    unittest.main()
