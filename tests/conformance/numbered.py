"""Which checks with numbers have a test: the list of tests/stress/README.md against the comments in the sources.

Above a test stands, once for each check that it shows, a comment `check: NAME` after its `//`.
"""

import re

# What must be there: no check gets lost together with its tests.
_LETTERS = (("A", 1, 10), ("B", 3, 5), ("C", 4, 5), ("D", 1, 22), ("E", 1, 7), ("F", 1, 4), ("G", 1, 5), ("H", 1, 7), ("I", 1, 7),
            ("J", 5, 5), ("K", 1, 4))
REQUIRED = {letter + str(n) for letter, first, last in _LETTERS for n in range(first, last + 1)}

_ROW = re.compile(r"^\| ([A-Z]\d+) \|.*\|([^|]*)\|$")
_NAME = re.compile(r"`(\w+\.\w+)`")


def read_list(text):
    """{check: names of its tests} of the table."""
    rows = filter(None, map(_ROW.match, text.splitlines()))
    return {row.group(1): _NAME.findall(row.group(2)) for row in rows}


def faults(listed, tests, ran=None, required=()):
    """What is wrong. `tests`: those of the sources (conformance.Test); `ran`: the names of those that passed, or None."""
    found = ["tests/stress/README.md: there is no %s" % check for check in sorted(set(required) - set(listed))]
    shown = {(check, test.name) for test in tests for check in test.rows}
    for check, names in sorted(listed.items()):
        if not names:
            found.append("tests/stress/README.md: %s names no test" % check)
        for name in names:
            if (check, name) not in shown:
                found.append("tests/stress/README.md: %s says that it shows %s, and has no such comment" % (name, check))
    for test in tests:
        where = "%s:%d: %s" % (test.path, test.line, test.name)
        found += ["%s: no check is called %s" % (where, check) for check in test.rows if check not in listed]
        if ran is not None and test.name not in ran:
            found.append(where + " did not run or did not pass")
    return found
