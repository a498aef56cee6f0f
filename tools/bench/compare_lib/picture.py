"""The picture: each system's figure over Tokio's, on a logarithmic axis; left is better."""

import html
import math

from compare_lib import verdict

WIDTH, LEFT, RIGHT, TOP, LINE = 940, 190, 130, 96, 22
LOW, HIGH = 1 / 32, 8  # the axis; what lies beyond is drawn at its end
INK, FAINT, GRID = "#24292f", "#6e7781", "#d8dee4"
MET, BEHIND = "#1a7f37", "#cf222e"
COLOURS = {"asio": "#0969da", "go": "#bf8700", "raw": "#8250df"}


def _x(ratio):
    clamped = min(max(ratio, LOW), HIGH)
    share = (math.log(clamped) - math.log(LOW)) / (math.log(HIGH) - math.log(LOW))
    return LEFT + share * (WIDTH - LEFT - RIGHT)


def _text(x, y, text, anchor="start", colour=INK, size=12, weight="normal"):
    return (f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}" font-size="{size}" '
            f'font-weight="{weight}">{html.escape(text)}</text>')


def _mark(system, x, y):
    """Each system has a shape of its own, so that colour is not all there is."""
    colour = COLOURS[system]
    shapes = {
        "asio": f'<rect x="{x - 4:.1f}" y="{y - 4:.1f}" width="8" height="8"',
        "go": f'<path d="M{x:.1f} {y - 5:.1f}l5 9h-10z"',
        "raw": f'<path d="M{x:.1f} {y - 5.5:.1f}l5.5 5.5l-5.5 5.5l-5.5 -5.5z"',
    }
    return f'{shapes[system]} fill="#fff" stroke="{colour}" stroke-width="1.5"/>'


def _gate(cell):
    """The gate as a ratio to Tokio's figure, or None."""
    if cell.row.most_bytes is not None:
        tokio = cell.median("tokio")
        return cell.row.most_bytes / tokio if tokio else None
    return cell.row.ratios.get("tokio")


def _grid(bottom):
    parts, ratio = [], LOW
    while ratio <= HIGH:
        x, strong = _x(ratio), ratio == 1
        parts.append(f'<line x1="{x:.1f}" y1="{TOP - 12}" x2="{x:.1f}" y2="{bottom}" '
                     f'stroke="{FAINT if strong else GRID}" stroke-width="{1.5 if strong else 1}"/>')
        label = f"{ratio:g}×" if ratio >= 1 else f"1/{1 / ratio:g}"
        parts.append(_text(x, TOP - 18, label, "middle", INK if strong else FAINT, 11))
        ratio *= 2
    return parts


def _key(systems):
    parts, x = [], LEFT

    def entry(mark, label, room):
        nonlocal x
        parts.append(mark(x))
        parts.append(_text(x + 10, 58, label, size=11))
        x += room

    if "kioto" in systems:
        entry(lambda at: f'<circle cx="{at}" cy="54" r="5" fill="{MET}"/>', "Kioto, gate met", 118)
        entry(lambda at: f'<circle cx="{at}" cy="54" r="5" fill="{BEHIND}"/>', "Kioto, behind", 106)
        entry(lambda at: f'<line x1="{at}" y1="47" x2="{at}" y2="61" stroke="{INK}" stroke-width="2.5"/>', "gate", 56)
    for system, label, room in (("asio", "Asio", 56), ("go", "Go", 46), ("raw", "bare epoll", 84)):
        if system in systems:
            entry(lambda at, s=system: _mark(s, at, 54), label, room)
    parts.append(_text(x, 58, "Tokio = 1× · faint: not the same work", size=11, colour=FAINT))
    return parts


def _row(cell, systems, y):
    parts = [_text(LEFT - 14, y + 4, f"{cell.row.name} · {cell.threads}", "end")]
    tokio, kioto = cell.median("tokio"), cell.ratio("tokio")
    for system in ("asio", "go", "raw"):
        figure = cell.median(system)
        if system in systems and tokio and figure:
            opacity = 0.35 if system in cell.row.other_work else 1
            parts.append(f'<g opacity="{opacity}">{_mark(system, _x(figure / tokio), y)}</g>')
    gate = _gate(cell)
    if gate and "kioto" in systems:
        parts.append(f'<line x1="{_x(gate):.1f}" y1="{y - 8}" x2="{_x(gate):.1f}" y2="{y + 8}" '
                     f'stroke="{INK}" stroke-width="2.5"/>')
    if "kioto" not in systems:
        return parts
    judged = verdict.judge(cell, systems)
    behind = judged.status in (verdict.MISSED, verdict.MISSING)
    if kioto is not None:
        parts.append(f'<circle cx="{_x(kioto):.1f}" cy="{y}" r="5.5" fill="{BEHIND if behind else MET}"/>')
    label = judged.status if kioto is None else f"{kioto:.2f}" + (f" {judged.status}" if behind else "")
    parts.append(_text(WIDTH - RIGHT + 16, y + 4, label, colour=BEHIND if behind else INK, size=11))
    return parts


def svg(cells, systems):
    bottom = TOP + LINE * len(cells)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{bottom + 24}" '
        f'viewBox="0 0 {WIDTH} {bottom + 24}" font-family="system-ui, sans-serif">',
        f'<rect width="{WIDTH}" height="{bottom + 24}" fill="#fff"/>',
        _text(20, 28, "Cost of an operation over Tokio's, one run, same machine", size=16, weight="600"),
        _text(WIDTH - 20, 28, "row · threads; left is better", "end", FAINT),
        *_key(systems), *_grid(bottom),
    ]
    for i, cell in enumerate(cells):
        parts += _row(cell, systems, TOP + LINE * i + LINE // 2)
    return "\n".join([*parts, "</svg>", ""])
