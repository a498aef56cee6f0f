"""Which behaviours have a test: the table's rows against the comments in the sources and the cases that ran.

Above a test stands, once for each row that it proves, a comment `behaviour: FILE#NAME` after its `//` or `#`.
"""

import collections
import csv
import re

# A test that proves many rows proves none of them well.
MOST_ROWS = 3
# Why a row has no test here. The note in left_out.tsv says what that means for the row.
REASONS = {
    "language": "a property of another language or of its standard library",
    "design": "Kioto does not have the thing, on purpose",
    "compiler": "what the row checks at run time does not compile here",
    "not yet": "the part is not built",
}
_COMMENT = r"^\s*(?://|#) %s: (\S+)"
_TEST = re.compile(r"^\s*(?:(?:TYPED_)?TEST(?:_F|_P)?|TYPED_TEST_P|KIOTO_TEST(?:_F|_P)?)\((\w+), *(\w+)")
_NOCOMPILE = re.compile(r"^\s*name = \"(\w+)\"")
_BETWEEN = re.compile(r"^\s*(?://|#|template\b|\w+\($|$)")

Row = collections.namedtuple("Row", "file name area applicable")
Test = collections.namedtuple("Test", "path line name rows")


def read_table(text):
    """{"file#name": Row} of a table whose columns are file, test_name, area, applicable, behaviour."""
    reader = csv.DictReader(text.splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE)
    return {"%s#%s" % (row["file"], row["test_name"]): Row(row["file"], row["test_name"], row["area"], row["applicable"])
            for row in reader}


def read_left_out(text):
    """{"file#name": (reason, note)}; lines are `file#name<TAB>reason<TAB>note`."""
    lines = [line.split("\t") for line in text.splitlines() if line and not line.startswith("#")]
    return {line[0]: (line[1], line[2] if len(line) > 2 else "") for line in lines}


def read_areas(text):
    """{area: the least percentage of its applicable rows that must have a test}."""
    lines = [line.split("\t") for line in text.splitlines() if line and not line.startswith("#")]
    return {area: float(least) for area, least in lines}


def _name_of(line):
    match = _TEST.match(line)
    if match:
        return "%s.%s" % match.groups()
    match = _NOCOMPILE.match(line)
    return match and match.group(1)


def tests_of(path, text, word="behaviour"):
    """The tests of a file that name rows in comments of `word`, and the faults: comments that stand above no test."""
    tests, faults, rows, start = [], [], [], 0
    pattern = re.compile(_COMMENT % word)
    for number, line in enumerate(text.splitlines(), 1):
        comment = pattern.match(line)
        if comment:
            start = start if rows else number
            rows.append(comment.group(1))
        elif rows and _name_of(line):
            tests.append(Test(path, number, _name_of(line), rows))
            rows = []
        elif rows and not _BETWEEN.match(line):
            faults.append("%s:%d: the comment stands above no test" % (path, start))
            rows = []
    if rows:
        faults.append("%s:%d: the comment stands above no test" % (path, start))
    return tests, faults


def plain_case(case):
    """The test's name in the sources of a case as test.xml names it: parameters and instances are taken off."""
    suite, _, name = case.rpartition(".")
    if not suite:
        return name.split("/")[-1]  # A target that is one case.
    name = name.split("/")[0]
    parts = suite.split("/")
    if len(parts) > 1 and not parts[-1].isdigit():
        return "%s.%s" % (parts[-1], name)  # Instance/Suite.Name/0
    return "%s.%s" % (parts[0], name)  # Suite/0.Name


class Coverage:
    """The rows and what covers them."""

    def __init__(self, table, left_out, tests):
        self.table = table
        self.left_out = left_out
        self.covered = collections.defaultdict(list)
        for test in tests:
            for row in test.rows:
                self.covered[row].append(test)

    def faults(self, ran=None):
        """What is wrong with the comments. `ran` are the names of the tests that passed, or None if none was run."""
        found = []
        for key, tests in sorted(self.covered.items()):
            where = "%s:%d" % (tests[0].path, tests[0].line)
            if key not in self.table:
                found.append("%s: no row is called %s" % (where, key))
            if key in self.left_out:
                found.append("%s: %s is left out, and yet has a test" % (where, key))
        for test in sorted({(t.path, t.line, t.name, tuple(t.rows)) for ts in self.covered.values() for t in ts}):
            path, line, name, rows = test
            if len(rows) > MOST_ROWS:
                found.append("%s:%d: %s names %d rows, %d at most" % (path, line, name, len(rows), MOST_ROWS))
            if ran is not None and name not in ran:
                found.append("%s:%d: %s did not run or did not pass" % (path, line, name))
        for key, (reason, note) in sorted(self.left_out.items()):
            if key not in self.table:
                found.append("left_out.tsv: no row is called %s" % key)
            if reason not in REASONS:
                found.append("left_out.tsv: %s: '%s' is no reason" % (key, reason))
            if not note:
                found.append("left_out.tsv: %s has no note" % key)
        return found

    def counts(self):
        """{area: (applicable, covered, left out by reason)}."""
        result = {}
        for key, row in self.table.items():
            applicable, covered, left = result.setdefault(row.area, [0, 0, collections.Counter()])
            if row.applicable == "n":
                continue
            applicable += 1
            covered += key in self.covered
            if key in self.left_out:
                left[self.left_out[key][0]] += 1
            result[row.area] = [applicable, covered, left]
        return result

    def missing(self, area):
        """The applicable rows of an area that have no test and are not left out."""
        return sorted(key for key, row in self.table.items()
                      if row.area == area and row.applicable != "n" and key not in self.covered and key not in self.left_out)


def shortfalls(counts, areas):
    """The areas that have fewer tests than they must."""
    found = []
    for area, least in sorted(areas.items()):
        applicable, covered, _ = counts.get(area, (0, 0, None))
        if not applicable or 100.0 * covered / applicable < least:
            found.append("%s: %d of %d rows have a test, %g %% must" % (area, covered, applicable, least))
    return found


def table_text(counts, areas):
    """The table that is printed."""
    lines = ["%-16s %10s %8s %8s %6s %6s" % ("area", "applicable", "covered", "left out", "%", "least")]
    total = [0, 0, 0]
    for area in sorted(counts):
        applicable, covered, left = counts[area]
        out = sum(left.values())
        total = [total[0] + applicable, total[1] + covered, total[2] + out]
        reasons = "  " + ", ".join("%d %s" % (n, reason) for reason, n in sorted(left.items())) if out else ""
        lines.append("%-16s %10d %8d %8d %6.1f %6s%s" % (area, applicable, covered, out, 100.0 * covered / max(applicable, 1),
                                                     "%g" % areas[area] if area in areas else "-", reasons))
    lines.append("%-16s %10d %8d %8d %6.1f" % ("all", *total, 100.0 * total[1] / max(total[0], 1)))
    return "\n".join(lines)
