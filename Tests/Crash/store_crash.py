#!/usr/bin/env python3
"""Kills the SQLite store at random moments and shows that nothing acknowledged is lost and nothing pays twice.

    swift build --product StoreVictim
    python3 Tests/Crash/store_crash.py                                  30 rounds; exits 0 if the store kept its word
    python3 Tests/Crash/store_crash.py --durability none --expect-loss  synchronous=OFF: exits 0 if losses are noticed
    python3 Tests/Crash/store_crash.py --lying-disk --expect-loss       a disk that ignores fsync: the same

Each round runs `StoreVictim` on the same database, 32 tasks that issue codes, redeem them for families, rotate, revoke,
and try to redeem spent codes again. It reports every acknowledged change on its standard output, and dies in one of four
ways: kill -9; lost power with everything unsynced lost; lost power with some sectors of it kept; lost power within the
first operations, while the database is being created or recovered. The power fails through Tests/Crash/lostwrites.c.

After each death a copy of the database is read with Python's own SQLite, so that the checker shares no code with the
store, and compared with everything acknowledged in all rounds so far. The same seed makes the same choices; the moment
of death is a time, so that a failure may need some runs to come back.
"""

import argparse
import collections
import pathlib
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time

import lostwrites

ROOT = pathlib.Path(__file__).resolve().parents[2]


class History:
    """Everything that was ever acknowledged, and what the database must therefore hold."""

    def __init__(self):
        self.codes = set()
        self.payments = collections.defaultdict(list)
        self.rotations = collections.defaultdict(list)
        self.revoked = set()
        self.acknowledged = 0

    def add(self, line):
        word, *rest = line.split()
        if word == "ready":
            return
        self.acknowledged += 1
        if word == "code":
            self.codes.add(rest[0])
        elif word == "pay":
            self.payments[rest[0]].append(rest[1])
        elif word == "rotate":
            self.rotations[rest[0]].append(int(rest[1]))
        elif word == "revoke":
            self.revoked.add(rest[0])
        else:
            raise ValueError(f"unknown acknowledgement: {line}")

    def faults(self, folder):
        """What the database in `folder` has lost or allowed twice."""
        faults = []
        for code, families in self.payments.items():
            if len(families) > 1:
                faults.append(f"code {code} paid {len(families)} times")
        for family, versions in self.rotations.items():
            for version, times in collections.Counter(versions).items():
                if times > 1:
                    faults.append(f"generation {version} of family {family} was rotated {times} times")
        if not (folder / "signet.sqlite").exists():
            return faults + ([f"the database is gone with {self.acknowledged} changes"] if self.acknowledged else [])
        database = sqlite3.connect(folder / "signet.sqlite")
        try:
            check = [row[0] for row in database.execute("PRAGMA integrity_check")]
            if check != ["ok"]:
                faults.append(f"integrity: {str(check)[:200]}")
            tables = {row[0] for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            if "records" not in tables:
                return faults + ([f"the tables are gone with {self.acknowledged} changes"] if self.acknowledged else [])
            rows = {}
            for kind, name, version, spent, payload in database.execute(
                    "SELECT kind, identifier, version, consumed_at, payload FROM records"):
                rows[kind, bytes(name).decode()] = (version, spent, bytes(payload))
            return faults + self.losses(rows)
        except (sqlite3.DatabaseError, TypeError, ValueError) as error:
            # A torn page can hold rows that the schema forbids: a NULL, a word where a number was, half a name.
            return faults + [f"unreadable: {error}"]
        finally:
            database.close()

    def losses(self, rows):
        faults = []
        for code in self.codes:
            if ("code", code) not in rows:
                faults.append(f"code {code} is lost")
        for code, families in self.payments.items():
            if rows.get(("code", code), (0, None))[1] is None:
                faults.append(f"code {code} paid and is not spent")
            faults += [f"family {family} is lost" for family in families if ("family", family) not in rows]
        for family, versions in self.rotations.items():
            version, spent, payload = rows.get(("family", family), (0, None, b"0"))
            if version <= max(versions):
                faults.append(f"family {family} is at version {version}; {max(versions)} was rotated")
            generation = int(payload.split(b".")[0])
            if generation != version - (1 if spent is not None else 0):
                faults.append(f"family {family} is torn: version {version}, generation {generation}")
        for family in self.revoked:
            if ("revocation", family) not in rows or rows.get(("family", family), (0, None))[1] is None:
                faults.append(f"the revocation of family {family} is lost")
        return faults


def run_round(number, dice, options, library, folder, history):
    """One victim, from start to death. Returns how it died and how many changes it had acknowledged."""
    manner = dice.choice(["kill", "power-all", "power-some", "power-some"])
    if number % 5 == 1:
        manner = "power-early"
    after_ms = dice.randrange(150, 900)
    log = folder.parent / "power.log"
    environment = lostwrites.environment(
        library, folder, seed=dice.getrandbits(63), everything=manner == "power-all",
        after_ms=after_ms if manner in ("power-all", "power-some") else None,
        after_operations=dice.randrange(1, 60) if manner == "power-early" else None,
        lying_disk=options.lying_disk, log=log)
    victim = subprocess.Popen(
        [options.victim, folder / "signet.sqlite", options.durability, str(dice.getrandbits(63)), str(number)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
    if manner == "kill":
        time.sleep(after_ms / 1000)
        victim.kill()
    before = history.acknowledged
    try:
        output, complaint = victim.communicate(timeout=30)
    except subprocess.TimeoutExpired:
        victim.kill()
        raise SystemExit(f"round {number}: the victim outlived its death ({manner})")
    if victim.returncode != -signal.SIGKILL:
        raise SystemExit(f"round {number}: the victim ended with {victim.returncode} instead of being killed "
                         f"({manner}): {complaint.strip()}")
    for line in output.splitlines():
        history.add(line)
    return manner, history.acknowledged - before


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--victim", default=ROOT / ".build/debug/StoreVictim", help="the StoreVictim program")
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--seed", type=int, default=None, help="printed at the start when not given")
    parser.add_argument("--durability", choices=["full", "none"], default="full")
    parser.add_argument("--lying-disk", action="store_true", help="fsync succeeds and does nothing")
    parser.add_argument("--expect-loss", action="store_true", help="succeed if, and only if, a loss is noticed")
    options = parser.parse_args()
    if not pathlib.Path(options.victim).exists():
        raise SystemExit(f"{options.victim} is missing; run: swift build --product StoreVictim")
    seed = options.seed if options.seed is not None else random.SystemRandom().getrandbits(32)
    print(f"store crash: seed {seed}, {options.rounds} rounds, durability {options.durability}"
          + (", a disk that lies" if options.lying_disk else ""), flush=True)
    dice = random.Random(seed)
    history = History()
    with tempfile.TemporaryDirectory(prefix="signet-crash-") as scratch:
        scratch = pathlib.Path(scratch)
        library = lostwrites.build(scratch)
        folder = scratch / "data"
        folder.mkdir()
        for number in range(1, options.rounds + 1):
            manner, acknowledged = run_round(number, dice, options, library, folder, history)
            copy = scratch / "copy"
            shutil.rmtree(copy, ignore_errors=True)
            shutil.copytree(folder, copy)
            faults = history.faults(copy)
            print(f"  round {number:2}: {manner:11} after {acknowledged:6} acknowledgements: "
                  + (f"{len(faults)} faults" if faults else "nothing lost"), flush=True)
            if faults:
                for fault in faults[:5]:
                    print(f"    {fault}")
                print(f"store crash: {'noticed, as expected' if options.expect_loss else 'FAILED'}; seed {seed}")
                return 0 if options.expect_loss else 1
    if options.expect_loss:
        print(f"store crash: FAILED, a loss was expected and none was noticed; seed {seed}")
        return 1
    print(f"store crash: {history.acknowledged} acknowledged changes, none lost, none paid twice; seed {seed}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
