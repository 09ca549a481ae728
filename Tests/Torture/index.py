"""A history arranged for the checker: who used what, what was written to which register, when which fault was in force."""

import collections
import dataclasses

INFINITY = float("inf")


@dataclasses.dataclass(frozen=True)
class Use:
    """A token, family or code that was presented, and what came of it."""
    event: dict
    what: str           # "token", "family", "code"
    name: str
    honoured: bool
    denied: bool

    def __str__(self):
        return f"{self.what} {self.name}"


class Register:
    """A value that is written and read, regular as Lamport has it: a read gives the last value that was written before it,
    or one that is being written."""

    def __init__(self, initial):
        self.initial = initial
        self.writes = []
        self.reads = []

    def write(self, event, value):
        if event["result"] in ("refused", "unsent"):
            return
        self.writes.append((event, value))

    def read(self, event, value):
        self.reads.append({"event": event, "value": value})

    def possible(self, read, bound):
        """The values that `read` may give, if nodes may be `bound` seconds behind."""
        values, certain = set(), False
        done = [event for event, _ in self.writes if event["result"] == "ok" and event["end"] + bound < read["begin"]]
        newest = max((event["begin"] for event in done), default=-INFINITY)
        for event, value in self.writes:
            if event["begin"] > read["end"]:
                continue
            end = event["end"] if event["result"] == "ok" else INFINITY
            if end >= newest:
                values.add(value)
            if event in done:
                certain = True
        if not certain:
            values.add(self.initial)
        return values

    def latest_acknowledged(self, read):
        done = [event for event, _ in self.writes if event["result"] == "ok" and event["end"] < read["begin"]]
        return max(done, key=lambda event: event["begin"], default=None)


class Index:
    # What cannot be answered with yes without asking the store.
    NEED_STORE = {"redeem", "rotate", "client_credentials", "device", "introspect", "userinfo", "revoke", "authorize",
                  "silent", "consent", "withdraw", "session-login", "session-state", "session-logout"}
    # What cannot without asking the Redis that keeps sessions.
    NEED_REDIS = {"session-login", "session-state", "session-logout"}
    STORE_DOWN = {"pg-kill", "pg-power", "pg-restart", "pg-pause", "cut-all", "disk-power"}
    REDIS_DOWN = {"redis-kill", "redis-empty", "redis-pause", "cut-all"}
    # What Redis has no more afterwards, or never had.
    REDIS_LOST = {"redis-flush", "redis-empty", "redis-older"}

    def __init__(self, events):
        self.events = sorted(events, key=lambda event: event["begin"])
        self.redeems = collections.defaultdict(list)
        self.rotations = collections.defaultdict(list)
        self.family_rotations = collections.defaultdict(list)
        self.family_of_code = {}
        self.tokens = {}
        self.families = {}
        self.codes = {}
        self.uses = []
        self.registers = {}
        self.sessions_of = collections.defaultdict(list)
        # What ends every session of a person.
        self.ends_of = collections.defaultdict(list)
        self.faults = [event for event in self.events if event["op"] == "fault"]
        self.probes = collections.defaultdict(list)
        self.readings = []
        self.logins = {}
        # Where sessions of session mode lie.
        self.sessions_in = next((event["in"]["sessions"] for event in self.events if event["op"] == "setup"), "sql")
        self.nodes = sorted({event["node"] for event in self.events if event["node"] is not None})
        for event in self.events:
            if event["result"] == "ok":
                self.note_issued(event)
        for event in self.events:
            handler = getattr(self, "on_" + event["op"].replace("-", "_"), None)
            if handler:
                handler(event)

    def register(self, kind, name, initial):
        return self.registers.setdefault((kind, name), Register(initial))

    def note_issued(self, event):
        """What an answer brought into the world; the first answer counts."""
        out = event["out"]
        token = out.get("access")
        if token:
            self.tokens.setdefault(token["jti"], {**token, "begin": event["begin"], "end": event["end"]})
            family = token.get("family")
            if family:
                code = event["in"].get("code") or self.families.get(family, {}).get("code")
                self.families.setdefault(family, {
                    "sub": token.get("sub"), "client": token.get("client"), "sid": token.get("sid"), "code": code,
                    "offline": out.get("offline", False), "begin": event["begin"], "end": event["end"]})
                if event["in"].get("code"):
                    self.family_of_code.setdefault(event["in"]["code"], family)
        if out.get("code"):
            self.codes.setdefault(out["code"], event)

    def use(self, event, what, name, honoured, denied):
        if name is not None:
            self.uses.append(Use(event, what, name, honoured, denied))

    def on_redeem(self, event):
        code = event["in"]["code"]
        self.redeems[code].append(event)
        self.use(event, "code", code, event["result"] == "ok", self.was_refused(event))

    on_device = on_redeem

    def on_rotate(self, event):
        self.rotations[event["in"]["refresh"]].append(event)
        family = event["in"].get("family")
        self.family_rotations[family].append(event)
        self.use(event, "family", family, event["result"] == "ok", self.was_refused(event))

    @staticmethod
    def was_refused(event):
        return event["result"] == "refused" and event["out"].get("error") == "invalid_grant"

    def on_introspect(self, event):
        if event["result"] == "ok":
            self.use(event, "token", event["in"]["token"], event["out"]["active"], not event["out"]["active"])

    def on_userinfo(self, event):
        self.use(event, "token", event["in"]["token"], event["result"] == "ok",
                 event["result"] == "refused" and event["status"] == 401)

    def on_api(self, event):
        # A service that knows too little refuses without saying that the token is bad.
        self.use(event, "token", event["in"]["token"], event["result"] == "ok", event["result"] == "refused")

    def on_denylist(self, event):
        self.readings.append(event)
        self.on_api(event)

    def consent(self, event):
        return self.register("consent", f"{event['in']['sub']} to {event['in']['client']}", "absent")

    def signed_in(self, event):
        """Nobody is let in who was disabled."""
        if event["result"] == "ok":
            self.register("person", event["in"]["sub"], "present").read(event, "present")

    def on_authorize(self, event):
        self.signed_in(event)

    def on_device_approve(self, event):
        self.signed_in(event)

    def on_user_disable(self, event):
        self.register("person", event["in"]["sub"], "present").write(event, "absent")
        self.end_sessions(event["in"]["sub"], event)

    def end_sessions(self, sub, event):
        self.ends_of[sub].append(event)
        for session in self.sessions_of[sub]:
            self.register("session", session, "absent").write(event, "absent")

    def on_user_enable(self, event):
        self.register("person", event["in"]["sub"], "present").write(event, "present")

    def on_consent(self, event):
        self.signed_in(event)
        self.consent(event).write(event, "present")

    def on_withdraw(self, event):
        self.consent(event).write(event, "absent")

    def on_silent(self, event):
        self.signed_in(event)
        if event["result"] == "ok":
            self.consent(event).read(event, "present")
        elif event["out"].get("error") == "consent_required":
            self.consent(event).read(event, "absent")

    def on_client_create(self, event):
        self.register("client", event["in"]["client"], "absent").write(event, "present")

    def on_client_delete(self, event):
        self.register("client", event["in"]["client"], "absent").write(event, "absent")

    def on_client_credentials(self, event):
        if ("client", event["in"]["client"]) not in self.registers:
            return
        if event["result"] == "ok":
            self.register("client", event["in"]["client"], "absent").read(event, "present")
        elif event["out"].get("error") == "invalid_client":
            self.register("client", event["in"]["client"], "absent").read(event, "absent")

    def on_key_rotate(self, event):
        for kid in event["out"].get("kids", []):
            self.register("key", kid, "absent").write(event, "present")

    def on_key_retire(self, event):
        self.register("key", event["in"]["kid"], "present").write(event, "absent")

    def on_jwks(self, event):
        if event["result"] != "ok":
            return
        for (kind, kid), register in self.registers.items():
            if kind == "key":
                register.read(event, "present" if kid in event["out"]["kids"] else "absent")

    def on_session_login(self, event):
        self.signed_in(event)
        if event["result"] == "ok":
            self.register("session", event["out"]["session"], "absent").write(event, "present")
            self.sessions_of[event["in"]["sub"]].append(event["out"]["session"])
            # Those that began before it and went on beside it: they may have met it or not.
            for end in self.ends_of[event["in"]["sub"]]:
                if end["end"] > event["begin"]:
                    self.register("session", event["out"]["session"], "absent").write(end, "absent")
            self.logins[event["out"]["session"]] = event

    def on_session_logout(self, event):
        self.register("session", event["in"]["session"], "absent").write(event, "absent")

    def on_session_state(self, event):
        if event["result"] == "ok" and ("session", event["in"]["session"]) in self.registers:
            self.register("session", event["in"]["session"], "absent").read(
                event, "present" if event["out"]["active"] else "absent")

    def on_cli_revoke(self, event):
        if event["in"]["kind"] == "sub":
            self.end_sessions(event["in"]["name"], event)

    def on_probe(self, event):
        self.probes[event["node"]].append(event)

    def store_faults(self, node, kinds=STORE_DOWN):
        return [fault for fault in self.faults if fault["in"]["kind"] in kinds
                or (fault["in"]["kind"] in ("cut-drop", "cut-blackhole") and fault["in"]["target"] == node)]

    def barred(self, event):
        """The faults while which nobody can have said yes to this."""
        found = self.store_faults(event["node"]) if event["op"] in self.NEED_STORE else []
        if self.sessions_in == "redis" and event["op"] in self.NEED_REDIS:
            found = found + self.store_faults(event["node"], self.REDIS_DOWN)
        return found

    def was_lost(self, session, read, forgets):
        """Whether the session lay in a Redis that may have lost it before it was asked for."""
        login = self.logins.get(session)
        if self.sessions_in != "redis" or login is None:
            return False
        for fault in self.faults:
            kind, since, until = fault["in"]["kind"], fault["out"]["since"], fault["out"]["until"]
            if since < read["end"] and login["begin"] < until and (
                    kind in self.REDIS_LOST or (kind == "redis-kill" and since - forgets < login["end"])):
                return True
        return False

    def lag(self, event, bound):
        """How old what a node holds in memory may be: `bound`, counted from when it last reached its store in peace."""
        node, horizon = event["node"], event["begin"] - bound
        faults = [fault for fault in self.faults if fault["in"]["kind"] in ("pg-backend", "cut-all")
                  or (fault["in"]["target"] == node and fault["in"]["kind"] in ("node-pause", "cut-delay"))]
        for fault in sorted([*faults, *self.store_faults(node)], key=lambda fault: -fault["out"]["until"]):
            if fault["out"]["until"] > horizon and fault["out"]["since"] < event["begin"]:
                horizon = min(horizon, fault["out"]["since"] - bound)
        for fault in self.faults:
            # What it read while it started, it holds for a second from when it serves.
            if (fault["in"]["target"] == node and fault["in"]["kind"] in ("node-kill", "node-restart")
                    and horizon < fault["out"]["until"] <= event["begin"]):
                horizon = min(horizon, fault["end"])
        return event["begin"] - horizon

    def node_faults(self, event):
        """What may have kept this node from answering."""
        return [fault for fault in self.faults
                if fault["in"]["kind"] in ("node-kill", "node-pause", "node-restart", "disk-power", "end")
                and fault["in"]["target"] in (event["node"], None)
                and fault["out"]["since"] <= event["end"] and event["begin"] <= fault["out"]["until"]]
