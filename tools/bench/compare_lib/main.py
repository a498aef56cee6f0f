"""`compare`: builds all, runs each row on every system in turn, writes the table and the picture."""

import argparse
import os
import sys

from compare_lib import gates, picture, report, systems, verdict


def arguments(argv):
    cache = os.environ.get("KIOTO_CACHE") or os.path.join(
        os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "kioto")
    parser = argparse.ArgumentParser(prog="tools/bench/compare", description=(
        "Kioto beside Tokio, Asio, Go and a bare epoll loop: builds all, runs each row on every system in turn, writes "
        "a table and a picture. Ends with status 1 when a gate is missed, a row of Kioto's is missing, or one could not be "
        "judged, since a system that it is compared with did not run."))
    parser.add_argument("--rows", help="names between commas, or all; without it the rows of the ground set")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of a row (5)")
    parser.add_argument("--echo-rounds", type=int, default=21,
                        help="rounds of an echo row on Kioto, Tokio and bare epoll (21)")
    parser.add_argument("--systems", default=",".join(gates.SYSTEMS), help="names between commas (%(default)s)")
    parser.add_argument("--threads", type=int, help="only this number of threads")
    parser.add_argument("--out", default=os.path.join(cache, "compare"), help="folder of the results (%(default)s)")
    parser.add_argument("--kioto", help="a kioto_bench that is built already")
    parser.add_argument("--bazel", default="bazel", help="how to call Bazel, with start-up options")
    options = parser.parse_args(argv)
    if options.rounds < 1 or options.echo_rounds < 1:
        parser.error("a row takes at least one round")
    try:
        options.rows = gates.choose(gates.load(), options.rows)
        options.systems = systems.systems_named(options.systems)
    except ValueError as problem:
        parser.error(str(problem))
    return options


def rounds_of(row, system, options):
    if row.echo and system in ("kioto", "tokio", "raw"):
        return options.echo_rounds
    return options.rounds


def measure(programs, row, threads, options):
    """A B C A B C …, so that what comes and goes on the machine meets all systems alike."""
    cell = verdict.Cell(row, threads)
    absent = {system for system in options.systems if programs.get(system) is None}
    for system in absent:
        cell.rounds[system] = [None]
    for i in range(max(rounds_of(row, system, options) for system in options.systems)):
        for system in options.systems:
            if system in absent or i >= rounds_of(row, system, options):
                continue
            try:
                figure = systems.run(programs, system, row, threads)
            except systems.NoSuchRow:
                absent.add(system)
                continue
            except systems.Failed as problem:
                print(f"compare: {system} {row.name} {threads}: {problem}", file=sys.stderr)
                figure = None
                absent.add(system)  # it would fail again
            cell.rounds.setdefault(system, []).append(figure)
    return cell


def progress(cell, options):
    parts = [f"{s} {report.number(cell.median(s))}" for s in options.systems if cell.median(s) is not None]
    judged = verdict.judge(cell, options.systems)
    print(f"{cell.row.name} {cell.threads}: {', '.join(parts)} — {judged.status}: {'; '.join(judged.reasons)}",
          file=sys.stderr, flush=True)


def write(cells, options, notes):
    os.makedirs(options.out, exist_ok=True)
    text = report.markdown(cells, options.systems, notes)
    files = {"compare.md": text, "compare.tsv": report.tsv(cells, options.systems),
             "compare.svg": picture.svg(cells, options.systems)}
    for name, content in files.items():
        with open(os.path.join(options.out, name), "w", encoding="utf-8") as file:
            file.write(content)
    return text


def main(argv):
    options = arguments(argv)
    systems.raise_file_limit()
    programs = systems.build(options.systems, options.bazel.split(), options.kioto)
    notes = report.machine()
    cells = []
    for row in options.rows:
        for threads in row.threads:
            if options.threads is None or threads == options.threads:
                cells.append(measure(programs, row, threads, options))
                progress(cells[-1], options)
    print(write(cells, options, notes))
    behind = report.behind(cells, options.systems)
    unjudged = report.unjudged(cells, options.systems)
    print(f"{len(cells)} rows, {behind} gates missed, {unjudged} rows not judged; table and picture in {options.out}")
    return 1 if behind or unjudged else 0
