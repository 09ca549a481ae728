"""What is tortured: nodes of Signet, their stores, the proxy between them, and the command line on the same store.

`sqlite` is one node on one file; `postgres` is three nodes on one PostgreSQL and one Redis, each
behind its own links of the proxy, with one master key and data folders of their own.
"""

import contextlib
import json
import os
import pathlib
import shutil
import sqlite3
import subprocess
import sys
import threading
import time

import requests

import powerloss
import stores

HERE = pathlib.Path(__file__).resolve().parent


class Node(stores.Process):
    def __init__(self, number, cluster, port):
        super().__init__()
        self.number, self.cluster, self.port = number, cluster, port
        self.data = cluster.folder / f"node{number}"
        self.log = cluster.folder / f"node{number}.log"

    def start(self, wait=True):
        self.launch(
            [self.cluster.binary, "serve", "--data-dir", str(self.data), "--listen", f"127.0.0.1:{self.port}",
             "--issuer", self.cluster.issuer], self.log, env=self.cluster.node_environment(self.number))
        if wait:
            self.wait()

    def wait(self):
        deadline = time.monotonic() + stores.START_SECONDS
        while time.monotonic() < deadline and self.is_running:
            with contextlib.suppress(requests.RequestException):
                if requests.get(f"http://127.0.0.1:{self.port}/.well-known/openid-configuration", timeout=2).ok:
                    return
            time.sleep(0.05)
        raise RuntimeError(f"node {self.number} did not start:\n{self.log.read_text(errors='replace')[-3000:]}")

    def start_patiently(self):
        """A node may refuse to start while its store is down; whoever runs it starts it again."""
        deadline = time.monotonic() + stores.START_SECONDS
        while True:
            try:
                return self.start()
            except RuntimeError:
                if self.is_running or time.monotonic() > deadline:
                    raise
                time.sleep(0.2)

    def stop(self):
        if self.is_running:
            self.resume()
            self.process.terminate()
            try:
                self.process.wait(timeout=40)
            except subprocess.TimeoutExpired:
                self.kill()


class Proxy:
    def __init__(self, pairs):
        self.process = subprocess.Popen(
            [sys.executable, "-B", str(HERE / "proxy.py"), *(f"{listen}:{target}" for listen, target in pairs)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
        assert self.process.stdout.readline().strip() == "ready"

    def set(self, link, mode):
        self.process.stdin.write(f"{link} {mode}\n")
        assert self.process.stdout.readline().strip() == "done", "the proxy has gone"

    def stop(self):
        self.process.stdin.close()
        self.process.terminate()
        self.process.wait(timeout=10)


# Faults within the store itself, below the server: it acknowledges a write and does not keep it.
TRIGGERS = {
    # As without the compare-and-swap: whoever rotates finds the row as it was, and gets a successor of his own.
    "forgotten-rotation": """CREATE TRIGGER planted AFTER UPDATE ON records WHEN NEW.kind = 'refresh-family' BEGIN
        UPDATE records SET version = OLD.version, consumed_at = OLD.consumed_at, expires_at = OLD.expires_at,
        payload = OLD.payload WHERE rowid = NEW.rowid; END""",
    "unstored-revocation": """CREATE TRIGGER planted AFTER INSERT ON records WHEN NEW.kind = 'revocation' BEGIN
        DELETE FROM records WHERE rowid = NEW.rowid; END""",
}


# What nodes keep in Redis: everything that may lie there.
KEEPS = ["visit", "upstream-login", "throttle", "client-assertion", "application-session"]


class Cluster:
    def __init__(self, binary, folder, store="sqlite", nodes=None, plant=None, retry_window=10, redis=True,
                 sessions="redis"):
        self.binary, self.folder, self.store, self.plant = binary, pathlib.Path(folder), store, plant
        self.retry_window = retry_window
        self.has_redis = redis and store == "postgres"
        # Where sessions of applications in session mode lie.
        self.sessions = sessions if self.has_redis else "sql"
        self.folder.mkdir(parents=True, exist_ok=True)
        os.chmod(self.folder, 0o755)
        count = nodes or (3 if store == "postgres" else 1)
        ports = [stores.free_port() for _ in range(count + 1)]
        # The issuer is an address that nobody listens at: clients go to the nodes as behind a load balancer.
        self.issuer = f"http://localhost:{ports[0]}"
        self.origin = self.issuer
        self.nodes = [Node(number, self, port) for number, port in enumerate(ports[1:])]
        self.ports = {node.number: node.port for node in self.nodes}
        self.postgres = self.redis = self.proxy = self.shim = self.power = None
        # What the command line does beside the nodes, and whether their machine has power: only with SQLite is it theirs.
        self.commands, self.has_power, self.gate = set(), True, threading.Condition()

    def start(self):
        if self.store == "postgres":
            self.postgres = stores.PostgreSQL(self.folder / "postgres", durable=self.plant != "no-fsync")
            self.postgres.start()
            self.postgres.sql("CREATE DATABASE signet")
            targets = [self.postgres.port] * len(self.nodes)
            if self.has_redis:
                self.redis = stores.Redis(self.folder / "redis")
                self.redis.start()
                targets += [self.redis.port] * len(self.nodes)
            self.links = [stores.free_port() for _ in targets]
            self.proxy = Proxy(list(zip(self.links, targets)))
        else:
            # A disk that lies about the database alone, or the master key would be gone first, and with it everything.
            lying = self.plant == "no-fsync"
            self.power = powerloss.PowerLoss(
                self.folder, self.nodes[0].data, names="signet.sqlite" if lying else "", lying=lying)
            self.power.arm()
        self.nodes[0].start()
        for node in self.nodes[1:]:
            node.data.mkdir(mode=0o700, exist_ok=True)
            shutil.copy2(self.nodes[0].data / "master.key", node.data / "master.key")
            node.start()

    def store_address(self, number=None):
        """A node's own link, or the direct way for the command line."""
        if self.store != "postgres":
            return {}
        links = [None, None] if number is None else self.links[number::len(self.nodes)]
        addresses = {"SIGNET_STORE_ADDRESS": self.postgres.url(links[0])}
        if self.redis:
            # The same for nodes and commands, or they would not find each other's sessions.
            kept = [kind for kind in KEEPS if self.sessions == "redis" or kind != "application-session"]
            addresses |= {"SIGNET_REDIS_ADDRESS": self.redis.url(links[1]), "SIGNET_REDIS_DENYLIST": "on",
                          "SIGNET_REDIS_KEEPS": ",".join(kept)}
        return addresses

    def common(self):
        clean = {name: value for name, value in os.environ.items() if not name.startswith("SIGNET_")}
        return clean | {"SIGNET_REFRESH_RETRY_WINDOW": f"{self.retry_window}s", "SIGNET_ARGON2_MEMORY": "8MiB",
                        "SIGNET_ARGON2_ITERATIONS": "1", "SIGNET_LOG_LEVEL": "warning"}

    def node_environment(self, number):
        return self.common() | self.store_address(number) | (self.power.environment() if self.power else {})

    def lose_power(self, everything, seed):
        """With SQLite: the machine's, and so that of the node and of every command that runs beside it."""
        with self.gate:
            self.has_power = False
        self.power.cut(everything, seed, self.kill_all)

    def kill_all(self):
        self.nodes[0].kill()
        with self.gate:
            for command in self.commands:
                command.kill()
                command.wait(timeout=30)

    def restore_power(self):
        self.power.arm()
        with self.gate:
            self.has_power = True
            self.gate.notify_all()

    def begin(self, arguments):
        """The process of a subcommand, on the machine of the first node."""
        environment = self.common() | self.store_address() | (self.power.environment() if self.power else {})
        with self.gate:
            if not self.gate.wait_for(lambda: self.has_power, timeout=60):
                raise RuntimeError("the machine of the first node has had no power for a minute")
            command = subprocess.Popen(
                [self.binary, *arguments, "--data-dir", str(self.nodes[0].data), "--json"], stdin=subprocess.PIPE,
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
            self.commands.add(command)
        return command

    def run(self, *arguments, standard_input=None):
        """A subcommand; (exit code, what its --json printed)."""
        command = self.begin(arguments)
        try:
            printed, _ = command.communicate(standard_input, timeout=120)
        finally:
            command.kill()
            command.wait()
            with self.gate:
                self.commands.discard(command)
        try:
            return command.returncode, json.loads(printed) if printed.strip() else {}
        except ValueError:
            return command.returncode, {}

    def must(self, *arguments, standard_input=None):
        code, shown = self.run(*arguments, standard_input=standard_input)
        if code != 0:
            raise RuntimeError(f"signet {' '.join(arguments[:2])} failed with {code}: {shown}")
        return shown

    def plant_in_store(self):
        with contextlib.closing(sqlite3.connect(self.nodes[0].data / "signet.sqlite", timeout=30)) as database:
            database.execute(TRIGGERS[self.plant])
            database.commit()

    def link(self, number, mode):
        self.proxy.set(number, mode)

    def stop(self):
        for part in (*self.nodes, self.shim, self.proxy, self.redis, self.postgres):
            if part is not None:
                with contextlib.suppress(OSError, subprocess.SubprocessError):
                    part.stop()
