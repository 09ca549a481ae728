"""Measures the stores: python driver/storage.py WORKPLACE [options]. `make bench-storage` runs it.

Prints Markdown tables and what the thresholds say, writes results/storage.json, and exits with 1 if a threshold is not
met.
"""
import argparse
import contextlib
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "Examples" / "cluster"))
sys.path.append(str(ROOT / "Tests" / "Journeys"))

import report
import results
from cluster import Cluster, postgres_folder
from contenders import Contender, Workplace
from results import note, row
from signet import free_ports

SIZES = [10_000, 1_000_000, 10_000_000]
OPERATIONS = ["issue", "rotate", "introspect", "revoke", "sweep"]
# What a family takes on the disk, with its indexes, its share of the log and room for the copy in memory.
BYTES_PER_FAMILY = 2000
# As long as a family's payload in Benchmarks/Storage/Family.swift.
PAYLOAD_BYTES = 720
# Of the store and of pgbench.
CONNECTIONS = 8
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

    @staticmethod
    def ask(program, *words):
        answer = program.ask(*map(str, words), patience=PATIENCE)
        if "error" in answer:
            raise Fault(f"{words[0]}: {answer['error']}")
        return answer

    def judge(self, name, threshold, excess, unit, noise=0.0):
        self.verdicts.append(report.verdict(name, threshold, excess, noise, unit))

    def run(self):
        parent = os.environ.get("SIGNET_BENCH_FOLDER", self.workplace.folder)
        for engine in self.options.engines:
            with tempfile.TemporaryDirectory(prefix="signet-bench-storage-", dir=parent) as folder:
                try:
                    self.engine = engine
                    self.measure_engine(folder)
                except (Fault, OSError, subprocess.SubprocessError) as error:
                    note(f"{engine} is broken: {error}")
                    self.broken[engine] = str(error)

    def measure_engine(self, folder):
        database = None
        places = [os.path.join(folder, name) for name in ["growing", "small"]]
        if self.engine == "postgres":
            # Its own PostgreSQL, with the settings of the package: fsync, synchronous_commit, 128 MB of buffers.
            for parent in [pathlib.Path(folder), *pathlib.Path(folder).parents]:
                if not parent.stat().st_mode & 0o001 and parent.stat().st_uid == os.getuid():
                    parent.chmod(parent.stat().st_mode | 0o011)
            database = Cluster(None, pathlib.Path(folder), free_ports(6), nodes=0)
            database.start_postgres()
            subprocess.run(
                [postgres_folder() / "createdb", "-h", "127.0.0.1", "-p", str(database.postgres_port), "-U", "signet", "small"],
                check=True)
            places = [database.store, database.store.removesuffix("/postgres") + "/small"]
        else:
            for place in places:
                os.mkdir(place)
        self.database = database
        command = self.workplace.read("storage.command")
        with contextlib.ExitStack() as ended:
            if database:
                ended.callback(database.stop)
            programs = []
            for place in places:
                programs.append(Contender("storage", [command, place], prefix=[]))
                ended.callback(programs[-1].stop)
            self.measure(folder, *programs)

    def measure(self, folder, growing, small):
        sizes = [size for size in SIZES if size <= self.options.families]
        for size in sizes:
            free = shutil.disk_usage(folder).free
            if free < size * BYTES_PER_FAMILY * 1.5:
                raise Fault(f"{size} families need {size * BYTES_PER_FAMILY * 1.5 / 1e9:.0f} GB, {free / 1e9:.0f} are free")
            note(f"{self.engine}: filling up to {size} families")
            filled = self.ask(growing, "fill", size)
            self.rows.append(row(f"bytes-per-family.{size}", self.engine, [filled["bytes"] / size], "bytes"))
            self.about[f"{self.engine}: fill.{size}"] = round(filled["seconds"], 1)
            if size == sizes[0]:
                self.rotations(growing, size)
                self.ask(small, "fill", size)
            self.settle(folder)
            if sizes[0] < size == sizes[-1]:
                self.compare(size, growing, sizes[0], small)
            else:
                self.grow({self.engine: growing}, size)
        self.sweep(growing)

    def compare(self, size, growing, first, small):
        """A store of this size and a small one in turns: a machine that is shared is slower at one hour than at another, and
        filling takes half of one."""
        beside = f"{self.engine}, {first} families"
        medians = self.grow({self.engine: growing, beside: small}, size)
        for name, ours in medians[self.engine].items():
            limit = self.limits["growth"][name.split(".")[1]]
            self.judge(
                name, f"{self.engine}: {size} within {limit} times {first}", ours / medians[beside][name] - limit, " times")

    def rotations(self, growing, families):
        peer = "pgbench" if self.database else "loop"
        rates = {"signet": [], peer: [], "fdatasync": []}
        for number in range(self.options.rounds + 1):
            ours = self.ask(growing, "rotate", self.options.clients, self.options.seconds)
            if self.database:
                theirs = self.pgbench(families)
            else:
                theirs = self.ask(growing, "loop", round(ours["together"]), self.options.seconds)["rate"]
                disk = self.ask(growing, "disk", 1)["rate"]
            self.about[f"{self.engine}: rotations in one commit"] = round(ours["together"], 1)
            if number > 0:
                rates["signet"].append(ours["rate"])
                rates[peer].append(theirs)
                if not self.database:
                    rates["fdatasync"].append(disk)
        name = f"rotate.{self.engine}"
        for contender in ["signet", peer]:
            self.rows.append(row(name, contender, rates[contender], "rotations/s"))
        ratios = [ours / theirs for ours, theirs in zip(rates["signet"], rates[peer])]
        self.rows.append(row(name, f"signet/{peer}", ratios, "times"))
        least = self.limits["rotate"]["ofPgbench" if self.database else "ofLoop"]
        self.judge(name, f"at least {least} of {peer}", least - statistics.median(ratios), " times")
        if self.database:
            return
        self.rows.append(row("disk.fdatasync", "disk", rates["fdatasync"], "calls/s"))
        least = self.limits["rotate"]["sqlite"]
        self.judge(name, f"at least {least}/s", least - statistics.median(rates["signet"]), " rotations/s")

    def pgbench(self, families):
        """The same SELECT and UPDATE on the same rows over as many connections as the store has; transactions a second."""
        script = os.path.join(self.database.data, "rotate.pgbench")
        payload = "x" * PAYLOAD_BYTES
        where = "kind = 'refresh-family'::bytea AND identifier = sha256(convert_to('family-' || :n::text, 'UTF8'))"
        with open(script, "w", encoding="utf-8") as file:
            file.write(
                f"\\set n random(0, {families - 1})\nBEGIN;\n"
                "SELECT kind, identifier, version, expires_at, consumed_at, family, subject, client, indexes, payload "
                f"FROM signet.records WHERE {where};\n"
                "UPDATE signet.records SET version = version + 1, expires_at = expires_at + 1, consumed_at = NULL, "
                f"payload = '{payload}'::bytea WHERE {where};\nCOMMIT;\n")
        said = subprocess.run(
            [postgres_folder() / "pgbench", "-n", "-M", "prepared", "-c", str(CONNECTIONS), "-j", "2", "-T",
             str(self.options.seconds), "-f", script, "-h", "127.0.0.1", "-p", str(self.database.postgres_port),
             "-U", "signet", "postgres"], check=True, capture_output=True, text=True).stdout
        return float(re.search(r"tps = ([0-9.]+)", said).group(1))

    @staticmethod
    def settle(folder):
        """What filling has left for the disk to do, gigabytes of it, is no part of what an operation takes, and neither is
        what other programs have driven out of the memory for files meanwhile: everything is read. Twice, since the first time
        can take minutes, in which some systems take away what nobody has used."""
        os.sync()
        chunk = bytearray(1 << 20)
        for place, _, names in [*os.walk(folder)] * 2:
            for name in names:
                # PostgreSQL may take a file of its log away between the look and the reading; a socket is no file.
                with contextlib.suppress(OSError), open(os.path.join(place, name), "rb", buffering=0) as file:
                    while file.readinto(chunk):
                        pass

    def grow(self, programs, size):
        """Adds the rows of all operations; returns their medians, by contender."""
        note(f"{self.engine}: measuring {size} families")
        batches = {contender: [] for contender in programs}
        for _ in range(5):
            for contender, program in programs.items():
                batches[contender].append(self.ask(program, "growth", self.options.samples // 5))
        medians = {contender: {} for contender in programs}
        for operation in OPERATIONS:
            for name in ["p50", "p99"]:
                for contender, its in batches.items():
                    values = [batch[operation][name] for batch in its]
                    self.rows.append(row(f"{operation}.{name}.{size}", contender, values, "ms"))
                    medians[contender][f"{operation}.{name}"] = statistics.median(values)
        return medians

    def sweep(self, growing):
        expired = min(self.options.families, self.options.expired)
        note(f"{self.engine}: sweeping {expired} expired families")
        found = self.ask(growing, "sweep", expired)
        self.rows.append(row("sweep.time", self.engine, [found["seconds"]], "s"))
        self.rows.append(row("sweep.rotate.p99", f"{self.engine}, quiet", [found["quiet"]], "ms"))
        self.rows.append(row("sweep.rotate.p99", f"{self.engine}, sweeping", [found["sweeping"]], "ms"))
        self.about[f"{self.engine}: swept"] = found["deleted"]
        self.judge("sweep.deleted", f"{self.engine}: everything that has expired", expired - found["deleted"], " records")
        limit = self.limits["sweepSecondsPerThousand"] * expired / 1000
        self.judge("sweep.time", f"{self.engine}: at most {limit:.0f} s", found["seconds"] - limit, " s")
        limit = self.limits["sweepP99Times"]
        self.judge(
            "sweep.rotate.p99", f"{self.engine}: within {limit} times of quiet", found["sweeping"] / found["quiet"] - limit, " times"
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
    parser.add_argument("--families", type=int, default=10_000_000, help="how large the store grows")
    parser.add_argument("--engines", nargs="+", choices=["sqlite", "postgres"], default=["sqlite", "postgres"])
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=5, help="of rotations")
    parser.add_argument("--seconds", type=int, default=3, help="how long a contender rotates in a round")
    parser.add_argument("--samples", type=int, default=5000, help="of each operation at each size")
    parser.add_argument("--expired", type=int, default=100_000, help="families that the sweep works off, at most")
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
