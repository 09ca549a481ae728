"""Which fault comes when, from a seed alone, and the hands that do it. Faults come one after the other, some at the same time,
with quiet between them in which availability has to return."""

import collections
import contextlib
import dataclasses
import random
import threading
import time

KINDS = {
    "sqlite": ["node-kill", "node-pause", "node-restart", "disk-power"],
    "postgres": ["node-kill", "node-pause", "node-restart", "pg-kill", "pg-pause", "pg-restart", "pg-power", "pg-backend",
                 "cut-drop", "cut-blackhole", "cut-delay", "cut-all"],
}
# Where the nodes were given a Redis.
REDIS = ["redis-kill", "redis-pause", "redis-flush", "redis-empty", "redis-older"]
QUIET = 1.5
# What comes for so long that every time-out and every lease of the server has run out by then (its longest is ten seconds).
# The first comes in every run that has room for such faults at all.
LONG = {
    "sqlite": ["node-pause"],
    "postgres": ["pg-pause", "node-pause", "cut-blackhole", "cut-all"],
}
LONG_REDIS = ["redis-pause"]
LONG_SECONDS = (11.0, 14.0)
# Shorter runs have none, and take no longer than they did.
ROOM_FOR_LONG = 120


@dataclasses.dataclass(frozen=True)
class Fault:
    at: float
    kind: str
    target: int | None
    lasts: float
    seed: int


def long_faults(seed, seconds, kinds):
    """Which long faults come, and when at the earliest: one a minute."""
    dice = random.Random(f"long faults {seed}")
    waiting, deck = [], []
    for minute in range(int(seconds // 60) if seconds >= ROOM_FOR_LONG else 0):
        if not deck:
            deck = [*dice.sample(kinds[1:], len(kinds) - 1), kinds[0]]
        waiting.append((60 * minute + dice.uniform(2, 30), deck.pop(), dice.uniform(*LONG_SECONDS)))
    return waiting


def schedule(seed, seconds, store, nodes, redis=False):
    """The faults of a run. The same arguments give the same faults."""
    dice = random.Random(f"faults {seed}")
    waiting = long_faults(seed, seconds, LONG[store] + (LONG_REDIS if redis else []))
    faults, deck, at = [], [], 2.0
    while at < seconds - 4:
        # A deck and not a die: in a short run too every kind comes that can.
        if not deck:
            kinds = KINDS[store] + (REDIS if redis else [])
            deck = dice.sample(kinds, len(kinds))
        kind, lasts = deck.pop(), dice.uniform(0.3, 3.5)
        if waiting and waiting[0][0] <= at:
            deck.append(kind)
            _, kind, lasts = waiting.pop(0)
        on_node = kind.startswith("node") or kind in ("cut-drop", "cut-blackhole", "cut-delay", "disk-power")
        faults.append(Fault(round(at, 3), kind, dice.randrange(nodes) if on_node else None, round(lasts, 3),
                            dice.getrandbits(31)))
        # One in four comes while the one before is still there.
        at += lasts * 0.5 if dice.random() < 0.25 else lasts + QUIET + dice.uniform(0, 3)
    return faults


class Hands:
    def __init__(self, cluster, history):
        self.cluster, self.history = cluster, history
        self.locks = collections.defaultdict(threading.Lock)

    def apply(self, fault, stop):
        """Does it, waits, heals it, and records the times between which it was in force. Runs in a thread of its own."""
        action = getattr(self, fault.kind.replace("-", "_"))
        with contextlib.ExitStack() as held:
            # Two faults of one part come one after the other.
            for part in sorted(self.parts(fault)):
                held.enter_context(self.locks[part])
            since = time.monotonic()
            heal = action(fault)
            begin = time.monotonic()
            stop.wait(fault.lasts)
            end = time.monotonic()
            if heal:
                heal()
            self.history.fault(fault.kind, fault.target, begin, end, since, time.monotonic())

    def parts(self, fault):
        if fault.kind.startswith(("node", "disk")):
            return [f"node {fault.target}"]
        if fault.kind.startswith("cut"):
            targets = range(len(self.cluster.nodes)) if fault.target is None else [fault.target]
            return [f"link {target}" for target in targets]
        return [fault.kind.split("-")[0]]

    def node_kill(self, fault):
        node = self.cluster.nodes[fault.target]
        node.kill()
        return node.start_patiently

    def node_restart(self, fault):
        node = self.cluster.nodes[fault.target]
        node.stop()
        return node.start_patiently

    def node_pause(self, fault):
        node = self.cluster.nodes[fault.target]
        node.pause()
        return node.resume

    def disk_power(self, fault):
        node = self.cluster.nodes[fault.target]
        self.cluster.lose_power(fault.seed % 2 == 0, fault.seed)

        def heal():
            self.cluster.restore_power()
            node.start_patiently()

        return heal

    def pg_kill(self, fault):
        self.cluster.postgres.kill()
        return self.cluster.postgres.start

    def pg_power(self, fault):
        self.cluster.postgres.lose_power(fault.seed % 2 == 0 or self.cluster.plant == "no-fsync", fault.seed)
        return self.cluster.postgres.start

    def pg_restart(self, fault):
        self.cluster.postgres.stop()
        return self.cluster.postgres.start

    def pg_pause(self, fault):
        self.cluster.postgres.pause()
        return self.cluster.postgres.resume

    def pg_backend(self, fault):
        self.cluster.postgres.kill_backend(random.Random(fault.seed))
        return self.cluster.postgres.wait

    def cut(self, mode, *links):
        for link in links:
            self.cluster.link(link, mode)
        return lambda: [self.cluster.link(link, "pass") for link in links]

    def links(self, fault):
        """A node's ways to PostgreSQL and, if there is one, to Redis."""
        return range(fault.target, len(self.cluster.links), len(self.cluster.nodes))

    def cut_drop(self, fault):
        return self.cut("drop", *self.links(fault))

    def cut_blackhole(self, fault):
        return self.cut("blackhole", *self.links(fault))

    def cut_delay(self, fault):
        return self.cut(f"delay {50 + fault.seed % 300}", *self.links(fault))

    def cut_all(self, fault):
        mode = "drop" if fault.seed % 2 else "blackhole"
        return self.cut(mode, *range(len(self.cluster.links)))

    def redis_kill(self, fault):
        self.cluster.redis.kill()
        return self.cluster.redis.start

    def redis_pause(self, fault):
        self.cluster.redis.pause()
        return self.cluster.redis.resume

    def redis_flush(self, fault):
        """Half of them once more at the end, when what came in between has been written."""
        self.cluster.redis.flush()
        return self.cluster.redis.flush if fault.seed % 2 else None

    def redis_empty(self, fault):
        self.cluster.redis.lose_everything()
        return self.cluster.redis.start

    def redis_older(self, fault):
        """Runs on for as long as the fault lasts, and then goes back to where it was when it came."""
        self.cluster.redis.remember()
        return self.cluster.redis.go_back
