"""What the figures of `make bench` say: the tables, and the verdict on each threshold of thresholds.json, "server".

Ratios are taken round by round, between cells that were measured within seconds of one another, as report.py does it.
"""
import os
import re
import statistics

import report
import results

# Whose version stands in the results, in the order of the columns.
NAMED = ["signet", "glewlwyd", "node", "authlib", "jwt-kit", "nginx", "redis", "raw", "openssl", "argon2", "requests", "load", "wrk"]
COLUMNS = ["signet", "composed limit", "glewlwyd", "node", "node, key prepared", "authlib", "jwt-kit", "bare", "open",
           "nginx", "nginx, asked by wrk"]
# What stands between a row and more of it.
LIMITED_BY = {
    "static": "HTTP on this machine: the kernel, and one parse", "discovery": "Hummingbird; the document is made once",
    "jwks": "Hummingbird; the document is made once", "client_credentials.es256": "one signature, and Hummingbird",
    "client_credentials.rs256": "one signature: RSA is ten times as dear as ES256",
    "client_credentials.eddsa": "one signature, and Hummingbird",
    "client_credentials.private_key_jwt": "one verification, one signature, and one durable write of the assertion's name",
    "refresh": "one durable transaction for many rotations at a time, and one signature",
    "introspect.jwt.unseen": "one verification, and Hummingbird", "introspect.jwt.seen": "Hummingbird",
    "introspect.opaque": "Hummingbird, and one decryption", "userinfo": "Hummingbird; the person is read from the store",
    "revocation": "one durable transaction for many revocations at a time",
    "code": "one durable transaction, and two signatures: an access token and an ID token",
    "me.cached": "Hummingbird", "me.cold": "one verification", "me.redis": "Hummingbird, and a way to Redis",
    "me.introspection": "two servers and a client on one core",
}


def ratios(left, right):
    return [a / b for a, b in zip(left, right)]


def noise(values):
    if len(values) < 4:
        return 0.0
    low, _, high = statistics.quantiles(values, n=4)
    return (high - low) / 2


def at_least(name, what, limit, values):
    """A ratio that has to reach a limit."""
    return report.verdict(name, f"at least {limit} {what}", limit - statistics.median(values), noise(values), "")


def at_most(name, what, limit, value, unit, values=()):
    return report.verdict(name, f"at most {limit}{unit}{what}", value - limit, noise(list(values)), unit)


def judge(benchmark, more):
    thresholds = results.thresholds()
    limits = thresholds["server"]
    rates = benchmark.rates
    found = []
    for name, limit in limits["ofComposed"].items():
        composed, signet = benchmark.composed(name), rates.get(name, {}).get("signet", [])
        if composed and len(composed) == len(signet):
            found.append(at_least(name, "of the composed limit", limit, ratios(signet, composed)))
    for name, (contender, limit) in limits["ofContender"].items():
        cells = rates.get(name, {})
        if "signet" in cells and contender in cells:
            found.append(at_least(name, f"of {contender}", limit, ratios(cells["signet"], cells[contender])))
    for name, limit in limits["timesNode"].items():
        cells = rates.get(name, {})
        for contender in ("node", "node, key prepared"):
            if "signet" in cells and contender in cells:
                found.append(at_least(name, f"times {contender}", limit, ratios(cells["signet"], cells[contender])))
    found += judge_more(more.found, limits)
    return report.marked(found, thresholds)


def judge_more(values, limits):
    found = []
    logins, alone = values.get(("login", "signet")), values.get(("login", "argon2 alone"))
    if logins and alone:
        found.append(at_least("login", "of argon2 alone", limits["loginsOfArgon2"], ratios(logins, alone)))
    quiet, storm = values.get(("storm.p99", "signet, quiet")), values.get(("storm.p99", "signet, during a login storm"))
    if quiet and storm:
        times = ratios(storm, quiet)
        found.append(at_most("storm.p99", " its value without the storm", limits["stormP99Times"], statistics.median(times),
                             " times", times))
    for name, unit in [("start", " ms"), ("memory.idle", " MiB"), ("memory.tokens", " MiB"), ("soak.growth", " MiB")]:
        cell = values.get((name, "signet"))
        if cell:
            found.append(at_most(name, "", limits[name], statistics.median(cell), unit, cell))
    return found


# The text

def spread(values):
    middle = statistics.median(values)
    return f" ±{(max(values) - min(values)) / 2 / middle * 100:.0f} %" if len(values) > 1 and middle else ""


def matrix(benchmark):
    """The rates, a row for each and a column for each contender that has any."""
    rates = {name: dict(cells) for name, cells in benchmark.rates.items() if name in LIMITED_BY}
    for name in rates:
        if name != "introspect.jwt.seen" and name.startswith(("client_credentials", "introspect")):
            limit = benchmark.composed(name) if name in benchmark.raw else []
            if limit:
                rates[name]["composed limit"] = limit
    columns = [name for name in COLUMNS if any(name in cells for cells in rates.values())]
    rows = []
    for name, cells in rates.items():
        line = [f"`{name}`"]
        for column in columns:
            text = report.number(statistics.median(cells[column])) + spread(cells[column]) if column in cells else ""
            line.append(f"**{text}**" if column == "signet" and text else text)
        rows.append(line + [LIMITED_BY[name]])
    return report.table(["requests a second"] + columns + ["what limits it"], rows) if rows else []


def processor(benchmark):
    """What a request costs the processes of Signet, and which part of the core they had busy: below one, it waited."""
    lines = []
    for name, cells in benchmark.rates.items():
        costs = benchmark.costs.get((name, "signet"), [])[1:]
        if costs and "signet" in cells:
            cost = statistics.median(costs)
            busy = cost * statistics.median(cells["signet"]) / 1e6
            lines.append([f"`{name}`", report.number(cost) + spread(costs), f"{busy:.2f}"])
    return [""] + report.table(["Signet's processor", "µs a request", "cores busy"], lines) if lines else []


def latencies(rows):
    """One line for each row and contender: p50, p99 and p99.9 at each share of saturation."""
    cells = {}
    for each in rows:
        if each["row"].startswith("latency."):
            name, share, quantile = re.fullmatch(r"latency\.(.*)\.(\d+)\.(p[\d.]+)", each["row"]).groups()
            cells.setdefault((name, each["contender"]), {}).setdefault(share, {})[quantile] = each["median"]
    if not cells:
        return []
    shares = sorted({share for found in cells.values() for share in found})
    head = ["ms: p50 / p99 / p99.9", "contender"] + [f"at {share} % of saturation" for share in shares]
    return [""] + report.table(head, [
        [f"`{name}`", contender] + [" / ".join(report.number(value) for value in found.get(share, {}).values()) for share in shares]
        for (name, contender), found in cells.items()])


def markdown(benchmark, machine, verdicts):
    lines = [
        f"Signet beside its peers on {machine['processor']}, {machine['system']}, {machine['date']}: each server on core "
        f"{machine['pinnedToCore']}, load generator and Redis on {machine['everybodyElseOnCores']}; the median of "
        f"{machine['rounds']} rounds of {machine['secondsPerCell']} s, and half of what lies between the best and the worst.", ""]
    lines += matrix(benchmark)
    shown = set(LIMITED_BY)
    lines += processor(benchmark) + latencies(benchmark.rows)
    others = [
        each for each in benchmark.rows
        if each["row"] not in shown and not each["row"].startswith(("latency.", "processor."))
    ]
    if others:
        lines += [""] + report.table(["", "contender", "median", "min", "max", "unit"], [
            [f"`{each['row']}`", each["contender"]] + [report.number(each[key]) for key in ("median", "min", "max")] + [each["unit"]]
            for each in others])
    with open(os.path.join(results.HERE, "published.md"), encoding="utf-8") as file:
        lines += ["", file.read().strip()]
    lines += ["", "Contenders:", ""] + [f"- {name}: {version}" for name, version in machine["versions"].items()]
    lines += [f"- password hashes: argon2id {machine['argon2']}", "- commands: in the JSON beside this"]
    if benchmark.cast.missing:
        lines += ["", "Missing:", ""] + [f"- {name}: {why}" for name, why in benchmark.cast.missing.items()]
    if benchmark.broken:
        lines += ["", "Broken:", ""] + [f"- {what}: {why}" for what, why in benchmark.broken.items()]
    lines += ["", "Thresholds:", ""]
    lines += [f"- `{each['row']}` {each['threshold']}: {each['text']}" for each in verdicts]
    return "\n".join(lines)
