"""What the figures say: the Markdown table, and the verdict on each threshold.

Differences are taken round by round, between cells that were measured within a second of one another, so that a machine
that slows down slows both. A difference is known to within half its interquartile range over the rounds: what is beyond a
limit by less than that is `undecided`, which is said and does not fail.
"""
import statistics

from contenders import NAMES, SAME_PRIMITIVE, SWIFT


def difference(left, right):
    """The median of left − right over the rounds, and how well it is known; both in µs."""
    values = [a - b for a, b in zip(left, right)]
    if len(values) < 4:
        return statistics.median(values), 0.0
    low, _, high = statistics.quantiles(values, n=4)
    return statistics.median(values), (high - low) / 2


def verdict(row, threshold, excess, noise=0.0, unit=" µs", because=""):
    """One line of judgement: by how much a value is beyond its limit (negative: within)."""
    if excess <= 0:
        outcome, text = "met", f"met, {-excess:.2f}{unit} to spare"
    elif excess <= noise:
        outcome, text = "undecided", f"not met by {excess:.2f}{unit}, which is within the noise of ±{noise:.2f}{unit}"
    else:
        outcome, text = "not met", f"not met by {excess:.2f}{unit}"
    return {"row": row, "threshold": threshold, "outcome": outcome, "text": text + because}


def judge(benchmark, thresholds):
    found = []
    for (operation, algorithm), cells in benchmark.times.items():
        row, signet = f"{operation}.{algorithm}", cells.get("signet")
        if signet is None:
            if "signet" in benchmark.names:
                text = "not met: Signet does not know the algorithm, or is broken"
                found.append({"row": row, "threshold": "measured", "outcome": "not met", "text": text})
            continue
        limit = thresholds["microseconds"].get(row, thresholds["microseconds"].get(operation))
        if limit is not None:
            excess = statistics.median(signet) - limit
            found.append(verdict(row, f"at most {limit} µs", excess, difference(signet, [limit] * len(signet))[1]))
        limit = thresholds["microsecondsOverRaw"].get(operation)
        if limit is not None and "raw" in cells:
            over, noise = difference(signet, cells["raw"])
            found.append(verdict(row, f"raw + {limit} µs", over - limit, noise))
        found += [ahead(row, cells, name) for name in cells if name not in ("signet", "raw")]
    for (operation, algorithm), cells in benchmark.allocations.items():
        limit = thresholds["allocations"].get(operation, {}).get(algorithm)
        if limit is not None and "signet" in cells:
            row = f"allocations.{operation}.{algorithm}"
            found.append(verdict(row, f"at most {limit}", cells["signet"] - limit, unit=""))
    return marked(found, thresholds)


def marked(found, thresholds):
    """The verdicts, with what is known not to be met marked as such."""
    for each in found:
        reason = thresholds["knownNotMet"].get(f"{each['row']} {each['threshold']}")
        if reason is not None and each["outcome"] == "not met":
            each.update(outcome="known", text=f"{each['text']}, as is known: {reason}")
    return found


def ahead(row, cells, name):
    """Whether Signet is ahead of a contender.

    One that is faster than swift-crypto alone, with nothing around it, has a faster primitive: no work of ours around
    swift-crypto's reaches it, and the table says so.
    """
    behind, noise = difference(cells["signet"], cells[name])
    threshold = f"ahead of {name}"
    if behind > 0 and name not in SAME_PRIMITIVE and "raw" in cells:
        raw = statistics.median(cells["raw"])
        if statistics.median(cells[name]) < raw:
            text = f"behind by {behind:.2f} µs: {name} is ahead of raw swift-crypto too, its primitive is faster"
            return {"row": row, "threshold": threshold, "outcome": "another primitive", "text": text}
    return verdict(row, threshold, behind, noise)


def number(value):
    return f"{value:,.0f}" if value >= 1000 else f"{value:.1f}" if value >= 100 else f"{value:.2f}"


def table(head, rows):
    lines = [head, ["---"] + ["--:"] * (len(head) - 1)] + rows
    return ["| " + " | ".join(line) + " |" for line in lines]


def markdown(benchmark, machine, verdicts):
    names = [name for name in NAMES if name in benchmark.names or name in benchmark.missing]
    lines = [f"JOSE on {machine['processor']}, {machine['system']}, {machine['date']}.", ""]
    lines += ["Microseconds an operation, the median of " + f"{machine['rounds']} rounds:", ""]
    rows = []
    for (operation, algorithm), cells in benchmark.times.items():
        row = [f"`{operation}.{algorithm}`"]
        for name in names:
            if name in benchmark.missing:
                row.append("missing")
            elif name in cells:
                value = number(statistics.median(cells[name]))
                row.append(f"**{value}**" if name == "signet" else value)
            else:
                row.append("")
        rows.append(row)
    lines += table([""] + names, rows)
    if benchmark.allocations:
        swift = [name for name in SWIFT if name in benchmark.names]
        lines += ["", "Heap allocations an operation:", ""]
        lines += table([""] + swift, [
            [f"`{operation}.{algorithm}`"] + [f"{cells[name]:g}" if name in cells else "" for name in swift]
            for (operation, algorithm), cells in benchmark.allocations.items()
        ])
    lines += ["", "Contenders:", ""] + [f"- {name}: {version}" for name, version in machine["versions"].items()]
    if benchmark.broken:
        lines += ["", "Broken:", ""] + [f"- {what}: {why}" for what, why in benchmark.broken.items()]
    lines += ["", "Thresholds:", ""]
    lines += [f"- `{each['row']}` {each['threshold']}: {each['text']}" for each in verdicts if shown(each)]
    return "\n".join(lines)


def shown(each):
    """All but the many contenders that are simply slower."""
    return not (each["threshold"].startswith("ahead of") and each["outcome"] == "met")
