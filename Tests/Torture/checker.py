"""Decides whether a history is one that Signet may have. A pure function: `check(events, bounds)` gives the violations.

Nothing here talks to a server or knows how the history was made; what was read after everything had healed is a part of the
history like any other. What the rules say is in README.md, one paragraph a rule. Where an answer never came, both outcomes
are allowed, at any later time.
"""

import dataclasses

from endings import Endings
from index import Index


@dataclasses.dataclass(frozen=True)
class Bounds:
    """What is promised, in seconds."""
    retry_window: float = 10.0
    retry_limit: int = 20
    # Asking the store is immediate; whatever holds something in memory is at most a second late.
    feed: float = 1.0
    nodes: float = 1.0
    # While there is a beat in the denylist (decision 0026).
    denylist: float = 7.0
    # What a Redis that is killed may have written last and not kept: appendfsync everysec.
    redis_forgets: float = 3.0
    # How long a node may take to answer while nothing is wrong with the node itself.
    patience: float = 20.0
    # How long after the last fault has gone every node must serve again.
    recovery: float = 20.0


@dataclasses.dataclass(frozen=True)
class Violation:
    rule: str
    text: str
    events: tuple

    def __str__(self):
        return f"{self.rule}: {self.text} (events {', '.join(str(number) for number in self.events)})"


class Checker:
    def __init__(self, events, bounds):
        self.bounds = bounds
        self.index = Index(events)
        self.endings = Endings(self.index, bounds)
        self.found = []

    def report(self, rule, text, *events):
        self.found.append(Violation(rule, text, tuple(event["n"] for event in events)))

    # ---- a code and a generation pay once

    def codes_pay_once(self):
        for code, tries in self.index.redeems.items():
            paid = [event for event in tries if event["result"] == "ok"]
            if len(paid) > 1:
                self.report("code paid twice", f"code {code} was honoured {len(paid)} times", *paid)

    def generations_pay_once(self):
        for token, tries in self.index.rotations.items():
            paid = [event for event in tries if event["result"] == "ok"]
            successors = {event["out"]["refresh"] for event in paid}
            if len(successors) > 1:
                self.report("generation paid twice", f"{token} has {len(successors)} successors", *paid)
            for later in paid:
                self.retry_is_honest(token, later, paid)

    def retry_is_honest(self, token, later, paid):
        """Decision 0006: the same successor again, inside the window and before the successor was used."""
        for first in paid:
            if later["begin"] > first["end"] + self.bounds.retry_window:
                self.report("retry window", f"{token} was honoured after its window", first, later)
                return
        used = [event for event in self.index.rotations.get(later["out"]["refresh"], []) if event["result"] == "ok"]
        first = min((event for event in paid), key=lambda event: event["end"])
        if first is later:
            return
        for use in used:
            if use["end"] < later["begin"]:
                self.report("retry window", f"{token} was honoured after its successor had been used", use, later)
                return

    # ---- what ended stays ended, what did not end lives

    def ended_is_refused(self):
        for use in self.index.uses:
            if use.honoured:
                bound = {"api": self.bounds.feed, "denylist": self.bounds.denylist}.get(use.event["op"], 0.0)
                for act in self.endings.acknowledged(use):
                    of_node = act.kind == "key" and use.event["node"] is not None
                    slack = max(bound, self.index.lag(use.event, self.bounds.nodes) if of_node else 0.0)
                    if use.event["begin"] > act.event["end"] + slack:
                        late = use.event["begin"] - act.event["end"]
                        where = "" if use.event["node"] is None else f" at node {use.event['node']}"
                        self.report("ended and accepted", f"{use} by {use.event['op']}{where}, {late:.3f} s after "
                                    f"{act.event['op']} was acknowledged", act.event, use.event)
                        break

    def alive_is_accepted(self):
        for use in self.index.uses:
            if use.denied and not self.endings.possible(use):
                self.report("acknowledged and lost",
                            f"{use} was refused by {use.event['op']} although nothing ended it: "
                            f"{use.event['out'].get('error', '')}", use.event)

    # ---- registers: consents, sessions, clients, keys

    def registers_hold(self):
        for name, register in self.index.registers.items():
            for read in register.reads:
                bound = self.bounds.nodes if name[0] == "client" else 0.0
                if name[0] == "key":
                    bound = self.index.lag(read["event"], self.bounds.nodes)
                if name[0] == "session" and read["value"] == "absent" and self.index.was_lost(
                        name[1], read["event"], self.bounds.redis_forgets):
                    continue
                if read["value"] not in register.possible(read["event"], bound):
                    last = register.latest_acknowledged(read["event"])
                    self.report(f"{name[0]} lost", f"{name[0]} {name[1]} was read as {read['value']} by "
                                f"{read['event']['op']} at node {read['event']['node']}",
                                *([last] if last else []), read["event"])

    # ---- no wrong yes, clear answers, availability

    def down_means_no(self):
        for event in self.index.events:
            if event["result"] == "ok":
                for fault in self.index.barred(event):
                    if fault["begin"] < event["begin"] and event["end"] < fault["end"]:
                        self.report("yes without a store", f"{event['op']} at node {event['node']} while "
                                    f"{fault['in']['kind']} was in force", fault, event)

    def answers_are_clear(self):
        for event in self.index.events:
            if event["op"] in ("fault", "feed") or event["who"] == "operator":
                continue
            if event["result"] == "error":
                self.report("unclear answer", f"{event['op']}: {event['status']} {event['note']}", event)
            if event["status"] == 503 and not event["out"].get("retry_after"):
                self.report("unclear answer", f"{event['op']}: 503 without Retry-After", event)
            if event["note"].startswith("kept connection"):
                continue
            if event["result"] in ("unknown", "unsent") and not self.index.node_faults(event):
                what = "no answer in time" if event["note"] == "timeout" else f"connection broken: {event['note']}"
                self.report("no answer", f"{event['op']} at node {event['node']}: {what}, and nothing was wrong with "
                            "the node", event)

    def feed_is_whole(self):
        for event in self.index.events:
            if event["op"] == "feed" and event["result"] == "error":
                self.report("feed broken", event["note"], event)

    def availability_returns(self):
        faults = sorted(self.index.faults, key=lambda event: event["out"]["until"])
        served = {f"node {node}": self.index.probes.get(node, []) for node in self.index.nodes}
        served["the denylist"] = self.index.readings
        end = max((event["end"] for events in served.values() for event in events), default=0)
        for place, fault in enumerate(faults):
            healed = fault["out"]["until"]
            limit = healed + self.bounds.recovery
            quiet = all(other["out"]["since"] > limit or other["out"]["until"] <= healed for other in faults
                        if other is not fault)
            if not quiet or limit > end:
                continue
            for name, events in served.items():
                if events and not any(event["result"] in ("ok", "refused") and healed <= event["end"] <= limit
                                      for event in events):
                    self.report("availability", f"{name} did not serve within {self.bounds.recovery:.0f} s after "
                                f"{fault['in']['kind']} {place}", fault)

    def run(self):
        self.codes_pay_once()
        self.generations_pay_once()
        self.ended_is_refused()
        self.alive_is_accepted()
        self.registers_hold()
        self.down_means_no()
        self.answers_are_clear()
        self.feed_is_whole()
        self.availability_returns()
        return self.found


def check(events, bounds=Bounds()):
    return Checker(events, bounds).run()
