"""Measures the server beside its peers and its limits: python driver/server.py WORKPLACE [options]. `make bench` runs it.

Prints Markdown, writes results/server.json, results/server.md and Docs/images/bench.svg, and exits with 1 if a threshold is
not met.
"""
import argparse
import json
import os
import re
import subprocess
import sys

import chart
import contenders
import material
import results
import server_report
import servers
import wrk
from cast import Cast, cores
from contenders import Workplace
from more_rows import MoreRows
from results import note, row

PARTS = ["rates", "latency", "people", "storm", "start", "memory", "size", "soak"]
QUICK = {"parts": ["rates", "people", "start", "size"], "rounds": 3, "seconds": 0.5}
FULL = {"parts": PARTS, "rounds": 5, "seconds": 1.0}
# The raw operation that a row contains, for its composed limit.
RAW = {
    "client_credentials.es256": ("sign", "ES256"), "client_credentials.rs256": ("sign", "RS256"),
    "client_credentials.eddsa": ("sign", "EdDSA"), "introspect.jwt.unseen": ("verify", "ES256"),
    "introspect.jwt.seen": None,
}
# What `openssl speed` calls it.
OPENSSL = {"RS256": "rsa2048"}


class Benchmark:
    def __init__(self, workplace, options, cast):
        self.workplace = workplace
        self.options = options
        self.cast = cast
        self.rows = []
        # row -> contender -> requests a second, one a round
        self.rates = {}
        # (row, contender) -> the last rate, by which the next round knows how many values to mint
        self.known = {}
        # (row, contender) -> microseconds of the server's processes a request, one a round, the warming up first
        self.costs = {}
        # row -> microseconds of the raw operation, one a round
        self.raw = {}
        self.about = {}
        self.broken = cast.broken
        self.commands = {}

    # Rates

    def measure(self):
        raw = self.start_raw()
        # Logins are measured in turns with argon2 alone, as a part of its own.
        names = [name for name in self.cast.rows if name != "login"]
        try:
            # The first round warms up, and is forgotten.
            for number in range(self.options.rounds + 1):
                note("warming up" if number == 0 else f"round {number} of {self.options.rounds}")
                for name in names:
                    self.measure_row(name, number, raw)
        finally:
            if raw:
                raw.stop()

    def measure_row(self, name, number, raw):
        plans = self.cast.rows[name]
        able = [each for each in plans if self.takes_part(name, each)]
        turn = number % max(1, len(able))
        for contender in able[turn:] + able[:turn]:
            try:
                rate = self.once(name, contender, plans[contender])
            except (servers.Fault, OSError) as error:
                note(f"{contender} is broken in {name}: {error}")
                self.broken[f"{contender}: {name}"] = str(error)
                continue
            if number > 0:
                self.rates.setdefault(name, {}).setdefault(contender, []).append(rate)
        if name == "static" and able and number > 0 and not self.workplace.missing("wrk"):
            # That the load generator is not what limits: a second one, which others know, on the same file.
            url = f"{self.cast.running['nginx'].url}/static.json"
            rate = wrk.rate(url, self.cast.elsewhere, 32, max(1, round(self.options.seconds)))
            self.rates[name].setdefault("nginx, asked by wrk", []).append(rate)
        if raw and RAW.get(name) and able and number > 0:
            self.raw.setdefault(name, []).append(self.raw_cost(raw, *RAW[name]))

    def takes_part(self, name, contender):
        options = self.options
        wanted = re.search(options.rows, name) and re.search(options.contenders, contender)
        return bool(wanted) and f"{contender}: {name}" not in self.broken

    def once(self, name, contender, plan):
        watched = self.cast.process(plan.port)
        if plan.mint:
            count = max(200, round(self.known.get((name, contender), 500) * self.options.seconds))
            found = self.cast.load.run(plan, count=count, watched=watched)
        else:
            found = self.cast.load.run(plan, seconds=self.options.seconds, watched=watched)
        self.known[name, contender] = found["rate"]
        if watched:
            self.costs.setdefault((name, contender), []).append(found["processor"] / found["answered"] * 1e6)
        return found["rate"]

    # The limits of signatures

    def start_raw(self):
        if self.workplace.missing("raw"):
            return None
        folder = os.path.join(self.cast.load.folder, "material")
        os.makedirs(folder, mode=0o700, exist_ok=True)
        for algorithm in ("ES256", "RS256", "EdDSA"):
            material.write(folder, algorithm, material.make_key(algorithm), "at+jwt", 1_700_000_000)
        raw = contenders.Contender("raw", [*self.cast.command("raw"), folder])
        for algorithm in ("ES256", "RS256", "EdDSA"):
            found = raw.ask("check", algorithm)
            if not (found.get("good") is True and found.get("flipped") is False):
                self.broken["raw"] = f"{algorithm}: {found}"
                raw.stop()
                return None
        return raw

    def raw_cost(self, raw, operation, algorithm):
        """Microseconds of swift-crypto, or of OpenSSL where that signs faster."""
        cost = raw.ask("measure", operation, algorithm, "0.3")["nanoseconds"] / 1000
        self.rates.setdefault(f"{operation}.{algorithm}", {}).setdefault("swift-crypto", []).append(1e6 / cost)
        if operation != "sign" or algorithm not in OPENSSL:
            return cost
        command = [*self.cast.server, "openssl", "speed", "-mr", "-seconds", "1", OPENSSL[algorithm]]
        self.commands["openssl"] = " ".join(command)
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        # +F2:number:bits:signatures a second:verifications a second
        rate = float(re.search(r"^\+F2:\d+:\d+:([0-9.e+]+)", said, re.MULTILINE).group(1))
        self.rates[f"{operation}.{algorithm}"].setdefault("openssl", []).append(rate)
        return min(cost, 1e6 / rate)

    def composed(self, name):
        """The composed limit of a row, one a round: an empty POST and the raw operation, one after the other."""
        bare, raw = self.rates.get(name, {}).get("bare"), self.raw.get(name, [])
        if not bare or (RAW[name] and len(raw) != len(bare)):
            return []
        return [1e6 / (1e6 / rate + (raw[number] if RAW[name] else 0)) for number, rate in enumerate(bare)]

    def rate_rows(self):
        found = [
            row(name, contender, values, "hashes/s" if name == "argon2" else "signatures/s" if name.startswith("sign.")
                else "verifications/s" if name.startswith("verify.") else "requests/s")
            for name, cells in self.rates.items() for contender, values in cells.items()
        ]
        found += [row(f"processor.{name}", contender, values[1:], "µs a request")
                  for (name, contender), values in self.costs.items() if len(values) > 1]
        for name in RAW:
            limit = self.composed(name)
            if limit and RAW[name]:
                found.append(row(name, "composed limit", limit, "requests/s"))
        return found

    # What came of it

    def started(self):
        """How everybody was started, below this repository, without the secrets that were drawn for this run."""
        lines = {name: " ".join(server.command_line) for name, server in self.cast.running.items()}
        for name, server in self.cast.running.items():
            lines[name] = lines[name].replace(getattr(server, "secret", None) or "\0", "SECRET")
        lines |= {**self.commands, "load": " ".join(self.cast.load.last)}
        root = os.path.dirname(results.HERE) + "/"
        return {name: line.replace(root, "") for name, line in lines.items()}

    def machine(self):
        core, others = cores()
        versions = {}
        for name in server_report.NAMED:
            reason = self.workplace.missing(name)
            versions[name] = f"missing: {reason}" if reason else self.workplace.version(name)
        settings = json.loads(subprocess.run(
            [self.cast.command("signet")[0], "config", "show", "--json", "--data-dir", self.cast.signet.data],
            capture_output=True, text=True, check=True).stdout)
        return {
            **results.machine(self.options.load, pinned_to=core),
            "everybodyElseOnCores": others,
            "dataOn": subprocess.run(["stat", "-f", "-c", "%T", self.cast.signet.data], capture_output=True, text=True,
                                     check=False).stdout.strip(),
            "rounds": self.options.rounds,
            "secondsPerCell": self.options.seconds,
            "argon2": {name: each["value"] for name, each in settings.items() if name.startswith("argon2.")},
            **self.about,
            "commands": self.started(),
            "versions": versions,
        }


def parse(arguments):
    parser = argparse.ArgumentParser(description="Measures the server beside its peers and its limits.")
    parser.add_argument("workplace", help="the folder that scripts/bench.sh prepared")
    parser.add_argument("--quick", action="store_true", help="fewer rounds and parts: under five minutes")
    parser.add_argument("--parts", nargs="+", choices=PARTS, help="only these")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--seconds", type=float, help="how long a cell is measured in a round")
    parser.add_argument("--rows", default="", help="a regular expression: only these rates")
    parser.add_argument("--contenders", default="", help="a regular expression: only these")
    parser.add_argument("--tokens", type=int, default=1_000_000, help="issued before memory is looked at")
    parser.add_argument("--sessions", type=int, default=100_000, help="live sessions then, each with its refresh tokens")
    parser.add_argument("--soak", type=int, default=600, help="seconds of the soak")
    parser.add_argument("--output", default=results.path("server.json"))
    parser.add_argument("--chart", default=os.path.join(os.path.dirname(results.HERE), "Docs", "images", "bench.svg"))
    options = parser.parse_args(arguments)
    for name, value in (QUICK if options.quick else FULL).items():
        if getattr(options, name) is None:
            setattr(options, name, value)
    options.load = round(os.getloadavg()[0], 2)
    return options


def main():
    options = parse(sys.argv[1:])
    workplace = Workplace(options.workplace)
    with Cast(workplace, options) as cast:
        cast.assemble()
        benchmark = Benchmark(workplace, options, cast)
        more = MoreRows(benchmark)
        if "rates" in options.parts:
            benchmark.measure()
        for part in options.parts[:]:
            if part == "rates":
                continue
            try:
                note(part)
                getattr(more, part)()
            except (servers.Fault, OSError, ValueError, KeyError, subprocess.SubprocessError) as error:
                note(f"{part} is broken: {error!r}")
                benchmark.broken[part] = str(error) or repr(error)
        benchmark.rows = benchmark.rate_rows() + more.rows
        machine = benchmark.machine()
    verdicts = server_report.judge(benchmark, more)
    text = server_report.markdown(benchmark, machine, verdicts)
    print(text)
    with open(os.path.splitext(options.output)[0] + ".md", "w", encoding="utf-8") as file:
        file.write(text + "\n")
    chart.write(options.chart, benchmark.rows, machine)
    return results.write(options.output, machine, benchmark.rows, benchmark.broken, verdicts)


if __name__ == "__main__":
    sys.exit(main())
