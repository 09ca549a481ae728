"""Which acts ended what: the half of the checker that knows what a revocation, a logout, a replay reach."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Act:
    event: dict
    kind: str       # token, family, code, sid, sub, client, pair, key, everything, a session of
    name: object


class Endings:
    def __init__(self, index, bounds):
        self.index = index
        self.bounds = bounds
        self.acts = {}
        for event in index.events:
            for act in self.acts_of(event):
                self.acts.setdefault((act.kind, act.name), []).append(act)
        self.replays()

    def acts_of(self, event):
        """What the event ends if it was acknowledged, or may end if no answer came."""
        op, given = event["op"], event["in"]
        if event["result"] in ("unsent",) or (event["result"] == "refused" and op in (
                "revoke", "cli-revoke", "withdraw", "logout", "key-retire")):
            return
        if op in ("revoke", "cli-revoke"):
            yield Act(event, given["kind"], given["name"])
        elif op == "withdraw":
            yield Act(event, "pair", (given["sub"], given["client"]))
        elif op == "logout":
            yield Act(event, "sid", given["sid"])
            # Which of the person's sessions it was is not certain.
            yield Act(event, "a session of", given["sub"])
        elif op == "user-disable":
            yield Act(event, "sub", given["sub"])
        elif op == "client-delete":
            yield Act(event, "client", given["client"])
        elif op == "key-retire":
            yield Act(event, "key", given["kid"])
        elif op in ("redeem", "device") and "already used" in event["out"].get("description", ""):
            yield Act(event, "code", given["code"])
        elif op == "rotate" and "whole family is revoked" in event["out"].get("description", ""):
            yield Act(event, "family", given.get("family"))

    def replays(self):
        """A second try at a code, and an old generation outside of its window, end a family even if no answer came."""
        self.possible_replays = {}
        for code, tries in self.index.redeems.items():
            sent = sorted((event for event in tries if event["result"] != "unsent"), key=lambda event: event["begin"])
            family = self.index.family_of_code.get(code)
            if family and len(sent) > 1:
                self.possible_replays.setdefault(family, []).append(sent[1]["begin"])
        for token, tries in self.index.rotations.items():
            sent = sorted((event for event in tries if event["result"] != "unsent"), key=lambda event: event["begin"])
            for later in sent[1:]:
                if later["end"] > sent[0]["begin"] + self.bounds.retry_window or later["result"] in ("unknown", "unavailable"):
                    self.possible_replays.setdefault(later["in"].get("family"), []).append(later["begin"])
        for family, tries in self.index.family_rotations.items():
            # More than sixteen rotations in one window forget the oldest.
            begins = sorted(event["begin"] for event in tries if event["result"] != "unsent")
            for first, last in zip(begins, begins[15:]):
                if last - first <= self.bounds.retry_window + 5:
                    self.possible_replays.setdefault(family, []).append(last)

    def targets(self, use):
        """What can end the thing that was used, and whether only what was issued before the act is reached."""
        index = self.index
        family = token = None
        if use.what == "token":
            token = index.tokens.get(use.name)
            if token is None:
                return
            yield "token", use.name, None
            yield "key", token.get("kid"), None
            yield "sid", token.get("sid"), token
            yield "sub", token.get("sub"), token
            yield "client", token.get("client"), token
            yield "everything", None, token
            family = token.get("family")
        elif use.what == "family":
            family = use.name
        elif use.what == "code":
            family = index.family_of_code.get(use.name)
            issued = index.codes.get(use.name)
            if issued:
                issue = {"begin": issued["begin"], "end": issued["end"]}
                yield "sub", issued["out"].get("sub"), issue
                yield "pair", (issued["out"].get("sub"), issued["out"].get("client")), issue
                yield "client", issued["out"].get("client"), issue
                yield "sid", issued["out"].get("sid"), issue
                yield "everything", None, issue
        if family and (record := index.families.get(family)):
            yield "family", family, None
            if record["code"]:
                yield "code", record["code"], None
            # A grant counts from its authorization.
            issued = index.codes.get(record["code"])
            since = {"begin": issued["begin"], "end": issued["end"]} if issued else record
            if use.what != "token":
                yield "sub", record["sub"], since
                yield "client", record["client"], since
                yield "everything", None, since
                if not record["offline"]:
                    yield "sid", record["sid"], since
            yield "pair", (record["sub"], record["client"]), since

    @staticmethod
    def named(targets):
        """A token without a session is not of the session that nobody knows."""
        return [target for target in targets if target[1] is not None or target[0] == "everything"]

    def perhaps(self, use):
        """What may have been reached, but need not."""
        token = self.index.tokens.get(use.name) if use.what == "token" else None
        code = self.index.codes.get(use.name) if use.what == "code" else None
        if token:
            yield "a session of", token.get("sub"), token
        if code:
            yield "a session of", code["out"].get("sub"), {"begin": code["begin"], "end": code["end"]}

    def acknowledged(self, use):
        """Acts that were acknowledged, and that reach what was used for certain."""
        for kind, name, issued in self.named(self.targets(use)):
            for act in self.acts.get((kind, name), []):
                # A refusal for reuse is the acknowledgement of what it ended.
                told = act.event["result"] == "ok" or act.event["op"] in ("redeem", "device", "rotate")
                if told and (issued is None or issued["end"] < act.event["begin"]):
                    yield act

    def possible(self, use):
        """Whether something may have ended what was used before it was refused, or another reason may have refused it."""
        end = use.event["end"]
        for kind, name, issued in self.named([*self.targets(use), *self.perhaps(use)]):
            for act in self.acts.get((kind, name), []):
                # What an act ends, it ends for whatever was issued up to its answer; unanswered, for ever after.
                reach = act.event["end"] + 1 if act.event["result"] == "ok" else float("inf")
                if act.event["begin"] < end and (issued is None or issued["begin"] <= reach):
                    return True
        return self.expired(use) or self.replayed(use, end) or self.other_reason(use) or self.key_is_news(use)

    def expired(self, use):
        token = self.index.tokens.get(use.name) if use.what == "token" else None
        if use.what == "token" and token is None:
            return True
        return bool(token and token.get("expires") is not None and use.event["end"] > token["expires"])

    def key_is_news(self, use):
        """A key that signs at once, unpublished, is known to the other nodes a little later."""
        token = self.index.tokens.get(use.name) if use.what == "token" else None
        register = self.index.registers.get(("key", token.get("kid"))) if token else None
        if register is None or use.event["node"] is None:
            return False
        lag = self.index.lag(use.event, self.bounds.nodes)
        return any(event["op"] == "key-rotate" and use.event["begin"] <= event["end"] + lag
                   for event, _ in register.writes)

    def family_of(self, use):
        if use.what == "family":
            return use.name
        if use.what == "code":
            return self.index.family_of_code.get(use.name)
        return self.index.tokens[use.name].get("family")

    def replayed(self, use, end):
        return any(begin < end for begin in self.possible_replays.get(self.family_of(use), []))

    def other_reason(self, use):
        """Why a code or a generation may be refused although its family lives."""
        event = use.event
        if use.what == "code":
            issued = self.index.codes.get(use.name)
            others = [other for other in self.index.redeems[use.name] if other is not event
                      and other["result"] != "unsent" and other["begin"] < event["end"]]
            lifetime = issued["out"].get("lifetime", 60) if issued else 0
            return bool(others) or event["end"] > (issued["begin"] if issued else 0) + lifetime
        if use.what == "family":
            return any(other is not event and other["result"] != "unsent" and other["begin"] < event["end"]
                       and self.superseded(event, other) for other in self.index.rotations[event["in"]["refresh"]])
        return False

    def superseded(self, event, first):
        """Whether an earlier try may be the reason for which this one was refused."""
        if event["end"] > first["begin"] + self.bounds.retry_window or first["result"] in ("unknown", "unavailable"):
            return True
        if first["result"] == "ok":
            later = self.index.rotations.get(first["out"]["refresh"], [])
            if any(use["result"] != "unsent" and use["begin"] < event["end"] for use in later):
                return True
        tries = self.index.rotations[event["in"]["refresh"]]
        return len([other for other in tries if other["begin"] < event["end"]]) > self.bounds.retry_limit
