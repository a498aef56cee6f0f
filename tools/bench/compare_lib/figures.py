"""From the line a program prints to one figure a round, and from the rounds to a median, a ratio, an interval."""

import math
import re
import statistics


class BadLine(Exception):
    """What a program printed is not the line that was asked for."""


def parse_line(line, row, threads):
    """The figure in `workload threads ops seconds ns_per_op` or `workload threads count bytes unit`."""
    fields = line.split()
    if len(fields) < 5 or fields[0] != row.name or fields[1] != str(threads):
        raise BadLine(f"expected a line for {row.name} {threads}, got: {line.strip()[:120]!r}")
    try:
        if row.measure == "bytes":
            count, size = int(fields[2]), float(fields[3])
            figure = size if fields[4].startswith("bytes_per_") else math.nan
        else:
            count, seconds = int(fields[2]), float(fields[3])
            off = 0.1 if row.measure == "ns-100ms" else 0
            figure = _per_operation(seconds, off, count, float(fields[4]))
    except ValueError:
        raise BadLine(f"no numbers in: {line.strip()[:120]!r}") from None
    if count <= 0 or not math.isfinite(figure) or figure <= 0:
        raise BadLine(f"impossible figures in: {line.strip()[:120]!r}")
    return figure


def _per_operation(seconds, off, count, printed):
    """Nanoseconds per operation, from the whole time, which must agree with what the program says itself."""
    whole = seconds * 1e9 / count if count > 0 else math.nan
    slack = 0.1 + 0.0001 * 1e9 / count + 0.001 * printed if count > 0 else 0  # both are printed rounded
    if not abs(whole - printed) <= slack:
        return math.nan
    return printed - off * 1e9 / count


def parse_load(line):
    """Nanoseconds per request, from echo_load's `connections exchanges seconds requests_per_second`."""
    fields = line.split()
    try:
        rate = float(fields[3])
    except (IndexError, ValueError):
        raise BadLine(f"echo_load printed: {line.strip()[:120]!r}") from None
    if not rate > 0:
        raise BadLine("no request was served")
    return 1e9 / rate


def parse_wrk(output):
    """Nanoseconds per request, from what wrk prints; every request must have had its reply."""
    rate = re.search(r"^Requests/sec:\s+([0-9.]+)$", output, re.M)
    if "Non-2xx" in output or "Socket errors" in output or rate is None or not float(rate.group(1)) > 0:
        raise BadLine(f"wrk printed: {output.strip()[-200:]!r}")
    return 1e9 / float(rate.group(1))


def median(rounds):
    """Of the rounds that succeeded; None if there is none."""
    values = [value for value in rounds if value is not None]
    return statistics.median(values) if values else None


def paired_ratios(ours, theirs):
    """One ratio for each round in which both succeeded: what disturbs one round disturbs both of its sides."""
    return [a / b for a, b in zip(ours, theirs) if a is not None and b is not None]


def interval(values, confidence=0.95):
    """An interval for the median that asks nothing of the distribution: the order statistics of the sign test.

    With too few values for the confidence wanted it is the whole range.
    """
    if not values:
        return None
    ordered, n = sorted(values), len(values)
    outside, tail = 0, 0.0
    while outside < (n - 1) // 2:
        tail += math.comb(n, outside) / 2**n
        if 2 * tail > 1 - confidence:
            break
        outside += 1
    skip = max(outside - 1, 0)
    return ordered[skip], ordered[n - 1 - skip]


def geometric_mean(values):
    return math.exp(statistics.fmean(math.log(value) for value in values)) if values else None
