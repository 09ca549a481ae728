#!/usr/bin/env python3
"""Tortures Signet and judges what it answered; see README.md.

    SIGNET_BIN=.build/debug/signet python3 Tests/Torture/torture.py --store sqlite --seconds 30
    … --store postgres --seconds 300 --seed 7       three nodes on PostgreSQL; the same seed makes the same schedule
    … --check HISTORY                               judges a kept history again
    … --plant no-fsync --expect-violation 'acknowledged and lost'      a planted fault: succeeds if the checker notices
"""

import argparse
import collections
import contextlib
import os
import pathlib
import random
import shutil
import sys
import tempfile
import threading
import time

import checker
import denylist
import history as record
import shim
from clients import Client
from cluster import TRIGGERS, Cluster
from faults import Hands, schedule
from feed import Follower
from operators import Operator, Probe, read_everything, until_served
from people import World

BOUNDS = checker.Bounds()
DENYLIST_PLANTS = ["ignored-entry", "dropped-entries"]
KEPT = pathlib.Path(__file__).resolve().parents[2] / ".build/torture"


def run(options, folder):
    history = record.History(folder / "history.jsonl")
    cluster = Cluster(os.environ["SIGNET_BIN"], folder / "run", options.store, plant=options.plant,
                      redis=not options.no_redis, sessions=options.sessions)
    try:
        cluster.start()
        world = World(cluster, options.clients)
        world.prepare()
        nodes = [node.number for node in cluster.nodes]
        begin = time.monotonic()
        history.add("setup", "harness", None, begin, begin, "ok", given={"sessions": cluster.sessions})
        if options.plant in shim.PLANTS:
            cluster.shim = shim.Shim(cluster, options.plant)
        if options.plant == "no-fsync":
            # What there is by now is kept, so that what is lost is what was acknowledged under traffic.
            keeper = cluster.postgres or cluster.nodes[0]
            keeper.stop()
            if cluster.power:
                cluster.power.arm()
            keeper.start()
        if options.plant in TRIGGERS:
            cluster.plant_in_store()
        torture(options, cluster, world, history, nodes)
        final(options, cluster, world, history, nodes)
    finally:
        cluster.stop()
        history.close()
    return history


def readers(options, world, history, count):
    return [denylist.Reader(number, world, history, options.seed, options.plant) for number in range(count)]


def guarded(failures, act, *arguments):
    def body():
        try:
            act(*arguments)
        except Exception as error:  # noqa: BLE001 — a fault of the harness must not pass for a quiet client
            failures.append(f"{act.__qualname__}: {error!r}")
            if os.environ.get("TORTURE_TRACE"):
                import traceback
                traceback.print_exc()
    return threading.Thread(target=body, daemon=True)


def torture(options, cluster, world, history, nodes):
    stop, failures = threading.Event(), []
    hands = Hands(cluster, history)
    workers = [Client(number, world, history, options.seed, nodes) for number in range(options.clients)]
    threads = [guarded(failures, worker.work, stop) for worker in workers]
    threads += [guarded(failures, Probe(node, world, history).work, stop) for node in nodes]
    dice = random.Random(f"followers {options.seed}")
    world.followers = [Follower(number, world, history, lambda: dice.choice(nodes)) for number in range(2)]
    threads += [guarded(failures, follower.work, stop) for follower in world.followers]
    if cluster.redis:
        threads += [guarded(failures, reader.work, stop) for reader in readers(options, world, history, 2)]
    if options.plant != "no-fsync":
        threads.append(guarded(failures, Operator(world, history, options.seed).work, stop))
    for thread in threads:
        thread.start()
    begin, doing, none = time.monotonic(), [], threading.Event()
    faults = schedule(options.seed, options.seconds, options.store, len(nodes), redis=cluster.redis is not None)
    for fault in faults if options.plant != "no-fsync" else []:
        time.sleep(max(0.0, begin + fault.at - time.monotonic()))
        print(f"  {time.monotonic() - begin:6.1f} s  {fault.kind}"
              f"{'' if fault.target is None else f' {fault.target}'} for {fault.lasts:.1f} s", flush=True)
        doing.append(guarded(failures, hands.apply, fault, none))
        doing[-1].start()
    time.sleep(max(0.0, begin + options.seconds - time.monotonic()))
    for thread in doing:
        thread.join(timeout=120)
    time.sleep(3)
    stop.set()
    for thread in threads:
        thread.join(timeout=60)
    if failures:
        raise RuntimeError("the harness itself failed: " + "; ".join(failures))


def final(options, cluster, world, history, nodes):
    if options.plant == "no-fsync":
        # The one fault of such a run, when there is something to lose.
        begin = time.monotonic()
        if cluster.postgres:
            cluster.postgres.lose_power(True, options.seed)
            cluster.postgres.start()
        else:
            cluster.lose_power(True, options.seed)
            cluster.restore_power()
            cluster.nodes[0].start()
        history.fault("pg-power" if cluster.postgres else "disk-power", None, begin, begin, begin, time.monotonic())
    if options.plant == "dropped-entries":
        print(f"  {cluster.redis.drop(denylist.PREFIX + 'h:*')} entries of the denylist are dropped")
    quiet = time.monotonic()
    until_served(world, history, nodes, BOUNDS.recovery)
    reader = Client(0, world, history, options.seed, nodes)
    reader.who = "reader"
    read_everything(reader, world, nodes)
    if cluster.redis and options.plant != "no-fsync":
        readers(options, world, history, 1)[0].read_everything(quiet, BOUNDS.denylist, BOUNDS.recovery)


def report(history, options, violations):
    counts = collections.Counter((event["op"], event["result"]) for event in history.events)
    by_op = collections.defaultdict(dict)
    for (op, result), count in sorted(counts.items()):
        by_op[op][result] = count
    for op, results in by_op.items():
        print(f"  {op:20} " + ", ".join(f"{count} {result}" for result, count in results.items()))
    for violation in violations[:20]:
        print(f"VIOLATION (seed {options.seed}): {violation}")
    if len(violations) > 20:
        print(f"… and {len(violations) - 20} more")


def keep(folder, options):
    KEPT.mkdir(parents=True, exist_ok=True)
    kept = KEPT / f"{options.store}-{options.seed}{'-' + options.plant if options.plant else ''}.jsonl"
    shutil.copy(folder / "history.jsonl", kept)
    for log in (folder / "run").glob("*.log"):
        shutil.copy(log, KEPT / f"{kept.stem}-{log.name}")
    print(f"the history is kept in {kept}")


def too_little(history):
    """A run in which nothing happened shows nothing."""
    done = collections.Counter(event["op"] for event in history.events if event["result"] == "ok")
    wanted = ["redeem", "rotate", "introspect", "revoke", "session-state"]
    if any(event["op"] == "denylist" for event in history.events):
        wanted.append("denylist")
    return [op for op in wanted if done[op] < 3]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store", choices=["sqlite", "postgres"], default="postgres")
    parser.add_argument("--seconds", type=float, default=180)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--clients", type=int, default=6)
    parser.add_argument("--plant", choices=[
        "no-fsync", *shim.PLANTS, *TRIGGERS, *DENYLIST_PLANTS],
        help=f"with SQLite; no-fsync with PostgreSQL too, {' and '.join(DENYLIST_PLANTS)} with PostgreSQL and Redis alone")
    parser.add_argument("--sessions", choices=["redis", "sql"], default="redis",
                        help="where sessions of session mode lie, where there is a Redis")
    parser.add_argument("--no-redis", action="store_true", help="nodes on PostgreSQL without a Redis")
    parser.add_argument("--expect-violation", metavar="RULE", help="succeed if this rule was violated")
    parser.add_argument("--keep", action="store_true", help="keep the history of a run that held as well")
    parser.add_argument("--check", metavar="HISTORY")
    options = parser.parse_args()
    if options.check:
        violations = checker.check(record.read(options.check))
        print("\n".join(str(violation) for violation in violations[:50]) or "nothing is wrong with it")
        return 1 if violations else 0
    options.seed = options.seed if options.seed is not None else random.SystemRandom().randrange(2**31)
    print(f"torture: seed {options.seed}, {options.store}, {options.seconds:.0f} s"
          + (f", planted: {options.plant}" if options.plant else ""), flush=True)
    with contextlib.ExitStack() as stack:
        folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="signet-torture-")))
        os.chmod(folder, 0o755)
        try:
            history = run(options, folder)
        except RuntimeError as error:
            print(f"torture: {error}; seed {options.seed}")
            keep(folder, options)
            # A store that does not come up any more has lost everything.
            return 0 if options.plant == "no-fsync" and "did not start" in str(error) else 1
        violations = checker.check(history.events)
        report(history, options, violations)
        missing = too_little(history)
        if missing and not options.expect_violation:
            print(f"torture: too little was done to show anything: {', '.join(missing)}")
        if options.keep or bool(violations) != bool(options.expect_violation) or (missing and not options.expect_violation):
            keep(folder, options)
    verdict = "held" if not violations else f"{len(violations)} violations"
    print(f"torture: {len(history.events)} events, {verdict}; seed {options.seed}")
    if options.expect_violation:
        return 0 if any(violation.rule == options.expect_violation for violation in violations) else 1
    return 1 if violations or missing else 0


if __name__ == "__main__":
    sys.exit(main())
