"""Measures the revocation feed: python driver/revocation.py WORKPLACE [options]. `make bench-revocation` runs it.

Prints Markdown tables and what the thresholds say, writes results/revocation.json, and exits with 1 if a threshold is
not met.
"""
import argparse
import math
import os
import statistics
import sys
import tempfile

import report
import results
import servers
from contenders import Contender, Workplace, pinning
from request_cost import CONNECTIONS, DENIED, RequestCost
from results import note, row

PARTS = ["propagation", "verify", "storm", "requests"]
# Resource servers, and how many revocations each of them hears of: idle, and loaded.
FOLLOWERS = {1: 200, 10: 100, 100: 50}
BATCHES = 5
CUTS = 10
LOAD = 0.8
ENTRIES = [0, 10_000, 1_000_000]
MAXIMUM_STALENESS = 1000
# Revocations a second, and how many of them one act brings.
STORM = {"rate": 10_000, "seconds": 12, "bound": 100_000, "together": {"one an act": 1, "ten an act": 10}}


def quantile(values, share):
    """The smallest value that so large a share of all does not exceed."""
    return sorted(values)[max(0, math.ceil(len(values) * share) - 1)]


class Benchmark:
    def __init__(self, workplace, options):
        self.workplace = workplace
        self.options = options
        self.broken = {}
        self.rows = []
        self.verdicts = []
        self.about = {}
        self.thresholds = results.thresholds()
        self.limits = self.thresholds["revocation"]

    def start(self, mode, material, prefix=None):
        command = [self.workplace.read("revocation.command"), mode, material]
        return Contender(mode, command, prefix=prefix)

    def ask(self, contender, *words):
        answer = contender.ask(*map(str, words))
        if "error" in answer:
            raise servers.Fault(f"{contender.name} {words[0]}: {answer['error']}")
        return answer

    def judge(self, name, threshold, excess, unit, noise=0.0, because=""):
        self.verdicts.append(report.verdict(name, threshold, excess, noise, unit, because))

    def run(self):
        for part in PARTS:
            if part not in self.options.parts:
                continue
            try:
                getattr(self, part)()
            except (servers.Fault, OSError) as error:
                note(f"{part} is broken: {error}")
                self.broken[part] = str(error)

    # How soon

    def propagation(self):
        with servers.Issuer(self.workplace.read("signet.command")) as issuer:
            material = issuer.material()
            verifiers, load = self.start("propagation", material, []), self.start("load", material, [])
            try:
                for count, revocations in FOLLOWERS.items():
                    self.follow(count, revocations, verifiers, load)
                self.cut_off(verifiers)
            finally:
                verifiers.stop()
                load.stop()

    def follow(self, count, revocations, verifiers, load):
        self.ask(verifiers, "follow", count)
        for contender in ["idle", "loaded"]:
            note(f"propagation: {revocations} revocations, {count} resource servers, the server {contender}")
            if contender == "loaded":
                saturated = self.ask(load, "saturate", 3)["rate"]
                self.ask(load, "pace", saturated * LOAD)
            # The first ones find caches and connections cold.
            self.ask(verifiers, "measure", 3)
            batches = [self.ask(verifiers, "measure", revocations // BATCHES) for _ in range(BATCHES)]
            if contender == "loaded":
                done = self.ask(load, "stop")
                self.about[f"load.{count}"] = {
                    "saturation": round(saturated), "offered": round(saturated * LOAD), "answered": round(done["rate"]),
                    "failed": done["failed"],
                }
            self.tell(count, contender, batches)

    def tell(self, count, contender, batches):
        everything = [delay for batch in batches for delay in batch["delays"]]
        for name, share in [("p50", 0.5), ("p99", 0.99)]:
            values = [quantile(each["delays"], share) for each in batches]
            found = row(f"propagation.{name}.{count}", contender, values, "ms")
            # Over all samples; the spread is that of the batches.
            found["median"] = round(quantile(everything, share), 3)
            found["samples"] = len(everything)
            self.rows.append(found)
        limit = self.limits["propagation.p99"][contender]
        self.judge(f"propagation.p99.{count}", f"{contender}: at most {limit} ms", found["median"] - limit, " ms")
        self.rows.append(row(f"propagation.max.{count}", contender, [max(everything)], "ms"))
        answers = [answer for batch in batches for answer in batch["answers"]]
        self.rows.append(row(f"propagation.answer.{count}", contender, answers, "ms"))
        rounds = [batch["round"]["p99"] for batch in batches]
        self.rows.append(row(f"propagation.resolution.{count}", contender, rounds, "ms"))

    def cut_off(self, verifiers):
        note(f"cut-off: {CUTS} times")
        found = self.ask(verifiers, "cut", CUTS)
        self.rows.append(row("cut-off.strict", "from the cut", found["fromCut"], "ms"))
        self.rows.append(row("cut-off.strict", "from the revocation", found["fromRevocation"], "ms"))
        limit = MAXIMUM_STALENESS + self.limits["resolution"]
        threshold = f"never more than {MAXIMUM_STALENESS} ms after the cut"
        self.judge("cut-off.strict", threshold, max(found["fromCut"]) - limit, " ms")

    # What a verification costs

    def verify(self):
        contender = self.start("verify", "-")
        try:
            for entries in ENTRIES:
                note(f"verify: {entries} entries")
                self.ask(contender, "entries", entries)
                times = {"signet": [], "empty": []}
                for number in range(self.options.rounds + 1):
                    names = ["signet", "empty"] if number % 2 else ["empty", "signet"]
                    for name in names:
                        time = self.ask(contender, "measure", name, self.options.seconds)["nanoseconds"] / 1000
                        if number > 0:
                            times[name].append(time)
                name = f"verify.entries-{entries}"
                self.rows += [row(name, each, values, "µs") for each, values in times.items()]
                more, noise = report.difference(times["signet"], times["empty"])
                self.rows.append(
                    row(name, "difference", [a - b for a, b in zip(times["signet"], times["empty"])], "µs")
                )
                limit = self.limits["verifyMicrosecondsOverEmpty"].get(name)
                if limit is not None:
                    self.judge(name, f"empty + {limit} µs", more - limit, " µs", noise)
        finally:
            contender.stop()
        note("memory: a million entries")
        found = []
        for _ in range(3):
            fresh = self.start("verify", "-")
            try:
                found.append(self.ask(fresh, "memory", ENTRIES[-1]))
            finally:
                fresh.stop()
        self.rows.append(row("memory.entry", "signet", [each["resident"] for each in found], "bytes"))
        self.rows.append(row("memory.entry", "as counted", [each["counted"] for each in found], "bytes"))
        limit = self.limits["bytesPerEntry"]
        resident = statistics.median(each["resident"] for each in found)
        self.judge("memory.entry", f"at most {limit} bytes", resident - limit, " bytes")

    # A storm

    def storm(self):
        for contender, together in STORM["together"].items():
            note(f"storm: {STORM['rate']} revocations a second for {STORM['seconds']} s, {contender}")
            with tempfile.TemporaryDirectory(prefix="signet-bench-storm-") as folder:
                weather = self.start("storm", folder, [])
                try:
                    words = [STORM["rate"], STORM["seconds"], STORM["bound"], together]
                    self.tell_storm(contender, self.ask(weather, "storm", *words))
                finally:
                    weather.stop()

    def tell_storm(self, contender, found):
        mebibyte = 1024 * 1024
        for name, value, unit in [
            ("rate", found["rate"], "revocations/s"), ("revoked", found["revoked"], "revocations"),
            ("lost", found["lost"], "revocations"), ("catch-up", found["catchUpMilliseconds"], "ms"),
            ("staleness", found["mostStaleMilliseconds"], "ms"),
            ("covered-by-cut-off", found["widened"], "revocations"), ("entries", found["mostEntries"], "entries"),
            ("set", found["mostBytes"] / mebibyte, "MiB"), ("resident", found["residentBytes"] / mebibyte, "MiB"),
        ]:
            self.rows.append(row(f"storm.{name}", contender, [value], unit))
        self.about[f"storm, {contender}"] = {
            "asked": STORM["rate"], "seconds": round(found["seconds"], 1), "bound": STORM["bound"],
            "untouchedRefused": found["untouchedRefused"], "faults": found["faults"],
        }
        self.judge("storm.lost", f"{contender}: none", found["lost"], " revocations")
        # A rate is reached if nearly everything that was due was done.
        wanted = self.limits["stormRate"]
        self.judge("storm.rate", f"{contender}: {wanted} revocations/s", wanted * 0.99 - found["rate"], " revocations/s")
        # What arrives while the smaller snapshot is on its way comes on top of the bound.
        bound = round(STORM["bound"] * self.limits["stormEntriesOverBound"])
        self.judge("storm.entries", f"{contender}: at most {bound}", found["mostEntries"] - bound, " entries")
        limit = bound * self.limits["bytesPerEntry"] / mebibyte
        self.judge("storm.set", f"{contender}: at most {limit:.2f} MiB", found["mostBytes"] / mebibyte - limit, " MiB")

    # What a request costs

    def requests(self):
        cost = RequestCost(self.workplace, self.options.request_rounds, self.options.request_seconds)
        cost.run()
        self.broken |= {f"requests {route}": why for route, why in cost.broken.items()}
        self.rows += [row("request.rps", route, rates, "requests/s") for route, rates in cost.rates.items()]
        costs = cost.costs()
        self.rows += [row("request.cost", route, values, "µs") for route, values in costs.items()]
        for other in ["redis", "introspection"]:
            if "signet" in costs and other in costs:
                behind, noise = report.difference(costs["signet"], costs[other])
                self.judge("request.cost", f"ahead of {other}", behind, " µs", noise)

    # What came of it

    def machine(self):
        versions = {name: self.workplace.version(name) for name in ["signet", "jwt-kit", "redis", "wrk"]}
        return {
            **results.machine(self.options.load, pinned_to=pinning()[1]),
            "rounds": self.options.rounds,
            "requestRounds": self.options.request_rounds,
            "connections": CONNECTIONS,
            "deniedInRedis": DENIED,
            **self.about,
            "versions": versions,
        }

    def markdown(self, machine):
        lines = [f"Revocation on {machine['processor']}, {machine['system']}, {machine['date']}.", ""]
        lines += report.table(
            ["", "contender", "median", "min", "max", "unit"],
            [
                [f"`{each['row']}`", each["contender"]]
                + [report.number(each[key]) for key in ("median", "min", "max")] + [each["unit"]]
                for each in self.rows
            ],
        )
        lines += ["", "Versions:", ""] + [f"- {name}: {version}" for name, version in machine["versions"].items()]
        lines += [f"- {name}: {value}" for name, value in self.about.items()]
        if self.broken:
            lines += ["", "Broken:", ""] + [f"- {what}: {why}" for what, why in self.broken.items()]
        lines += ["", "Thresholds:", ""]
        lines += [f"- `{each['row']}` {each['threshold']}: {each['text']}" for each in self.verdicts]
        return "\n".join(lines)


def parse(arguments):
    parser = argparse.ArgumentParser(description="Measures the revocation feed.")
    parser.add_argument("workplace", help="the folder that scripts/bench-revocation.sh prepared")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS, help="only these")
    parser.add_argument("--rounds", type=int, default=11, help="of a verification")
    parser.add_argument("--seconds", type=float, default=0.3, help="how long a verification is measured in a round")
    parser.add_argument("--request-rounds", type=int, default=7)
    parser.add_argument("--request-seconds", type=int, default=2, help="how long a route is asked in a round")
    parser.add_argument("--output", default=results.path("revocation.json"))
    options = parser.parse_args(arguments)
    options.load = round(os.getloadavg()[0], 2)
    return options


def main():
    options = parse(sys.argv[1:])
    benchmark = Benchmark(Workplace(options.workplace), options)
    benchmark.run()
    report.marked(benchmark.verdicts, benchmark.thresholds)
    machine = benchmark.machine()
    print(benchmark.markdown(machine))
    return results.write(options.output, machine, benchmark.rows, benchmark.broken, benchmark.verdicts)


if __name__ == "__main__":
    sys.exit(main())
