"""The load generator of Benchmarks/load from Python: what is asked (a plan), and what came of it.

A plan is one row of one contender: the requests of a journey, and where their values come from.
"""
import dataclasses
import json
import os
import subprocess
import urllib.parse

import servers
from processes import family_seconds

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
JSON = {"Content-Type": "application/json"}
# Seconds beyond those that were asked for: answers that are under way are waited for.
PATIENCE = 120


@dataclasses.dataclass
class Step:
    """A request, the status that it must be answered with, and what is taken from the answer for the next one."""

    text: str
    expect: int = 200
    take: str = None


@dataclasses.dataclass
class Plan:
    """`values` are used again and again; `carried` are replaced by what the last step takes (a family's latest token);
    `mint` makes a file with so many that each is used once."""

    port: int
    steps: list
    values: list = None
    carried: list = None
    mint: object = None
    connections: int = 32


def request(method, path, headers=None, body=""):
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", *(f"{name}: {value}" for name, value in (headers or {}).items())]
    return "\n".join(lines) + "\n\n" + body


def get(path, headers=None, **step):
    return Step(request("GET", path, headers), **step)


def form(path, fields, headers=None, **step):
    """`{value}` in a field stays what it is: values need no escapes."""
    body = urllib.parse.urlencode(fields, safe="{}")
    return Step(request("POST", path, {**FORM, **(headers or {})}, body), **step)


def post_json(path, fields, headers=None, **step):
    """Members whose value is `{value}` are filled in; braces of JSON itself do not look like that."""
    return Step(request("POST", path, {**JSON, **(headers or {})}, json.dumps(fields)), **step)


def bearer(token="{value}"):
    return {"Authorization": f"Bearer {token}"}


class Load:
    """Runs plans, each with files of its own in one folder."""

    def __init__(self, program, prefix, folder):
        self.program = program
        self.prefix = prefix
        self.folder = folder
        self.names = {}
        # The latest command, for the record.
        self.last = []

    def file(self, name, text):
        path = os.path.join(self.folder, name)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def name(self, plan):
        """What a plan's files are called; the carried values of a plan stay in theirs from run to run."""
        return self.names.setdefault(id(plan), (plan, f"plan-{len(self.names)}"))[1]

    def command(self, plan, seconds, count, rate, into):
        name = self.name(plan)
        words = ["--port", plan.port, "--connections", plan.connections]
        words += ["--seconds", seconds] if seconds else []
        words += ["--count", count] if count else []
        words += ["--rate", rate] if rate else []
        words += ["--into", into] if into else []
        if plan.values:
            words += ["--again", "--values", self.file(f"{name}-values", "\n".join(plan.values) + "\n")]
        elif plan.carried:
            path = os.path.join(self.folder, f"{name}-values")
            if not os.path.exists(path):
                self.file(f"{name}-values", "\n".join(plan.carried) + "\n")
            words += ["--carry", "--values", path]
        elif plan.mint:
            words += ["--values", self.minted(name, plan, count)]
        for number, step in enumerate(plan.steps):
            words += ["--request", self.file(f"{name}-{number}", step.text), "--expect", step.expect]
            words += ["--take", step.take] if step.take else []
        self.last = [*self.prefix, self.program, *map(str, words)]
        return self.last

    def minted(self, name, plan, count):
        path = os.path.join(self.folder, f"{name}-values")
        if os.path.exists(path):
            os.unlink(path)
        plan.mint(self, count, path)
        return path

    def run(self, plan, seconds=None, count=None, rate=None, into=None, forgiving=False, watched=None):
        """What came of it; a failed request is a fault unless `forgiving`. `watched` is a process whose time is told."""
        command = self.command(plan, seconds, count, rate, into)
        before = family_seconds(watched) if watched else 0
        found = self.execute(command, PATIENCE + (seconds or 0) + (count or 0) / 50, forgiving)
        if watched:
            found["processor"] = family_seconds(watched) - before
        return found

    @staticmethod
    def execute(command, timeout, forgiving=False):
        """Runs what `command` made of a plan."""
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=timeout)
            found = json.loads(done.stdout)
        except (subprocess.TimeoutExpired, ValueError) as error:
            raise servers.Fault(f"the load generator: {error}") from error
        if found["answered"] == 0 or (found["failed"] and not forgiving):
            raise servers.Fault(f"{found['failed']} of {found['failed'] + found['answered']} failed: {found['statuses']}")
        return found


def minting(plan):
    """A mint that gets its values by asking a server: what the last step of `plan` takes."""

    def mint(load, count, path):
        load.run(plan, count=count, into=path)

    return mint


def writing(make):
    """A mint that makes its values here, such as assertions that a client signs."""

    def mint(load, count, path):
        load.file(os.path.basename(path), "\n".join(make() for _ in range(count)) + "\n")

    return mint
