"""The table, as Markdown and as TSV."""

import os
import platform
import time

from compare_lib import figures, gates, verdict

FOOTNOTE = (
    "Figures are medians; ratios are medians of the ratios of paired rounds, Kioto's figure over the peer's, so less is"
    " better. ° marks a peer whose row is not the same work: its figure is for information. [ ] is a 95 % interval of"
    " the ratio (the whole range where the rounds are few). timer_fire: 100 ms are taken off the whole time."
    " serve_echo, serve_http: time per request, server on one core, load on another."
)


def machine():
    """What the figures depend on, one line each."""
    model = platform.processor() or platform.machine()
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            model = next(line.split(":")[1].strip() for line in file if line.startswith("model name"))
    except (OSError, StopIteration):
        pass
    load = os.getloadavg()[0]
    lines = [f"{model}, {len(os.sched_getaffinity(0))} cores, Linux {platform.release()}, "
             f"{time.strftime('%Y-%m-%d %H:%M')}"]
    if load > 0.5:
        lines.append(f"**The machine was not idle** when this began (load {load:.1f}): take the figures with care.")
    return lines


def number(value):
    if value is None:
        return ""
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"


def _figure(cell, system):
    if system not in cell.rounds:
        return ""
    value = cell.median(system)
    if value is None:
        return "failed"
    return number(value) + ("°" if system in cell.row.other_work else "")


def _best(cell):
    system = cell.best_peer()
    ratio = cell.ratio(system) if system else None
    return f"{ratio:.2f} ({system})" if ratio is not None else ""


def _ratio(cell):
    """The ratio to Tokio, with its interval in the echo rows, which are close to their gate."""
    ratio = cell.ratio("tokio")
    if ratio is None:
        return ""
    if not cell.row.echo:
        return f"{ratio:.2f}"
    low, high = figures.interval(cell.ratios("tokio"))
    return f"{ratio:.3f} [{low:.3f}, {high:.3f}]"


def _gate(row):
    parts = [f"{most:g} × {system}" for system, most in row.ratios.items()]
    if row.most_bytes is not None:
        parts.append(f"{row.most_bytes:.0f} bytes")
    return ", ".join(parts)


def table(cells, systems):
    """A list of rows of text; the first is the head."""
    rows = [["row", "threads", "unit", *systems, "of tokio", "of the best peer", "gate", "verdict"]]
    for cell in cells:
        unit = "bytes" if cell.row.measure == "bytes" else "ns"
        rows.append([cell.row.name, str(cell.threads), unit, *(_figure(cell, s) for s in systems), _ratio(cell),
                     _best(cell), _gate(cell.row), verdict.judge(cell, systems).status])
    return rows


def markdown(cells, systems, notes):
    rows = table(cells, systems)
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    right = range(3, 3 + len(systems))

    def line(row):
        padded = (t.rjust(w) if i in right else t.ljust(w) for i, (t, w) in enumerate(zip(row, widths)))
        return "| " + " | ".join(padded) + " |"

    rule = "|" + "|".join("-" * (w + 1) + (":" if i in right else "-") for i, w in enumerate(widths)) + "|"
    text = ["# Kioto beside its peers", "", *notes, "", line(rows[0]), rule, *map(line, rows[1:]), "", FOOTNOTE, ""]
    return "\n".join([*text, *_summary(cells, systems), ""])


def _summary(cells, systems):
    mean = verdict.judge_mean(cells, systems)
    lines, missing = [f"Geometric mean: {mean.status}: {mean.reasons[0]}."], []
    for cell in cells:
        judged, name = verdict.judge(cell, systems), f"{cell.row.name} ({cell.threads})"
        if judged.status == verdict.MISSING:
            missing.append(name)
        elif judged.status == verdict.MISSED or cell.row.echo and judged.status == verdict.MET:
            lines.append(f"- {name}: {judged.status}: {'; '.join(judged.reasons)}")
    if missing:
        lines.append(f"- {verdict.MISSING}, which counts as behind: {', '.join(missing)}")
    return lines


def tsv(cells, systems):
    """Every round, for whoever wants to reckon again."""
    lines = ["row\tthreads\tunit\tsystem\tround\tfigure"]
    for cell in cells:
        unit = "bytes" if cell.row.measure == "bytes" else "ns"
        for system in systems:
            for i, value in enumerate(cell.rounds.get(system, []), 1):
                figure = "failed" if value is None else f"{value:.2f}"
                lines.append(f"{cell.row.name}\t{cell.threads}\t{unit}\t{system}\t{i}\t{figure}")
    return "\n".join(lines) + "\n"


def behind(cells, systems):
    """How many gates are not met, the mean's among them."""
    judged = [verdict.judge(cell, systems) for cell in cells] + [verdict.judge_mean(cells, systems)]
    return sum(v.status in (verdict.MISSED, verdict.MISSING) for v in judged)


def unjudged(cells, systems):
    return sum(verdict.judge(cell, systems).status == verdict.UNJUDGED for cell in cells)


