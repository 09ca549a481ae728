"""Nodes of signet on a PostgreSQL of our own, what is asked of them, and traffic that remembers every answer."""

import base64
import collections
import contextlib
import json
import os
import pathlib
import secrets
import shutil
import subprocess
import sys
import tempfile
import threading
import time

import pytest
import requests

from signet import HTTP_SECONDS, Signet

sys.path.append(str(pathlib.Path(__file__).resolve().parent.parent / "Torture"))
import stores  # noqa: E402

needs_postgres = pytest.mark.skipif(
    sys.platform != "linux" or stores.postgres_binaries() is None, reason="no PostgreSQL is installed, or no /proc")

AUDIENCE = "https://api.example/orders"
# Seconds until something that must come by itself counts as missing; not how long it takes.
PATIENCE = 60


def until(condition, what):
    """Waits for something that has to come true by itself."""
    deadline = time.monotonic() + PATIENCE
    while not (value := condition()):
        assert time.monotonic() < deadline, f"{what} did not come"
        time.sleep(0.05)
    return value


@contextlib.contextmanager
def temporary_folder():
    """Not pytest's own, which the user that PostgreSQL runs as cannot enter."""
    with tempfile.TemporaryDirectory(prefix="signet-failures-") as made:
        pathlib.Path(made).chmod(0o755)
        yield pathlib.Path(made)


@contextlib.contextmanager
def running_database(folder):
    server = stores.PostgreSQL(folder / "postgres", power=False)
    server.start()
    server.sql("CREATE DATABASE signet")
    yield server
    server.stop()


@pytest.fixture
def folder():
    with temporary_folder() as made:
        yield made


@pytest.fixture
def database(folder):
    with running_database(folder) as server:
        yield server


def on(address, **settings):
    return {"SIGNET_STORE_ADDRESS": address, "SIGNET_LOG_LEVEL": "warning", **settings}


def refused(binary, arguments, environment):
    """A command that must fail; what it said."""
    completed = subprocess.run(
        [binary, *arguments], capture_output=True, text=True, timeout=120, env={"PATH": "/usr/bin:/bin", **environment})
    assert completed.returncode != 0, completed.stdout
    return completed.returncode, completed.stderr.strip()


class Standby(stores.PostgreSQL):
    """A streaming copy of another server, which takes over when it is promoted."""

    def __init__(self, folder, primary):
        self.primary = primary
        super().__init__(folder, power=False)

    def prepare(self):
        self.folder.mkdir(parents=True, exist_ok=True)
        if self.user:
            os.chown(self.folder, self.user.pw_uid, self.user.pw_gid)
        subprocess.run(
            [self.bin / "pg_basebackup", "-h", "127.0.0.1", "-p", str(self.primary.port), "-U", "signet", "-D", self.data,
             "-R", "-X", "stream", "-c", "fast", *self.making], check=True, capture_output=True, cwd="/", **self.options)


@pytest.fixture
def pair(folder, database):
    """A primary that acknowledges nothing that its standby has not."""
    standby = Standby(folder / "standby", database)
    standby.start()
    database.sql("ALTER SYSTEM SET synchronous_standby_names = '*'")
    database.sql("SELECT pg_reload_conf()")
    until(lambda: database.sql("SELECT sync_state FROM pg_stat_replication") == "sync", "the synchronous standby")
    yield database, standby
    standby.stop()


class Holder:
    """Somebody at psql who began a transaction and went to lunch: what it locked stays locked until the block ends."""

    def __init__(self, database, *statements):
        self.database, self.statements = database, statements

    def __enter__(self):
        self.process = subprocess.Popen(
            [self.database.bin / "psql", "-X", "-q", "-A", "-t", "-h", "127.0.0.1", "-p", str(self.database.port), "-U",
             "signet", "-d", "signet", "-v", "ON_ERROR_STOP=1"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            cwd="/")
        self.process.stdin.write("".join(f"{text};\n" for text in ("BEGIN", *self.statements, "SELECT 'it is locked'")))
        self.process.stdin.flush()
        while (line := self.process.stdout.readline()) != "it is locked\n":
            assert line, "psql ended"
        return self

    def __exit__(self, *_):
        self.process.communicate("ROLLBACK;\n", timeout=PATIENCE)


class Node(Signet):
    """Clients, tokens and questions as an application has them."""

    @classmethod
    def beside(cls, first, folder, environment=None):
        """Another node of the same issuer, on the same records and with a copy of the master key."""
        node = cls(first.binary, folder, environment=environment or first.environment, issuer=first.issuer)
        node.data_dir.mkdir(mode=0o700)
        shutil.copy2(first.data_dir / "master.key", node.data_dir / "master.key")
        node.api, node.service = first.api, first.service
        return node

    def prepare(self):
        self.api = self.run("api", "create", "--audience", AUDIENCE, "--name", "Orders", "--scope",
                            "orders:read=See your orders")
        self.service = self.run("client", "create", "--id", "service", "--type", "confidential", "--scope", "orders:read")
        self.run("client", "create", "--id", "tv", "--name", "Television", "--device")
        return self

    def ask(self, method, path, **options):
        return requests.request(method, self.address + path, timeout=HTTP_SECONDS, **options)

    def issue(self):
        return self.ask("POST", "/token", data={"grant_type": "client_credentials", "scope": "orders:read"},
                        auth=("service", self.service["client_secret"]))

    def look_into(self, token):
        return self.ask("POST", "/introspect", data={"token": token},
                        auth=(self.api["credential_id"], self.api["credential_secret"]))

    def revoke(self, token):
        return self.ask("POST", "/revoke", data={"token": token}, auth=("service", self.service["client_secret"]))

    def feed_ends(self, token):
        """Whether the revocation feed, as this node tells it, refuses a token (Docs/revocation-feed.md)."""
        nonce = secrets.token_urlsafe(24)
        answer = self.ask("GET", f"/revocations/snapshot?nonce={nonce}",
                          auth=(self.api["credential_id"], self.api["credential_secret"]))
        assert answer.status_code == 200, answer.text
        head, _, entries = answer.content.partition(b"\n")
        assert claims_of(head.decode())["nonce"] == nonce
        names = octets(claims_of(token)["rev"])
        issued, handles = names[1:8], {names[start:start + 16] for start in range(8, len(names), 16)}
        for start in range(0, len(entries), 32):
            entry = entries[start:start + 32]
            if issued <= entry[1:8] and (entry[0] == 3 or entry[0] == 1 and entry[16:] in handles):
                return True
        return False

    def start_device(self):
        """A write that anybody can ask for, and ask about later."""
        return self.ask("POST", "/device_authorization", data={"client_id": "tv", "scope": "openid"})

    def poll_device(self, code):
        return self.ask("POST", "/token", data={
            "grant_type": "urn:ietf:params:oauth:grant-type:device_code", "device_code": code, "client_id": "tv"})

    def knows(self, code):
        answer = self.poll_device(code)
        assert answer.status_code == 400, answer.text
        return answer.json()["error"] in ("authorization_pending", "slow_down")

    def health(self):
        """Whether it lives, whether it is ready, and which checks failed."""
        ready = self.ask("GET", "/readyz")
        failed = [name for name, outcome in ready.json()["checks"].items() if outcome != "ok"]
        return self.ask("GET", "/livez").status_code, ready.status_code, failed

    def maps(self):
        return pathlib.Path(f"/proc/{self.process.pid}/maps").read_text()


def octets(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def claims_of(token):
    return json.loads(octets(token.split(".")[1]))


Asked = collections.namedtuple("Asked", "what begin end status retry_after body")


class Traffic:
    """Asks a node for everything, all the time, from several threads."""

    NEEDS_STORE = ("issue", "introspect", "introspect revoked", "write")

    def __init__(self, node, threads=3):
        self.node, self.asked, self.written, self.broken = node, [], [], []
        self.good, self.bad = node.issue().json()["access_token"], node.issue().json()["access_token"]
        assert node.revoke(self.bad).status_code == 200
        self.stop = threading.Event()
        self.threads = [threading.Thread(target=self.work) for _ in range(threads)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        for thread in self.threads:
            thread.join(PATIENCE)

    def work(self):
        node = self.node
        acts = {
            "issue": node.issue, "introspect": lambda: node.look_into(self.good),
            "introspect revoked": lambda: node.look_into(self.bad), "write": node.start_device,
            "keys": lambda: node.ask("GET", "/jwks.json"),
            "discovery": lambda: node.ask("GET", "/.well-known/openid-configuration"),
            "live": lambda: node.ask("GET", "/livez"), "ready": lambda: node.ask("GET", "/readyz")}
        while not self.stop.wait(0.02):
            for what, act in acts.items():
                begin = time.monotonic()
                try:
                    answer = act()
                except requests.RequestException as error:
                    self.broken.append(f"{what}: {error!r}")
                    continue
                body = answer.json() if "json" in answer.headers.get("content-type", "") else {}
                self.asked.append(Asked(what, begin, time.monotonic(), answer.status_code,
                                        answer.headers.get("retry-after"), body))
                if what == "write" and answer.status_code == 200:
                    self.written.append(body["device_code"])

    def seen(self, what, status, since=0.0):
        return any(asked.what == what and asked.status == status and asked.begin >= since for asked in list(self.asked))

    def await_all(self, status, kinds=NEEDS_STORE):
        """Until each of these was answered so, by a request that begins from now on."""
        now = time.monotonic()
        until(lambda: all(self.seen(what, status, now) for what in kinds), f"{status} for {', '.join(kinds)}")

    def judge(self, down=None, back=None):
        """What holds whatever happens to the store; `down` and `back` bound a time in which it was away for certain."""
        assert self.broken == []
        for asked in self.asked:
            if asked.what in ("keys", "discovery", "live"):
                assert asked.status == 200, asked
            else:
                assert asked.status in (200, 503), asked
            if asked.status == 503:
                assert asked.retry_after and int(asked.retry_after) >= 1, asked
            if asked.status == 200 and asked.what in ("introspect", "introspect revoked"):
                assert asked.body["active"] is (asked.what == "introspect"), asked
        if down:
            self.judge_outage(down, back)

    def judge_outage(self, down, back, kinds=NEEDS_STORE):
        """Whatever of these began and ended in that time was refused for now, and there was some of each."""
        for what in kinds:
            meanwhile = [asked for asked in self.asked if asked.what == what and down <= asked.begin and asked.end <= back]
            assert meanwhile, f"nobody asked for {what}"
            for asked in meanwhile:
                assert asked.status == 503 and int(asked.retry_after or 0) >= 1, asked

    def slowest(self, status):
        return max(asked.end - asked.begin for asked in list(self.asked)
                   if asked.status == status and asked.what in self.NEEDS_STORE)

    def back_after(self, moment):
        """How long after `moment` the first request that needs the store was answered."""
        return min(asked.end for asked in self.asked
                   if asked.what in self.NEEDS_STORE and asked.status == 200 and asked.begin > moment) - moment
