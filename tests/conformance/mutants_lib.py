"""One-line breaks of the product, and whether the test of a behaviour sees them.

mutants.tsv has a line for each: `file#test_name<TAB>path<TAB>old<TAB>new`. `old` is part of exactly one line of the
file at `path`, without the white space before and after it; `new` stands in its place.
"""

import collections
import json
import random
import re

Mutant = collections.namedtuple("Mutant", "row path old new")

PASSES = "passes"
FAILS = "fails"
TIMES_OUT = "times out"
_TESTS_FAILED = 3  # Bazel's exit status: it was built, and a test failed or was not done in time.
_SUMMARY = re.compile(r"^//\S+ +(?:\(cached\) )?(FAILED|TIMEOUT)\b", re.MULTILINE)


def read(text):
    """{row: [Mutant]}."""
    mutants = collections.defaultdict(list)
    for line in text.splitlines():
        if line and not line.startswith("#"):
            mutant = Mutant(*line.split("\t"))
            mutants[mutant.row].append(mutant)
    return dict(mutants)


def faults(mutants, covered, source_of):
    """What is wrong with the table: a row that has no test, a break that does not fit its file."""
    found = []
    for row in sorted(mutants):
        if row not in covered:
            found.append("%s has a mutant, and no test" % row)
        for mutant in mutants[row]:
            problem = misfit(mutant, source_of(mutant.path))
            if problem:
                found.append("%s: %s" % (row, problem))
    return found


def misfit(mutant, source):
    """Why the break can't be made in the source, or None."""
    if source is None:
        return "there is no file %s" % mutant.path
    lines = sum(mutant.old in line for line in source.splitlines())
    if lines != 1:
        return "%d lines of %s have '%s', must be one" % (lines, mutant.path, mutant.old)
    if source.count(mutant.old) != 1:
        return "'%s' is twice in its line of %s" % (mutant.old, mutant.path)
    return None if mutant.old != mutant.new else "the mutant is no change"


def apply(mutant, source):
    """The source with the break."""
    assert misfit(mutant, source) is None
    return source.replace(mutant.old, mutant.new)


def draw(rows, seed, count):
    """`count` of the rows, by the seed; the same for the same rows and seed."""
    rows = sorted(rows)
    return random.Random(seed).sample(rows, min(count, len(rows)))


def filter_of(name):
    """The --test_filter that chooses the test, also where it is typed or has parameters."""
    if "." not in name:
        return "*"  # A target that is one case.
    return ":".join(form % tuple(name.split(".")) for form in ("%s.%s", "*/%s.%s/*", "*/%s.%s", "%s/*.%s", "%s.%s/*"))


def rule_alone(rule, name, source):
    """A rule of a test, as `bazel query --output=build` prints it, with another name and of its tests the one source."""
    lines = []
    for line in rule.splitlines():
        if line.startswith("  name = "):
            line = '  name = "%s",' % name
        elif line.startswith("  srcs = "):
            others = [label for label in re.findall(r'"(//[^"]*\.(?:cc|h))"', line) if not label.endswith("_test.cc")]
            line = "  srcs = %s," % json.dumps(sorted({*others, source}))
        if not line.startswith(("#", "  generator_")):
            lines.append(line)
    return "\n".join(lines) + "\n"


def outcome(status, output):
    """What `bazel test` of one target says: PASSES, FAILS, TIMES_OUT, or what else is wrong."""
    if status == 0:
        return PASSES
    if status == _TESTS_FAILED:
        # The status is the same for a test that hangs; only the line of the summary tells them apart.
        words = _SUMMARY.findall(output)
        if "TIMEOUT" in words:
            return TIMES_OUT
        return FAILS if words else "the summary has no line of the test"
    errors = [line for line in output.splitlines() if "rror" in line]
    return "does not build: " + (errors or ["exit status %d" % status])[0]
