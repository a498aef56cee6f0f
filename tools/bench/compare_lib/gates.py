"""The bars of the bench, read from gates.tsv (which says what its columns mean)."""

import dataclasses
import os

GATES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "gates.tsv")
SYSTEMS = ("kioto", "tokio", "asio", "go", "raw")
MEASURES = ("ns", "ns-100ms", "bytes", "served")
GEOMETRIC_MEAN_GATE = 0.5  # of Kioto's times over Tokio's, over all rows that take time


@dataclasses.dataclass(frozen=True)
class Row:
    name: str
    ground: bool
    threads: tuple
    measure: str
    ratios: dict  # system -> the most that Kioto's figure may be of its
    most_bytes: float  # or None
    other_work: frozenset

    @property
    def echo(self):
        """Bound by system calls: close to its gate, so it takes many rounds."""
        return self.name.startswith("echo_")


def parse(text):
    rows = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        fields = line.split("\t")
        if len(fields) != 6:
            raise ValueError(f"gates.tsv line {number}: {len(fields)} columns instead of 6")
        rows.append(_row(number, *fields))
    if len({row.name for row in rows}) != len(rows):
        raise ValueError("gates.tsv: a row stands there twice")
    return rows


def _row(number, name, which, threads, measure, gate, other_work):
    ratios, most_bytes = {}, None
    for part in gate.split(","):
        key, _, value = part.partition(":")
        if key == "bytes":
            most_bytes = float(value)
        else:
            ratios[key] = float(value)
    other = frozenset(() if other_work == "-" else other_work.split(","))
    unknown = (set(ratios) | other) - set(SYSTEMS)
    if unknown or which not in ("ground", "later") or measure not in MEASURES:
        raise ValueError(f"gates.tsv line {number}: not understood: {name}")
    numbers = tuple(int(n) for n in threads.split(","))
    return Row(name, which == "ground", numbers, measure, ratios, most_bytes, other)


def load(path=GATES):
    with open(path, encoding="utf-8") as file:
        return parse(file.read())


def choose(rows, wanted):
    """`wanted` is None for the ground rows, "all", or names between commas."""
    if wanted is None:
        return [row for row in rows if row.ground]
    if wanted == "all":
        return rows
    by_name = {row.name: row for row in rows}
    names = wanted.split(",")
    unknown = [name for name in names if name not in by_name]
    if unknown:
        raise ValueError(f"no row is called {', '.join(unknown)}; known: {', '.join(by_name)}")
    return [by_name[name] for name in names]
