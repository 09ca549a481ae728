"""The parts of the harness by themselves: the schedule, the proxy, and a PostgreSQL whose power can be cut."""

import ast
import contextlib
import os
import random
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time

import pytest

import powerloss
import stores
from cluster import Proxy
from faults import KINDS, LONG, LONG_REDIS, LONG_SECONDS, REDIS, schedule

needs_postgres = pytest.mark.skipif(stores.postgres_binaries() is None, reason="no PostgreSQL is installed")
needs_redis = pytest.mark.skipif(shutil.which("redis-server") is None, reason="no Redis is installed")


@pytest.fixture
def folder():
    # Not pytest's own, which other users cannot enter.
    with tempfile.TemporaryDirectory(prefix="signet-torture-") as made:
        subprocess.run(["chmod", "755", made], check=True)
        yield made


@pytest.mark.parametrize("store", sorted(KINDS))
def test_a_seed_gives_one_schedule_and_every_kind_of_fault_comes(store):
    assert schedule(7, 300, store, 3) == schedule(7, 300, store, 3)
    assert schedule(7, 300, store, 3) != schedule(8, 300, store, 3)
    assert {fault.kind for fault in schedule(7, 2000, store, 3)} == set(KINDS[store])
    assert {fault.kind for fault in schedule(7, 2000, store, 3, redis=True)} == set(KINDS[store] + REDIS)


def longest(seconds, store="postgres", seed=7, **options):
    return [fault for fault in schedule(seed, seconds, store, 3, **options) if fault.lasts >= LONG_SECONDS[0]]


@pytest.mark.parametrize("store", sorted(KINDS))
@pytest.mark.parametrize("seed", range(5))
def test_a_run_of_two_minutes_outlasts_every_time_out_and_a_short_one_is_short(store, seed):
    assert longest(119, store, seed) == []
    assert [fault.kind for fault in longest(120, store, seed)][:1] == LONG[store][:1]
    assert all(fault.at + fault.lasts < 120 for fault in longest(120, store, seed))
    assert {fault.kind for fault in longest(600, store, seed, redis=True)} == set(LONG[store] + LONG_REDIS)


@contextlib.contextmanager
def echo():
    with socket.create_server(("127.0.0.1", 0)) as server:
        def serve():
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = server.accept()
                    threading.Thread(target=answer, args=(connection,), daemon=True).start()

        def answer(connection):
            with contextlib.suppress(OSError):
                while data := connection.recv(100):
                    connection.sendall(data)

        threading.Thread(target=serve, daemon=True).start()
        yield server.getsockname()[1]


def test_the_proxy_passes_holds_back_and_resets():
    with echo() as target:
        port = stores.free_port()
        proxy = Proxy([(port, target)])
        try:
            link = socket.create_connection(("127.0.0.1", port), timeout=5)
            link.sendall(b"one")
            assert link.recv(10) == b"one"
            proxy.set(0, "blackhole")
            link.sendall(b"two")
            link.settimeout(0.3)
            with pytest.raises(TimeoutError):
                link.recv(10)
            proxy.set(0, "pass")
            link.settimeout(5)
            assert link.recv(10) == b"two", "what waited passes when the link heals"
            proxy.set(0, "delay 200")
            link.sendall(b"three")
            assert link.recv(10) == b"three"
            proxy.set(0, "drop")
            with pytest.raises(ConnectionResetError):
                link.recv(10)
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection(("127.0.0.1", port), timeout=5)
            proxy.set(0, "pass")
            with socket.create_connection(("127.0.0.1", port), timeout=5) as again:
                again.sendall(b"four")
                assert again.recv(10) == b"four"
        finally:
            proxy.stop()


class Writers:
    """Sessions that insert numbers one by one, each in a transaction of its own, and remember what was acknowledged."""

    def __init__(self, postgres, count=4):
        self.postgres, self.acknowledged = postgres, []
        self.threads = [threading.Thread(target=self.write, args=(k, count), daemon=True) for k in range(count)]
        for thread in self.threads:
            thread.start()

    def write(self, number, step):
        session = subprocess.Popen(
            [self.postgres.bin / "psql", "-X", "-q", "-A", "-t", "-h", "127.0.0.1", "-p", str(self.postgres.port), "-U",
             "signet", "-d", "postgres"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            text=True, bufsize=1, cwd="/")
        with contextlib.suppress(OSError):
            while True:
                session.stdin.write(f"INSERT INTO t VALUES ({number}) RETURNING i;\n")
                if session.stdout.readline().strip() != str(number):
                    break
                self.acknowledged.append(number)
                number += step
        session.kill()
        session.wait()

    def join(self):
        for thread in self.threads:
            thread.join(timeout=30)


def lost(folder, durable, everything, seed):
    """How many acknowledged rows are gone after the power was; None if the server does not even start."""
    postgres = stores.PostgreSQL(folder, durable=durable)
    try:
        postgres.start()
        postgres.sql("CREATE TABLE t (i int PRIMARY KEY)")
        writers = Writers(postgres)
        deadline = time.monotonic() + 30
        while len(writers.acknowledged) < 300 and time.monotonic() < deadline:
            time.sleep(0.02)
        postgres.lose_power(everything, seed)
        writers.join()
        assert len(writers.acknowledged) >= 100
        try:
            postgres.start()
            kept = set(map(int, postgres.sql("SELECT i FROM t").split()))
        except (RuntimeError, subprocess.CalledProcessError):
            return None
        return len(set(writers.acknowledged) - kept)
    finally:
        postgres.kill()


@needs_postgres
@pytest.mark.parametrize("everything", [True, False])
def test_postgresql_keeps_what_it_acknowledged_when_the_power_goes(folder, everything):
    assert lost(folder, durable=True, everything=everything, seed=random.randrange(1000)) == 0


@needs_postgres
def test_postgresql_that_skips_fsync_loses_it(folder):
    assert lost(folder, durable=False, everything=True, seed=1) != 0


@needs_postgres
def test_a_postgresql_that_was_killed_and_paused_goes_on(folder):
    postgres = stores.PostgreSQL(folder)
    try:
        postgres.start()
        postgres.sql("CREATE TABLE t (i int)")
        postgres.kill()
        postgres.start()
        postgres.pause()
        assert subprocess.run([postgres.bin / "pg_isready", "-q", "-t", "1", "-h", "127.0.0.1", "-p",
                               str(postgres.port)]).returncode != 0
        postgres.resume()
        assert postgres.sql("SELECT count(*) FROM t") == "0"
    finally:
        postgres.stop()


@needs_redis
def test_a_redis_that_was_killed_and_paused_goes_on(folder):
    redis = stores.Redis(folder)
    try:
        redis.start()
        assert redis.ask("SET", "a", "1") == "+OK"
        redis.kill()
        assert redis.ask("PING") is None
        redis.start()
        assert redis.ask("GET", "a").endswith("1")
        redis.flush()
        assert redis.ask("GET", "a") == "$-1"
    finally:
        redis.stop()


@needs_redis
def test_a_redis_goes_back_comes_up_empty_and_drops_what_an_eviction_would(folder):
    redis = stores.Redis(folder)
    try:
        redis.start()
        redis.ask("SET", "a", "1")
        redis.remember()
        redis.ask("SET", "a", "2")
        redis.ask("SET", "b", "2")
        redis.go_back()
        assert redis.ask("MGET", "a", "b").split("\r\n") == ["*2", "$1", "1", "$-1"]
        redis.ask("SET", "b", "2")
        assert redis.drop("a*") == ":1"
        assert redis.ask("MGET", "a", "b").split("\r\n") == ["*2", "$-1", "$1", "2"]
        redis.lose_everything()
        redis.start()
        assert redis.ask("GET", "b") == "$-1"
    finally:
        redis.stop()


# Commands for the database, one a line; what each of them gives is printed.
SQLITE_SHELL = """
import sqlite3, sys
path = sys.argv[1]
connections = {}
for line in sys.stdin:
    name, _, command = line.strip().partition(" ")
    if name not in connections:
        connections[name] = sqlite3.connect(path, isolation_level=None, timeout=30)
        connections[name].execute("PRAGMA synchronous = FULL")
        connections[name].execute("PRAGMA wal_autocheckpoint = 0")
    print(connections[name].execute(command).fetchall(), flush=True)
"""


class SQLiteShell:
    def __init__(self, path, environment):
        self.process = subprocess.Popen(
            [sys.executable, "-c", SQLITE_SHELL, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1,
            env={**os.environ, **environment})

    def do(self, connection, command):
        self.process.stdin.write(f"{connection} {command}\n")
        return ast.literal_eval(self.process.stdout.readline())

    def checkpoint(self, connection):
        """How many pages the log has, and how many of them are in the file now."""
        return self.do(connection, "PRAGMA wal_checkpoint(PASSIVE)")[0][1:]

    def kill(self):
        self.process.kill()
        self.process.wait()


@pytest.mark.parametrize("is_known", [True, False])
def test_what_one_process_wrote_and_another_one_synced_is_kept(folder, is_known):
    """A node brings a part of the log into the file, a command the rest, and the log begins anew; then the power goes.

    Where the second process's syncs are not known, what was durable is taken back, and the file is damaged: as in a run whose
    commands were not under powerloss.
    """
    data = os.path.join(folder, "data")
    os.mkdir(data)
    path = os.path.join(data, "signet.sqlite")
    power = powerloss.PowerLoss(folder, data)
    fill = ("WITH RECURSIVE n(i) AS (SELECT {} UNION ALL SELECT i + 1 FROM n WHERE i < {}) "
            "INSERT INTO t SELECT i, randomblob(900) FROM n")
    node = SQLiteShell(path, power.arm())
    other = None
    try:
        node.do("writer", "PRAGMA journal_mode = WAL")
        node.do("writer", "CREATE TABLE t (i INTEGER PRIMARY KEY, content BLOB)")
        node.do("writer", fill.format(1, 400))
        # A reader's snapshot holds the checkpoint: it brings in what it may, and syncs nothing.
        node.do("reader", "BEGIN")
        node.do("reader", "SELECT count(*) FROM t")
        node.do("writer", fill.format(401, 600))
        log, brought = node.checkpoint("writer")
        assert 0 < brought < log
        node.do("reader", "COMMIT")
        other = SQLiteShell(path, power.environment() if is_known else {})
        log, brought = other.checkpoint("command")
        assert brought == log
        node.do("writer", fill.format(601, 610))
        power.cut(True, 1, lambda: [shell.kill() for shell in (node, other)])
    finally:
        for shell in (node, other):
            if shell:
                shell.kill()
    with contextlib.closing(sqlite3.connect(path)) as database:
        try:
            kept = [database.execute(text).fetchone()[0] for text in ("PRAGMA integrity_check", "SELECT count(*) FROM t")]
        except sqlite3.DatabaseError:
            kept = None
    assert (kept == ["ok", 610]) is is_known
