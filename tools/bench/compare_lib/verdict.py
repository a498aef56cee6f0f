"""Whether a row meets its gates."""

import dataclasses

from compare_lib import figures, gates

MET, MISSED, MISSING, UNJUDGED = "met", "MISSED", "MISSING", "not judged"


@dataclasses.dataclass
class Cell:
    """One row with one number of threads: a figure (or None, for a failure) for each system and round.

    A system that does not have the row has no entry.
    """

    row: gates.Row
    threads: int
    rounds: dict = dataclasses.field(default_factory=dict)

    def median(self, system):
        return figures.median(self.rounds.get(system, []))

    def ratios(self, system):
        return figures.paired_ratios(self.rounds.get("kioto", []), self.rounds.get(system, []))

    def ratio(self, system):
        return figures.median(self.ratios(system))

    def best_peer(self):
        """The fastest system that does the same work and is no bare loop."""
        peers = [s for s in gates.SYSTEMS[1:] if s != "raw" and s not in self.row.other_work]
        known = [(self.median(s), s) for s in peers if self.median(s) is not None]
        return min(known)[1] if known else None


@dataclasses.dataclass
class Verdict:
    status: str
    reasons: list  # sentences, one for each gate


def judge(cell, systems):
    """`systems` are those that were asked for: a gate against another one is not judged."""
    row, ours = cell.row, cell.rounds.get("kioto", [])
    if "kioto" not in systems:
        return Verdict(UNJUDGED, ["Kioto did not run"])
    if not ours or any(figure is None for figure in ours):
        return Verdict(MISSING, ["no figure of Kioto's, or not of every round"])
    found = []
    if row.most_bytes is not None:
        bytes_found = cell.median("kioto")
        status = MET if bytes_found <= row.most_bytes else MISSED
        found.append((status, f"{bytes_found:.0f} bytes, at most {row.most_bytes:.0f}"))
    for system, most in limits(cell).items():
        found.append(_judge_ratio(cell, system, most, systems))
    order = [MISSED, UNJUDGED, MET]
    return Verdict(min((status for status, _ in found), key=order.index), [r for _, r in found])


def limits(cell):
    """The gates as ratios: those of the table, and 1.0 for whoever else has done the same work."""
    row, wanted = cell.row, dict(cell.row.ratios)
    for system in cell.rounds:
        if system != "kioto" and row.most_bytes is None and system not in row.other_work:
            wanted.setdefault(system, 1.0)
    return wanted


def _judge_ratio(cell, system, most, systems):
    if system not in systems:
        return UNJUDGED, f"{system} did not run (gate {most:g})"
    ratio = cell.ratio(system)
    if ratio is None:
        return MISSED, f"{system} has no figure to compare with (gate {most:g})"
    low, high = figures.interval(cell.ratios(system))
    status = MET if ratio <= most else MISSED
    return status, f"{ratio:.3f} [{low:.3f}, {high:.3f}] of {system}, at most {most:g}"


def judge_mean(cells, systems):
    """The geometric mean against Tokio over the rows that take time. A row without a ratio spoils it.

    A choice of rows has a mean that says nothing, so it is judged only when the whole ground set has run.
    """
    if not {"kioto", "tokio"} <= set(systems):
        return Verdict(UNJUDGED, ["Kioto or Tokio did not run"])
    ground = {(row.name, n) for row in gates.load() if row.ground for n in row.threads}
    if not ground <= {(cell.row.name, cell.threads) for cell in cells}:
        return Verdict(UNJUDGED, ["not all rows of the ground set ran"])
    ratios = [cell.ratio("tokio") for cell in cells if cell.row.measure != "bytes"]
    known = [ratio for ratio in ratios if ratio is not None]
    mean = figures.geometric_mean(known)
    if len(known) < len(ratios):
        so_far = f"; {mean:.3f} over the others" if known else ""
        return Verdict(MISSING, [f"{len(ratios) - len(known)} of {len(ratios)} rows have no ratio{so_far}"])
    status = MET if mean <= gates.GEOMETRIC_MEAN_GATE else MISSED
    return Verdict(status, [f"{mean:.3f} of tokio over {len(known)} rows, at most {gates.GEOMETRIC_MEAN_GATE:g}"])
