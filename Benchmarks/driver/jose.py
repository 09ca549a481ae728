"""Measures JOSE against its contenders: python driver/jose.py WORKPLACE [options]. `make bench-jose` runs it.

Prints a Markdown table and what the thresholds say, writes results/jose.json, and exits with 1 if a threshold is not met.
"""
import argparse
import base64
import json
import os
import re
import sys
import time

import material
import report
import results
from contenders import NAMES, SWIFT, Workplace, pinning
from results import note, row

ALGORITHMS = ["HS256", "HS512", "RS256", "RS512", "PS256", "ES256", "ES384", "ES512", "EdDSA", "ML-DSA-65"]
OPERATIONS = ["verify", "verify-cached", "sign"]
# Versions of libjwt before 2 refuse every typ but JWT: it gets the same tokens with that one.
OTHER_TYPE = {"libjwt": "JWT"}


def fault(contender, algorithm, key, answer, claims):
    """What is wrong with a contender's answer to `check`, or None."""
    if "error" in answer:
        return answer["error"]
    # Raw swift-crypto sees a signature and no claims.
    wanted = {"good": True, "flipped": False}
    if contender != "raw":
        wanted |= {"audience": False, "expired": False}
    for name, value in wanted.items():
        if answer.get(name) != value:
            return f"the {name} token was {'refused' if value else 'accepted'}"
    token = answer.get("signed") or ""
    if not material.verifies(algorithm, key, token):
        return "what it signs does not verify"
    payload = token.split(".")[1]
    if json.loads(base64.urlsafe_b64decode(payload + "==")) != claims:
        return "it signs other claims"
    return None


class Benchmark:
    def __init__(self, workplace, options):
        self.workplace = workplace
        self.options = options
        self.algorithms = [name for name in ALGORITHMS if re.search(options.algorithms, name)]
        names = [name for name in NAMES if re.search(options.contenders, name)]
        self.missing = {name: reason for name in names if (reason := workplace.missing(name))}
        self.names = [name for name in names if name not in self.missing]
        self.broken = {}
        # (operation, algorithm) -> contender -> microseconds, one a round
        self.times = {}
        # (operation, algorithm) -> contender -> allocations
        self.allocations = {}

    def prepare(self):
        """Writes keys and tokens; each contender proves what it accepts, refuses and signs."""
        self.materials = {None: os.path.join(self.workplace.folder, "material")}
        for kind in set(OTHER_TYPE.values()):
            self.materials[kind] = os.path.join(self.materials[None], f"typ-{kind}")
        keys = {algorithm: material.make_key(algorithm) for algorithm in self.algorithms}
        now = int(time.time())
        for kind, folder in self.materials.items():
            os.makedirs(folder, mode=0o700, exist_ok=True)
            for algorithm, key in keys.items():
                material.write(folder, algorithm, key, kind or "at+jwt", now)
        self.running = {name: self.workplace.start(name, self.folder(name)) for name in self.names}
        self.able = {}
        for algorithm, key in keys.items():
            with open(os.path.join(self.materials[None], f"{algorithm}.claims"), encoding="utf-8") as file:
                claims = json.load(file)
            self.able[algorithm] = []
            for name, contender in self.running.items():
                answer = contender.ask("check", algorithm)
                if answer.get("unsupported"):
                    continue
                wrong = fault(name, algorithm, key, answer, claims)
                if wrong is None:
                    self.able[algorithm].append(name)
                else:
                    note(f"{name} is broken for {algorithm}: {wrong}")
                    self.broken[f"{name} {algorithm}"] = wrong

    def folder(self, name):
        return self.materials[OTHER_TYPE.get(name)]

    def measure(self):
        """Rounds over all cells. The contenders of a row follow one another; each round begins with another one."""
        cells = [(operation, algorithm) for operation in OPERATIONS for algorithm in self.algorithms]
        # The first round warms up just-in-time compilers and caches, and is forgotten.
        for number in range(self.options.rounds + 1):
            note("warming up" if number == 0 else f"round {number} of {self.options.rounds}")
            for operation, algorithm in cells:
                names = self.able[algorithm]
                turn = number % max(1, len(names))
                for name in names[turn:] + names[:turn]:
                    self.measure_once(name, operation, algorithm, is_kept=number > 0)
        for contender in self.running.values():
            contender.stop()

    def measure_once(self, name, operation, algorithm, is_kept):
        if operation == "verify-cached" and name != "signet":
            return
        answer = self.running[name].ask("measure", operation, algorithm, str(self.options.seconds))
        if "nanoseconds" in answer and is_kept:
            row = self.times.setdefault((operation, algorithm), {})
            row.setdefault(name, []).append(answer["nanoseconds"] / 1000)
        elif "error" in answer:
            self.broken[f"{name} {operation}.{algorithm}"] = answer["error"]

    def count_allocations(self):
        shim = os.path.join(self.workplace.folder, "count.so")
        if not os.path.exists(shim):
            note("allocations are counted on Linux only")
            return
        for name in [name for name in self.names if name in SWIFT]:
            contender = self.workplace.start(name, self.folder(name), {"LD_PRELOAD": shim})
            for algorithm in [each for each in self.algorithms if name in self.able[each]]:
                for operation in OPERATIONS:
                    count = contender.ask("allocations", operation, algorithm).get("allocations")
                    if count is not None:
                        self.allocations.setdefault((operation, algorithm), {})[name] = count
            contender.stop()
        cells = [(operation, algorithm) for operation in OPERATIONS for algorithm in self.algorithms]
        self.allocations = {cell: self.allocations[cell] for cell in cells if cell in self.allocations}

    def machine(self):
        core = pinning()[1]
        versions = {name: self.workplace.version(name) for name in self.names}
        versions |= {name: f"missing: {reason}" for name, reason in self.missing.items()}
        return {
            **results.machine(self.options.load, pinned_to=core),
            "rounds": self.options.rounds,
            "secondsPerCell": self.options.seconds,
            "versions": versions,
        }

    def rows(self):
        timed = [
            row(f"{operation}.{algorithm}", name, values, "µs")
            for (operation, algorithm), cells in self.times.items()
            for name, values in cells.items()
        ]
        counted = [
            row(f"allocations.{operation}.{algorithm}", name, [count], "allocations")
            for (operation, algorithm), cells in self.allocations.items()
            for name, count in cells.items()
        ]
        return timed + counted


def parse(arguments):
    parser = argparse.ArgumentParser(description="Measures JOSE against its contenders.")
    parser.add_argument("workplace", help="the folder that scripts/bench-jose.sh prepared")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=0.3, help="how long a cell is measured in a round")
    parser.add_argument("--algorithms", default="", help="a regular expression: only these")
    parser.add_argument("--contenders", default="", help="a regular expression: only these")
    parser.add_argument("--output", default=results.path("jose.json"))
    options = parser.parse_args(arguments)
    options.load = round(os.getloadavg()[0], 2)
    return options


def main():
    options = parse(sys.argv[1:])
    benchmark = Benchmark(Workplace(options.workplace), options)
    benchmark.prepare()
    benchmark.measure()
    benchmark.count_allocations()
    verdicts = report.judge(benchmark, results.thresholds())
    machine = benchmark.machine()
    print(report.markdown(benchmark, machine, verdicts))
    return results.write(options.output, machine, benchmark.rows(), benchmark.broken, verdicts)


if __name__ == "__main__":
    sys.exit(main())
