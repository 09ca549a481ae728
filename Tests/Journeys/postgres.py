"""A node of signet on a PostgreSQL of our own, what is asked of it, and traffic that remembers every answer."""

import collections
import os
import pathlib
import subprocess
import sys
import threading
import time

import requests

from signet import HTTP_SECONDS, Signet

sys.path.append(str(pathlib.Path(__file__).resolve().parent.parent / "Torture"))
import stores  # noqa: E402

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
             "-R", "-X", "stream", "-c", "fast"], check=True, capture_output=True, cwd="/", **self.options)


class Node(Signet):
    """Clients, tokens and questions as an application has them."""

    def prepare(self):
        self.api = self.run("api", "create", "--audience", AUDIENCE, "--name", "Orders", "--scope",
                            "orders:read=See your orders")
        self.service = self.run("client", "create", "--id", "service", "--type", "confidential", "--scope", "orders:read")
        self.run("client", "create", "--id", "tv", "--name", "Television", "--device")
        return self

    def ask(self, method, path, **options):
        return requests.request(method, self.issuer + path, timeout=HTTP_SECONDS, **options)

    def issue(self):
        return self.ask("POST", "/token", data={"grant_type": "client_credentials", "scope": "orders:read"},
                        auth=("service", self.service["client_secret"]))

    def look_into(self, token):
        return self.ask("POST", "/introspect", data={"token": token},
                        auth=(self.api["credential_id"], self.api["credential_secret"]))

    def revoke(self, token):
        return self.ask("POST", "/revoke", data={"token": token}, auth=("service", self.service["client_secret"]))

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
            if down and asked.what in self.NEEDS_STORE and down <= asked.begin and asked.end <= back:
                assert asked.status == 503, asked

    def slowest(self, status):
        return max((asked.end - asked.begin for asked in list(self.asked)
                    if asked.status == status and asked.what in self.NEEDS_STORE), default=0)

    def back_after(self, moment):
        """How long after `moment` the first request that needs the store was answered."""
        return min(asked.end for asked in self.asked
                   if asked.what in self.NEEDS_STORE and asked.status == 200 and asked.begin > moment) - moment
