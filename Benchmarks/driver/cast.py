"""Everybody who takes part in `make bench`: starts them on the core of servers, has each prove what it does, and collects what
they can be asked: row -> contender -> plan."""
import contextlib
import os
import time

import glewlwyd
import httpload
import peers
import servers
from httpload import Plan, bearer, get
from peers import SEEN, ask, expect
from results import note
from servers import AUDIENCE, Fault
from signet_server import Signet

ALGORITHMS = ["ES256", "RS256", "EdDSA"]
# Which row of an API is which route of RequestBenchmark.
ROUTES = {"me.cached": "signet", "me.redis": "redis", "me.introspection": "introspection"}


def cores():
    """The core of whatever is measured, and those of everybody else; None where cores cannot be chosen."""
    if not hasattr(os, "sched_getaffinity") or len(os.sched_getaffinity(0)) < 2:
        return None, None
    available = sorted(os.sched_getaffinity(0))
    return available[-1], available[:-1]


def pinned(which):
    """The prefix that keeps a process on these cores."""
    if which is None:
        return []
    return ["taskset", "--cpu-list", ",".join(map(str, which if isinstance(which, list) else [which]))]


class API(servers.Server):
    """RequestBenchmark: an API behind Signet's SDK, the same route without it, and Hummingbird's empty POST."""

    def __init__(self, prefix, command, issuer, redis, post_bytes):
        super().__init__("api")
        self.issuer = issuer
        material = issuer.material(redisPort=redis.port, listen=self.port, postBytes=sorted(set(post_bytes)))
        self.url = f"http://127.0.0.1:{self.port}"
        try:
            self.start([*prefix, *command, material])
        except BaseException:
            self.stop()
            raise

    def prove(self, redis):
        good, revoked = self.issuer.token(), self.issuer.token()
        for route in ("signet", "redis", "introspection"):
            deadline = time.monotonic() + 20
            # Until the feed and the keys are there.
            while ask(f"{self.url}/{route}", headers=bearer(revoked))[0] != 200:
                if time.monotonic() > deadline:
                    raise Fault(f"{route} serves no token")
                time.sleep(0.1)
        self.issuer.revoke(revoked)
        redis.deny([servers.token_name(revoked)])
        time.sleep(1)
        for route in ("signet", "redis", "introspection", "jwt-kit"):
            expect(f"{route}: a good token", ask(f"{self.url}/{route}", headers=bearer(good)), 200)
            expect(f"{route}: a changed signature", ask(f"{self.url}/{route}", headers=bearer(peers.tampered(good))), 401)
            if route != "jwt-kit":
                expect(f"{route}: a revoked token", ask(f"{self.url}/{route}", headers=bearer(revoked)), 401)

    def plans(self, load):
        tokens = self.issuer.collect(load, self.issuer.token_plan(), SEEN)
        rows = {row: Plan(self.port, [get(f"/{route}", bearer())], values=tokens) for row, route in ROUTES.items()}
        rows["me.cold"] = Plan(self.port, [get("/signet", bearer())], mint=httpload.minting(self.issuer.token_plan()))
        return rows

    def open(self, like):
        """The same request at a route that asks for nothing."""
        return Plan(self.port, [get("/open", bearer())], values=like.values)

    def bare(self, count, like):
        """An empty POST with a request like this plan's and an answer of so many bytes."""
        head, _, body = like.steps[0].text.partition("\n\n")
        lines = head.split("\n")
        text = "\n".join([f"POST /post-{count} HTTP/1.1", *lines[1:]]) + "\n\n" + body
        return Plan(self.port, [httpload.Step(text)], values=like.values, mint=like.mint, connections=like.connections)


class Cast:
    def __init__(self, workplace, options):
        self.workplace = workplace
        self.options = options
        self.missing, self.broken = {}, {}
        self.rows = {}
        self.stack = contextlib.ExitStack()
        self.running = {}
        core, others = cores()
        self.server, self.elsewhere = pinned(core), pinned(others)

    def __enter__(self):
        self.stack.__enter__()
        folder = self.stack.enter_context(servers.Server("load")).folder
        self.load = httpload.Load(self.command("load")[0], self.elsewhere, folder)
        return self

    def __exit__(self, *problem):
        return self.stack.__exit__(*problem)

    def command(self, name):
        return self.workplace.read(f"{name}.command").split("\n")

    def process(self, port):
        """The process behind a port, as it is now."""
        return next((server.process.pid for server in self.running.values() if server.port == port), None)

    def add(self, row, contender, plan):
        self.rows.setdefault(row, {})[contender] = plan

    def assemble(self):
        """Starts and proves all of them. One that does not do its part is named and left out; without Signet nothing is."""
        signet = self.command("signet")[0]
        servers_of = {}
        for algorithm in ALGORITHMS:
            server = self.stack.enter_context(Signet(signet, self.server, algorithm, full=algorithm == ALGORITHMS[0]))
            server.prove()
            servers_of[algorithm] = self.running[f"signet {algorithm}"] = server
        self.signet = servers_of["ES256"]
        self.signet.prove_people(self.load)
        note("signet has proved what it does")
        for row, plan in self.signet.plans(self.load).items():
            self.add(row, "signet", plan)
        # Apart from the others, since what it ends weighs on whoever hears of it; with the lifetimes of the standard.
        ending = Signet(signet, self.server, "ES256", full=False, settings={})
        self.running["signet, ending"] = self.stack.enter_context(ending)
        ending.prove()
        self.add("revocation", "signet", ending.revocation_plan())
        for algorithm, server in servers_of.items():
            self.add(f"client_credentials.{algorithm.lower()}", "signet", server.token_plan())
        self.redis = None
        if self.reason("redis") is None:
            self.redis = self.stack.enter_context(servers.Redis([f"denied-{n}" for n in range(100_000)], self.elsewhere))
            self.attempt("api", lambda: API(
                self.server, self.command("requests"), self.signet, self.redis, self.lengths(servers_of)))
            for name, is_prepared in [("node", False), ("node, key prepared", True)]:
                self.attempt(name, lambda ready=is_prepared: peers.Node(
                    self.server, self.command("node"), self.redis, ready), "node")
        self.attempt("authlib", lambda: peers.Authlib(self.server, self.command("authlib")))
        self.attempt("jwt-kit", lambda: peers.SwiftService(self.server, self.command("jwt-kit")))
        self.attempt("nginx", lambda: peers.Nginx(self.server))
        self.attempt("glewlwyd", lambda: glewlwyd.Glewlwyd(self.server, self.command("glewlwyd")[0]))
        if "api" in self.running:
            self.add_bare()

    def reason(self, name):
        reason = self.workplace.missing(name)
        if reason is not None:
            self.missing[name] = reason
        return reason

    def attempt(self, name, start, prepared=None):
        if self.reason(prepared or name if name != "api" else "requests") is not None:
            return
        try:
            server = self.stack.enter_context(start())
            if name == "api":
                server.prove(self.redis)
                plans = server.plans(self.load)
            else:
                server.prove()
                plans = server.plans()
        except (Fault, OSError, ValueError, KeyError) as error:
            note(f"{name} is broken: {error}")
            self.broken[name] = str(error) or repr(error)
            return
        note(f"{name} has proved what it does")
        self.running[name] = server
        for row, plan in plans.items():
            self.add(row, "signet" if name == "api" else name, plan)

    def lengths(self, servers_of):
        """How long the answers are whose composed limit is wanted."""
        self.answers = {
            f"client_credentials.{algorithm.lower()}": len(expect("a token", ask(
                server.url + "/token", {"grant_type": "client_credentials", "resource": AUDIENCE},
                peers.basic(*server.client)), 200))
            for algorithm, server in servers_of.items()
        }
        introspection = expect("introspection", ask(
            self.signet.url + "/introspect", {"token": self.signet.token()}, peers.basic(*self.signet.client)), 200)
        self.answers |= {"introspect.jwt.unseen": len(introspection), "introspect.jwt.seen": len(introspection)}
        return self.answers.values()

    def add_bare(self):
        for row, count in self.answers.items():
            self.add(row, "bare", self.running["api"].bare(count, self.rows[row]["signet"]))
        self.add("me.cached", "open", self.running["api"].open(self.rows["me.cached"]["signet"]))


