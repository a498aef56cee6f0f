"""Tests of results.py, of the report of main.py, and of the machine of stages.py."""

import io
import json
import os
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from test_lib import main, results, stages  # pylint: disable=wrong-import-position

_GTEST = """<testsuites><testsuite name="Suite">
  <testcase name="Good" status="run" classname="Suite"/>
  <testcase name="Bad" status="run" classname="Suite"><failure message="no"/></testcase>
  <testcase name="Left" status="run" classname="Suite"><skipped message="not here"/></testcase>
  <testcase name="DISABLED_Off" status="notrun" classname="Suite"/>
</testsuite></testsuites>"""
_CRASH = """<testsuites><testsuite name="a/b_test">
  <testcase name="a/b_test" status="run"><error message="exited with error code 134"></error></testcase>
</testsuite></testsuites>"""


def _test_event(status, label="//a:b_test", outputs=("test.xml", "test.log")):
    outputs = [{"name": name, "uri": "file:///" + name} for name in outputs]
    return json.dumps({"id": {"testResult": {"label": label}},
                       "testResult": {"status": status, "testActionOutput": outputs}})


def _of(event, exit_status=0, **files):
    files = {"file:///test." + name: text for name, text in files.items()}

    def read(uri):
        if uri not in files:
            raise OSError(uri)
        return files[uri]
    return results.of_events([event], exit_status, read)


class ResultsTest(unittest.TestCase):

    def test_counts_the_cases_of_googletest(self):
        counted = _of(_test_event("FAILED"), 3, xml=_GTEST)
        self.assertEqual((counted.passed, counted.skipped), (1, 2))
        self.assertEqual(counted.failures, ["//a:b_test Suite.Bad"])
        self.assertEqual(counted.cases, {"Suite.Good"})

    def test_a_crash_is_one_failure_and_names_the_case(self):
        log = "[ RUN      ] S.A\n[       OK ] S.A (0 ms)\n[ RUN      ] S.B\nboom\n"
        self.assertEqual(_of(_test_event("FAILED"), 3, xml=_CRASH, log=log).failures, ["//a:b_test (failed in S.B)"])
        self.assertEqual(_of(_test_event("TIMEOUT"), 3, xml=_CRASH, log="").failures, ["//a:b_test (timeout)"])

    def test_a_failed_case_is_a_failure_even_if_bazel_says_passed(self):
        self.assertEqual(_of(_test_event("PASSED"), 0, xml=_GTEST).failed, 1)

    def test_a_test_without_a_readable_xml_counts_once(self):
        self.assertEqual(_of(_test_event("PASSED")).passed, 1)
        self.assertEqual(_of(_test_event("PASSED"), xml="<testsuites").passed, 1)
        self.assertEqual(_of(_test_event("FAILED"), 3).failures, ["//a:b_test (failed)"])

    def test_what_does_not_build_is_a_failure(self):
        about = {"targetCompleted": {"label": "//a:lib"}}
        self.assertEqual(_of(json.dumps({"id": about, "completed": {}}), 1).failures, ["//a:lib (does not build)"])
        self.assertEqual(_of(json.dumps({"id": about, "completed": {"success": True}})).failures, [])
        self.assertEqual(_of(json.dumps({"id": about, "aborted": {"reason": "SKIPPED"}})).failures, [])

    def test_bazel_failing_without_a_reason_is_a_failure(self):
        self.assertEqual(_of("{broken", 37).failures, ["bazel (exit status 37)"])
        self.assertEqual(_of("{broken", 4).failures, [])  # There are no tests.


class ReportTest(unittest.TestCase):

    def _report(self, *counted):
        out = io.StringIO()
        status = main.print_report([("s%d" % i, 60, c) for i, c in enumerate(counted)], 30, out)
        return status, out.getvalue().splitlines()

    def test_ends_with_the_sums(self):
        status, lines = self._report(results.Results(3), results.Results(4))
        self.assertEqual((status, lines[-1]), (0, "7 passed, 0 failed"))
        self.assertIn("2.5", lines[-2])

    def test_names_each_failure(self):
        status, lines = self._report(results.Results(3, failures=["//a:b S.C"]))
        self.assertEqual((status, lines[-2:]), (1, ["FAILED s0: //a:b S.C", "3 passed, 1 failed"]))

    def test_what_is_not_done_in_time_has_failed(self):
        class Machine:
            def __init__(self):
                self.seconds = 10

            def left(self):
                return self.seconds

        def slow(machine):
            """Slow."""
            machine.seconds = -1
            return results.Results(passed=5)

        report = main.run([("a", slow), ("b", slow)], Machine(), io.StringIO())
        self.assertEqual([counted.failures for _, _, counted in report], [["out of time"], ["not run: out of time"]])


class MachineTest(unittest.TestCase):

    def test_gives_status_and_output(self):
        machine = stages.Machine("/", lambda: None)
        self.assertEqual(machine.run(["sh", "-c", "pwd; exit 3"], capture=True), (3, "/\n"))

    def test_stops_what_runs_out_of_time(self):
        begin = time.monotonic()
        status, _ = stages.Machine("/", lambda: 0.1).run(["sleep", "100"])
        self.assertNotEqual(status, 0)
        self.assertLess(time.monotonic() - begin, 50)


if __name__ == "__main__":
    unittest.main()
