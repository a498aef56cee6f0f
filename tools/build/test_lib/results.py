"""What a run of Bazel says about its tests, case by case.

Bazel writes a file of build events, one JSON object a line; each test leaves a test.xml, in
which GoogleTest lists its cases (for other tests Bazel writes one with a single case).
"""

import dataclasses
import json
import urllib.parse
import xml.etree.ElementTree as xml


@dataclasses.dataclass
class Results:
    """Counts of cases, the names of those that passed, and of those that failed, with the reason if it is short."""
    passed: int = 0
    skipped: int = 0
    failures: list = dataclasses.field(default_factory=list)
    cases: set = dataclasses.field(default_factory=set, compare=False)

    @property
    def failed(self):
        return len(self.failures)

    def add(self, other):
        self.passed += other.passed
        self.skipped += other.skipped
        self.failures += other.failures
        self.cases |= other.cases


def cases_of_xml(text):
    """Returns ([passed case], [skipped case], [failed case]) of a test.xml."""
    passed, skipped, failed = [], [], []
    for case in xml.fromstring(text).iter("testcase"):
        parts = [case.get("classname"), case.get("name")]
        name = ".".join(part for part in parts if part)
        if case.find("failure") is not None or case.find("error") is not None:
            failed.append(name)
        elif case.find("skipped") is not None or case.get("status") == "notrun":
            skipped.append(name)
        else:
            passed.append(name)
    return passed, skipped, failed


def _read_file_uri(uri):
    with open(urllib.parse.unquote(urllib.parse.urlparse(uri).path), encoding="utf-8", errors="replace") as file:
        return file.read()


def unfinished_case(log):
    """The GoogleTest case that a log breaks off in, or None."""
    case = None
    for line in log.splitlines():
        if line.startswith("[ RUN      ] "):
            case = line[13:].strip()
        elif case and line.startswith(("[       OK ] " + case, "[  FAILED  ] " + case, "[  SKIPPED ] " + case)):
            case = None
    return case


def _of_test(label, event, read):
    """The Results of one testResult event."""
    def text_of(name):
        for output in event.get("testActionOutput", []):
            if output.get("name") == name:
                try:
                    return read(output["uri"])
                except OSError:
                    pass
        return ""

    passed, skipped, failed = [], [], []
    try:
        passed, skipped, failed = cases_of_xml(text_of("test.xml"))
    except xml.ParseError:
        pass
    # Where a test leaves no test.xml, Bazel writes one with a single case, named after the target.
    failed = [case for case in failed if case != label.lstrip("/").replace(":", "/")]
    failures = [label + " " + case for case in failed]
    good = event.get("status") == "PASSED"
    if not good and not failures:
        reason = event.get("status", "no status").lower()
        case = unfinished_case(text_of("test.log"))
        failures.append("%s (%s%s)" % (label, reason, " in " + case if case else ""))
    if good and not (passed or skipped or failures):
        return Results(passed=1, cases={label.split(":")[-1]})
    return Results(len(passed), len(skipped), failures, set(passed))


def of_events(lines, exit_status, read=_read_file_uri):
    """The Results of a whole run. `lines` are the events; `exit_status` is Bazel's."""
    results = Results()
    for line in lines:
        try:
            event = json.loads(line)
        except ValueError:
            continue  # Bazel was stopped while it wrote.
        kind, about = next(iter(event["id"].items()))
        if kind == "testResult" and "testResult" in event:  # not where Bazel was stopped before
            results.add(_of_test(about["label"], event["testResult"], read))
        elif kind == "targetCompleted" and "completed" in event and not event["completed"].get("success"):
            results.failures.append(about["label"] + " (does not build)")
    no_tests = 4
    if exit_status not in (0, no_tests) and not results.failures:
        results.failures.append("bazel (exit status %d)" % exit_status)
    return results
