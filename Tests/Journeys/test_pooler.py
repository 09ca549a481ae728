"""Two nodes whose records are behind pgbouncer in transaction mode, which is killed under traffic. Migrations and announcements
go past it (`store.direct_address`)."""

import shutil
import subprocess
import time

import pytest

from grants import Rotations, ada, authorize, prepare, redeem, refresh
from module_postgres import database, folder  # noqa: F401 (fixtures)
from postgres import AUDIENCE, Node, Traffic, needs_postgres, on, stores, until

PROGRAM = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
pytestmark = [needs_postgres, pytest.mark.skipif(PROGRAM is None, reason="no pgbouncer is installed")]


class Pooler(stores.Process):
    """A pgbouncer with fewer connections to the server than one node asks it for."""

    def __init__(self, folder, database):
        super().__init__()
        self.database, self.port = database, stores.free_port()
        self.log, self.configuration = folder / "pgbouncer.log", folder / "pgbouncer.ini"
        self.configuration.write_text(
            f"[databases]\nsignet = user=signet host=127.0.0.1 port={database.port}\n"
            f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {self.port}\nunix_socket_dir =\nauth_type = any\n"
            "pool_mode = transaction\ndefault_pool_size = 4\nmax_client_conn = 200\n")

    def start(self):
        # As the user that PostgreSQL runs as: it refuses to be run by root.
        self.launch([PROGRAM, "-q", str(self.configuration)], self.log, cwd="/", **self.database.options)
        until(self.answers, "pgbouncer")

    def answers(self):
        assert self.is_running, self.log.read_text()
        return subprocess.run(
            [self.database.bin / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port)]).returncode == 0

    def stop(self):
        if self.is_running:
            self.process.terminate()
            self.process.wait(timeout=30)


@pytest.fixture(scope="module")
def pooler(folder, database):
    started = Pooler(folder, database)
    started.start()
    yield started
    started.stop()


@pytest.fixture(scope="module")
def nodes(binary, folder, database, pooler):
    environment = on(database.url(pooler.port), SIGNET_STORE_DIRECT_ADDRESS=database.url() + "?application_name=listener",
                     SIGNET_STORE_STATEMENT_TIMEOUT="1s", SIGNET_REFRESH_RETRY_WINDOW="60s")
    with Node(binary, folder / "first", environment=environment) as first:
        prepare(first.prepare())
        with Node.beside(first, folder / "second") as second:
            yield first, second


def test_behind_a_pooler_two_nodes_are_of_one_mind(nodes, database):
    first, second = nodes
    tokens = redeem(second, authorize(first, ada(), resource=AUDIENCE)["code"]).json()
    again = redeem(first, authorize(first, ada())["code"]).json()["refresh_token"]
    for node in (first, second, first, second):
        rotated = refresh(node, again)
        assert rotated.status_code == 200, rotated.text
        # Whoever repeats the question at the other node gets the same answer.
        other = second if node is first else first
        assert refresh(other, again).json()["refresh_token"] == rotated.json()["refresh_token"]
        again = rotated.json()["refresh_token"]
    for node in nodes:
        assert node.look_into(tokens["access_token"]).json()["active"] is True
        assert not node.feed_ends(tokens["access_token"])
        assert node.health() == (200, 200, [])
    first.run("revoke", "--user", "ada")
    assert second.look_into(tokens["access_token"]).json() == {"active": False}
    for node in nodes:
        until(lambda: node.feed_ends(tokens["access_token"]), "the end in the feed")
        assert refresh(node, again).json()["error"] == "invalid_grant"
    # Each listens past the pooler, whose connections to the server all of them share.
    connections = database.sql(
        "SELECT application_name FROM pg_stat_activity WHERE datname = 'signet' AND backend_type = 'client backend'").split()
    assert connections.count("listener") == 2 and 3 <= len(connections) <= 6, connections


def test_a_pooler_that_is_killed_under_traffic_gives_503_and_no_rotation_twice(nodes, pooler):
    token = redeem(nodes[0], authorize(nodes[0], ada())["code"]).json()["refresh_token"]
    with Traffic(nodes[0]) as traffic, Traffic(nodes[1], threads=1) as other, Rotations(nodes, token) as rotations:
        def await_all(status):
            for one in (traffic, other):
                one.await_all(status, (*one.NEEDS_STORE, "ready"))
            seen = (len(rotations.generations), rotations.unavailable)
            until(lambda: (len(rotations.generations), rotations.unavailable)[status == 503] > seen[status == 503],
                  f"{status} for a rotation")

        await_all(200)
        pooler.kill()
        down = time.monotonic()
        await_all(503)
        back = time.monotonic()
        pooler.start()
        await_all(200)
        assert [node.process.poll() for node in nodes] == [None, None]
    for one in (traffic, other):
        one.judge(down, back)
        assert one.written and all(node.knows(code) for node in nodes for code in one.written[-20:])
    rotations.judge()
    assert refresh(nodes[1], rotations.token).status_code == 200
