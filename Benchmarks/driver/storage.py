"""Measures the stores: python driver/storage.py WORKPLACE [options]. `make bench-storage` runs it.

Prints Markdown tables and what the thresholds say, writes results/storage.json, and exits with 1 if a threshold is not
met.
"""
import argparse
import os
import shutil
import statistics
import sys
import tempfile

import report
import results
from contenders import Contender, Workplace
from results import note, row

SIZES = [10_000, 1_000_000, 10_000_000]
OPERATIONS = ["issue", "rotate", "introspect", "revoke", "sweep"]
# What a family takes on the disk, with its indexes, its share of the log and room for the copy in memory.
BYTES_PER_FAMILY = 2000
# Seconds: the longest command fills nine million families.
PATIENCE = 7200


class Fault(Exception):
    pass


class Benchmark:
    def __init__(self, workplace, options):
        self.workplace = workplace
        self.options = options
        self.rows = []
        self.verdicts = []
        self.broken = {}
        self.about = {}
        self.thresholds = results.thresholds()
        self.limits = self.thresholds["storage"]

    def ask(self, *words):
        answer = self.program.ask(*map(str, words), patience=PATIENCE)
        if "error" in answer:
            raise Fault(f"{words[0]}: {answer['error']}")
        return answer

    def judge(self, name, threshold, excess, unit, noise=0.0):
        self.verdicts.append(report.verdict(name, threshold, excess, noise, unit))

    def run(self):
        parent = os.environ.get("SIGNET_BENCH_FOLDER", self.workplace.folder)
        with tempfile.TemporaryDirectory(prefix="signet-bench-storage-", dir=parent) as folder:
            self.program = Contender("storage", [self.workplace.read("storage.command"), folder], prefix=[])
            try:
                self.measure(folder)
            except (Fault, OSError) as error:
                note(f"sqlite is broken: {error}")
                self.broken["sqlite"] = str(error)
            finally:
                self.program.stop()

    def measure(self, folder):
        sizes = [size for size in SIZES if size <= self.options.families]
        for size in sizes:
            free = shutil.disk_usage(folder).free
            if free < size * BYTES_PER_FAMILY * 1.5:
                raise Fault(f"{size} families need {size * BYTES_PER_FAMILY * 1.5 / 1e9:.0f} GB, {free / 1e9:.0f} are free")
            note(f"sqlite: {size} families")
            filled = self.ask("fill", size)
            self.rows.append(row(f"bytes-per-family.{size}", "sqlite", [filled["bytes"] / size], "bytes"))
            self.about[f"fill.{size}"] = round(filled["seconds"], 1)
            if size == sizes[0]:
                self.rotations()
            self.grow(size)
        first, last = sizes[0], sizes[-1]
        for operation in OPERATIONS:
            for name in ["p50", "p99"]:
                ratio = self.of(f"{operation}.{name}.{last}") / self.of(f"{operation}.{name}.{first}")
                limit = self.limits["growth"][name]
                self.judge(f"{operation}.{name}", f"sqlite: {last} within {limit} times {first}", ratio - limit, " times")
        self.sweep()

    def of(self, name):
        return next(each["median"] for each in self.rows if each["row"] == name)

    def rotations(self):
        rates = {"signet": [], "loop": [], "fdatasync": []}
        for number in range(self.options.rounds + 1):
            ours = self.ask("rotate", self.options.clients, self.options.seconds)
            loop = self.ask("loop", round(ours["together"]), self.options.seconds)
            disk = self.ask("disk", 1)
            self.about["rotations in one commit"] = round(ours["together"])
            if number > 0:
                for name, value in [("signet", ours), ("loop", loop), ("fdatasync", disk)]:
                    rates[name].append(value["rate"])
        for name in ["signet", "loop"]:
            self.rows.append(row("rotate.sqlite", name, rates[name], "rotations/s"))
        self.rows.append(row("disk.fdatasync", "disk", rates["fdatasync"], "calls/s"))
        ratios = [ours / loop for ours, loop in zip(rates["signet"], rates["loop"])]
        self.rows.append(row("rotate.sqlite", "signet/loop", ratios, "times"))
        least = self.limits["rotate"]["ofLoop"]
        self.judge("rotate.sqlite", f"at least {least} of the loop", least - statistics.median(ratios), " times")
        least = self.limits["rotate"]["sqlite"]
        self.judge("rotate.sqlite", f"at least {least}/s", least - statistics.median(rates["signet"]), " rotations/s")

    def grow(self, size):
        batches = [self.ask("growth", self.options.samples // 5) for _ in range(5)]
        for operation in OPERATIONS:
            for name in ["p50", "p99"]:
                values = [batch[operation][name] for batch in batches]
                self.rows.append(row(f"{operation}.{name}.{size}", "sqlite", values, "ms"))

    def sweep(self):
        expired = min(self.options.families, self.options.expired)
        note(f"sqlite: sweeping {expired} expired families")
        found = self.ask("sweep", expired)
        self.rows.append(row("sweep.time", "sqlite", [found["seconds"]], "s"))
        self.rows.append(row("sweep.rotate.p99", "quiet", [found["quiet"]], "ms"))
        self.rows.append(row("sweep.rotate.p99", "sweeping", [found["sweeping"]], "ms"))
        self.about["swept"] = found["deleted"]
        self.judge("sweep.deleted", "everything that has expired", expired - found["deleted"], " records")
        limit = self.limits["sweepSecondsPerThousand"] * expired / 1000
        self.judge("sweep.time", f"at most {limit:.0f} s", found["seconds"] - limit, " s")
        limit = self.limits["sweepP99Times"]
        self.judge(
            "sweep.rotate.p99", f"within {limit} times of quiet", found["sweeping"] / found["quiet"] - limit, " times"
        )

    def machine(self):
        return {
            **results.machine(self.options.load, pinned_to=None), "families": self.options.families,
            "clients": self.options.clients, "rounds": self.options.rounds, **self.about,
            "versions": {"signet": self.workplace.version("storage")},
        }

    def markdown(self, machine):
        lines = [f"Stores on {machine['processor']}, {machine['system']}, {machine['date']}.", ""]
        lines += report.table(
            ["", "contender", "median", "min", "max", "unit"],
            [
                [f"`{each['row']}`", each["contender"]]
                + [report.number(each[key]) for key in ("median", "min", "max")] + [each["unit"]]
                for each in self.rows
            ],
        )
        lines += [""] + [f"- {name}: {value}" for name, value in self.about.items()]
        if self.broken:
            lines += ["", "Broken:", ""] + [f"- {what}: {why}" for what, why in self.broken.items()]
        lines += ["", "Thresholds:", ""]
        lines += [f"- `{each['row']}` {each['threshold']}: {each['text']}" for each in self.verdicts]
        return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description="Measures the stores.")
    parser.add_argument("workplace", help="the folder that scripts/bench-storage.sh prepared")
    parser.add_argument("--families", type=int, default=1_000_000, help="how large the store grows")
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=5, help="of rotations")
    parser.add_argument("--seconds", type=int, default=3, help="how long a contender rotates in a round")
    parser.add_argument("--samples", type=int, default=5000, help="of each operation at each size")
    parser.add_argument("--expired", type=int, default=1_000_000, help="families that the sweep works off, at most")
    parser.add_argument("--output", default=results.path("storage.json"))
    options = parser.parse_args()
    options.load = round(os.getloadavg()[0], 2)
    benchmark = Benchmark(Workplace(options.workplace), options)
    benchmark.run()
    report.marked(benchmark.verdicts, benchmark.thresholds)
    machine = benchmark.machine()
    print(benchmark.markdown(machine))
    return results.write(options.output, machine, benchmark.rows, benchmark.broken, benchmark.verdicts)


if __name__ == "__main__":
    sys.exit(main())
