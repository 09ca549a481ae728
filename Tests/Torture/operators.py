"""Who works beside the clients: the operator with the command line, probes that ask every node whether it serves, and the
last reading of everything once all faults have healed."""

import random
import time

from history import named
from people import claims_of
from web import Caller


def kids_in(value):
    """Every `kid` anywhere in what a command printed."""
    if isinstance(value, dict):
        found = [value["kid"]] if isinstance(value.get("kid"), str) else []
        return found + [kid for part in value.values() for kid in kids_in(part)]
    return [kid for part in value for kid in kids_in(part)] if isinstance(value, list) else []


class Operator:
    def __init__(self, world, history, seed):
        self.world, self.history = world, history
        self.dice = random.Random(f"operator {seed}")
        self.made = 0
        self.retirable = []
        self.deleted = []

    def command(self, op, arguments, given, got=lambda shown: {}):
        begin = time.monotonic()
        try:
            code, shown = self.world.cluster.run(*arguments)
        except OSError as error:
            return self.history.add(op, "operator", None, begin, time.monotonic(), "unknown", given=given,
                                    note=str(error)), {}
        result = "ok" if code == 0 else "unknown"
        event = self.history.add(op, "operator", None, begin, time.monotonic(), result, given=given,
                                 got=got(shown) if code == 0 else {}, note="" if code == 0 else f"exit {code}")
        return event, shown

    def create_client(self):
        self.made += 1
        name = f"client-{self.made}"
        event, shown = self.command(
            "client-create", ["client", "create", "--id", name, "--type", "confidential", "--scope", "orders:read"],
            {"client": name})
        if event["result"] == "ok":
            with self.world.lock:
                self.world.new_clients.append((name, shown["client_secret"]))

    def revoke(self):
        grant = self.world.recent(self.dice, self.world.grants)
        choice = self.dice.random()
        if grant is None:
            return
        if choice < 0.5:
            self.command("cli-revoke", ["revoke", "--family", grant.family], {"kind": "family", "name": grant.family})
        elif choice < 0.85:
            token = claims_of(grant.access)["jti"]
            self.command("cli-revoke", ["revoke", "--jti", token], {"kind": "token", "name": token})
        else:
            subject = self.world.subjects[grant.person]
            self.command("cli-revoke", ["revoke", "--user", grant.person], {"kind": "sub", "name": subject})

    def rotate_keys(self):
        event, shown = self.command(
            "key-rotate", ["keys", "rotate", "--algorithm", "ES256", "--now"], {}, lambda shown: {"kids": kids_in(shown)})
        self.retirable += kids_in(shown) if event["result"] == "ok" else []

    def retire_key(self):
        # Not the newest: that would end what everybody has just been given, over and over.
        if len(self.retirable) > 2:
            kid = self.retirable.pop(0)
            self.command("key-retire", ["keys", "retire", kid], {"kid": kid})

    def delete_client(self):
        client = self.world.recent(self.dice, self.world.new_clients, 5)
        if client and client not in self.deleted:
            self.deleted.append(client)
            self.command("client-delete", ["client", "delete", client[0]], {"client": client[0]})

    def disable_person(self):
        """And lets the person in again, however often that has to be said: nobody is left out when the faults heal."""
        person = self.dice.choice(self.world.names)
        given = {"sub": self.world.subjects[person]}
        self.command("user-disable", ["user", "disable", person], given)
        time.sleep(self.dice.uniform(0.2, 1.5))
        for _ in range(20):
            event, _ = self.command("user-enable", ["user", "enable", person], given)
            if event["result"] == "ok":
                return
            time.sleep(0.5)

    WEIGHTS = {"create_client": 6, "revoke": 6, "rotate_keys": 2, "retire_key": 2, "delete_client": 2, "disable_person": 2}

    def work(self, stop):
        while not stop.wait(self.dice.uniform(0.3, 1.5)):
            act = self.dice.choices(list(self.WEIGHTS), list(self.WEIGHTS.values()))[0]
            getattr(self, act)()


class Probe:
    """Asks one node, all the time, for something that takes the store."""

    def __init__(self, node, world, history):
        self.node, self.world, self.history = node, world, history
        self.caller = Caller(world.cluster)

    def once(self):
        answer = self.caller.post(self.node, "/token", {"grant_type": "client_credentials", "scope": "orders:read"},
                                  self.world.service)
        out = answer.refusal() if answer.result != "ok" else {}
        self.history.add("probe", f"probe{self.node}", self.node, answer.begin, answer.end, answer.result, answer.status,
                         got=out, note=answer.note)
        serves = answer.result == "ok"
        answer = self.caller.get(self.node, "/jwks.json")
        kids = [key["kid"] for key in answer.json.get("keys", [])]
        self.history.add("jwks", f"probe{self.node}", self.node, answer.begin, answer.end,
                         answer.result if kids or answer.result != "ok" else "error", answer.status, got={"kids": kids},
                         note=answer.note)
        return serves and answer.result == "ok"

    def work(self, stop):
        while not stop.wait(0.25):
            self.once()


def until_served(world, history, nodes, recovery):
    """Asks until every node serves, or has had its time: that one does not is for the checker to say."""
    deadline = time.monotonic() + recovery + 1
    for node in nodes:
        probe = Probe(node, world, history)
        while not probe.once() and time.monotonic() < deadline:
            time.sleep(0.25)


def read_everything(client, world, nodes):
    """Asks the healed servers for all that was ever acknowledged; whatever it is, the checker judges it."""
    for session, cookies in dict(world.sessions).items():
        client.session_again(session, cookies)
    for name, secret in world.new_clients:
        for node in nodes:
            client.nodes = [node]
            client.token("client_credentials", node, {"grant_type": "client_credentials", "scope": "orders:read"},
                         {"client": name}, credentials=(name, secret))
    client.nodes = nodes
    for token in dict.fromkeys(world.tokens):
        client.introspect(token)
    for grant in world.grants:
        with grant.lock:
            client.refresh(grant, grant.refresh)
    for grant in world.grants[-60:]:
        if grant.client == "app":
            client.redeem(grant.code)


__all__ = ["Operator", "Probe", "named", "read_everything", "until_served"]
