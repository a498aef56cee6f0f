"""One-line breaks of the product, and whether the test of a behaviour sees them.

mutants.tsv has a line for each: `file#test_name<TAB>path<TAB>old<TAB>new`. `old` is part of exactly one line of the
file at `path`, without the white space before and after it; `new` stands in its place.
"""

import collections
import random

Mutant = collections.namedtuple("Mutant", "row path old new")


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
