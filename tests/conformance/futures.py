"""Which public futures are dropped after each number of polls by a test: futures.tsv against the headers and the tests.

A row has a header, what of it (several with `; ` between) and the tests (several with a space between), each of which says above it
that it shows the check H1. A header must have rows for what its comments CANCEL SAFE are about, as tools/guide/cancel-safety.md
names it, and for its classes that are futures or streams.
"""

import re

TABLE = "tests/conformance/futures.tsv"
CHECK = "H1"
_CLASS = re.compile(r"\b(?:class|struct)\s+(?:\[\[nodiscard\]\]\s+)?(\w+)\s*(?:<[^{};:]*(?:::[^{};:]*)*>\s*)?"
                    r":\s*public\s+(?:FutureBase|StreamBase|StreamAdapter|TwoStreams)<"
                    r"|\bclass\s+\[\[nodiscard\]\]\s+(\w*Stream\w*)\s*\{")
_COMMENT = re.compile(r"//.*")
# PollRead() and its like are parts of futures, and what derives from these bases has rows of its own.
_NO_FUTURE = re.compile(r"::Poll\w+\(\)$")
_BASES = {"Erased", "ErasedStream", "StreamAdapter", "TwoStreams", "PoisonStream"}


def classes(text):
    """The classes of a header that are futures or streams."""
    names = [one or other for one, other in _CLASS.findall(_COMMENT.sub("", text))]
    return [name for name in names if name not in _BASES]


def required(told, text):
    """What of a header must have a row. `told`: what its comments CANCEL SAFE are about."""
    return {what for what in told if not _NO_FUTURE.search(what)} | set(classes(text))


def silent(path, text):
    """The fault of a public header that has futures, and does not say what is lost when they are dropped."""
    if "/internal/" in path or not classes(text) or re.search(r"^\s*//.*CANCEL SAFE", text, re.MULTILINE):
        return []
    return ["%s: of %s nothing says what is lost when it is dropped: CANCEL SAFE" % (path, ", ".join(classes(text)))]


def read_table(text):
    """[(header, [what], [test])] of lines `header<TAB>what<TAB>tests`; the first line says so, # begins a comment."""
    lines = [line.split("\t") for line in text.splitlines()[1:] if line and not line.startswith("#")]
    return [(line[0], line[1].split("; "), line[2].split()) for line in lines]


def faults(rows, headers, shown, ran=None):
    """What is wrong. `headers`: {path: what must have a row}; `shown`: the tests that say that they show the check; `ran`: the
    names of those that passed, or None."""
    found, covered = [], set()
    for header, whats, tests in rows:
        where = "%s: %s" % (TABLE, header)
        if header not in headers:
            found.append(where + " is no header")
            continue
        for what in whats:
            if what not in headers[header]:
                found.append("%s has no %s that is a future" % (where, what))
            covered.add((header, what))
        found += ["%s: %s has no comment that it shows %s" % (where, test, CHECK) for test in tests if test not in shown]
        found += ["%s: %s did not run or did not pass" % (where, test) for test in tests if ran is not None and test not in ran]
        if not tests:
            found.append("%s: %s has no test" % (where, whats[0]))
    for header, whats in sorted(headers.items()):
        found += ["%s: %s has no row in %s" % (header, what, TABLE) for what in sorted(whats) if (header, what) not in covered]
    return found
