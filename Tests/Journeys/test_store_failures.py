"""`signet serve` on a PostgreSQL that is missing, dies, freezes, refuses writes and fails over: real servers, real signals."""

import shutil
import time

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from postgres import AUDIENCE, Node, Traffic, needs_postgres, on, refused, stores, until
from signet import free_ports

pytestmark = needs_postgres


@pytest.fixture
def node(binary, folder, database):
    environment = on(database.url(), SIGNET_STORE_STATEMENT_TIMEOUT="1s")
    with Node(binary, folder / "data", environment=environment) as started:
        yield started.prepare()


def measured(what, seconds):
    print(f"measured: {what}: {seconds:.2f} s")


# ---- starting


def test_without_its_database_a_node_says_so_in_a_sentence_without_the_password(binary, folder):
    address = f"postgres://signet:hunter2secret@127.0.0.1:{stores.free_port()}/signet"
    code, said = refused(binary, ["serve", "--data-dir", str(folder / "data"), "--issuer", "http://localhost:1"], on(address))
    assert code == 69, said
    assert "hunter2secret" not in said and "127.0.0.1" in said
    assert len(said.splitlines()) <= 2, said


def test_a_node_with_another_master_key_is_refused(binary, folder, node):
    other = folder / "other"
    other.mkdir(mode=0o700)
    with Node(binary, folder / "stranger", port=free_ports(3)) as stranger:
        shutil.copy2(stranger.data_dir / "master.key", other / "master.key")
    arguments = ["serve", "--data-dir", str(other), "--issuer", node.issuer, "--listen", f"127.0.0.1:{free_ports(1)}"]
    code, said = refused(binary, arguments, node.environment)
    assert code == 77, said
    assert "is not the master key" in said and "copy it from another node" in said


def test_a_node_without_a_master_key_makes_none_for_records_that_have_one(binary, folder, node):
    other = folder / "other"
    arguments = ["serve", "--data-dir", str(other), "--issuer", node.issuer, "--listen", f"127.0.0.1:{free_ports(1)}"]
    _, said = refused(binary, arguments, node.environment)
    assert "master.key" in said and not (other / "master.key").exists()


def test_a_command_that_was_not_told_the_address_is_refused(binary, node):
    _, said = refused(binary, ["client", "list", "--data-dir", str(node.data_dir)], {})
    assert "SIGNET_STORE_ADDRESS" in said and str(node.data_dir) in said
    assert not (node.data_dir / "signet.sqlite").exists()


def test_who_keeps_records_in_sqlite_does_not_load_libpq(binary, folder, node):
    assert "libpq" in node.maps()
    with Node(binary, folder / "sqlite", port=free_ports(3)) as alone:
        alone.prepare()
        assert alone.issue().status_code == 200
        assert "libpq" not in alone.maps()


# ---- serving


def test_a_database_that_is_killed_under_traffic_gives_503_and_comes_back_by_itself(node, database):
    pid = node.process.pid
    with Traffic(node) as traffic:
        traffic.await_all(200)
        database.kill()
        down = time.monotonic()
        traffic.await_all(503, (*traffic.NEEDS_STORE, "ready"))
        assert node.health() == (200, 503, ["store"])
        back = time.monotonic()
        database.start()
        started = time.monotonic()
        traffic.await_all(200, (*traffic.NEEDS_STORE, "ready"))
    traffic.judge(down, back)
    assert node.process.pid == pid and node.process.poll() is None
    assert all(node.knows(code) for code in traffic.written[-40:])
    measured("killed: slowest 503", traffic.slowest(503))
    measured("killed: serves again after the database does", traffic.back_after(started))


def test_a_database_that_freezes_gives_503_and_comes_back_by_itself(node, database):
    with Traffic(node) as traffic:
        traffic.await_all(200)
        database.pause()
        down = time.monotonic()
        try:
            traffic.await_all(503, (*traffic.NEEDS_STORE, "ready"))
            assert node.health() == (200, 503, ["store"])
            back = time.monotonic()
        finally:
            database.resume()
        resumed = time.monotonic()
        traffic.await_all(200, (*traffic.NEEDS_STORE, "ready"))
    traffic.judge(down, back)
    measured("frozen: slowest 503", traffic.slowest(503))
    measured("frozen: serves again after the database does", traffic.back_after(resumed))


def test_a_database_that_turns_read_only_refuses_writes_and_no_wrong_answer_comes(node, database):
    def turn(value):
        database.sql(f"ALTER SYSTEM SET default_transaction_read_only = {value}")
        database.sql("SELECT pg_reload_conf()")
        database.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'client backend' "
                     "AND pid <> pg_backend_pid()")

    with Traffic(node) as traffic:
        traffic.await_all(200)
        turn("on")
        traffic.await_all(503, ("write",))
        turn("off")
        traffic.await_all(200, (*traffic.NEEDS_STORE, "ready"))
    traffic.judge()
    assert all(node.knows(code) for code in traffic.written[-40:])


def test_a_resource_server_goes_on_verifying_while_the_database_is_away(node, database):
    token = node.issue().json()["access_token"]
    database.kill()
    until(lambda: node.issue().status_code == 503, "the outage")
    # Also one that starts only now, and has no key yet.
    keys = KeySet.import_key_set(node.ask("GET", "/jwks.json").json())
    for _ in range(3):
        claims = jwt.decode(token, keys, algorithms=["ES256"]).claims
        assert claims["iss"] == node.issuer and AUDIENCE in claims["aud"]
    assert node.look_into(token).status_code == 503
    database.start()
    until(lambda: node.issue().status_code == 200, "the end of the outage")
    assert node.look_into(token).json()["active"] is True


# ---- failing over


def test_a_node_goes_on_with_the_standby_and_no_acknowledged_write_is_lost(binary, folder, pair):
    primary, standby = pair
    address = (f"postgres://signet@127.0.0.1:{primary.port},127.0.0.1:{standby.port}/signet"
               "?target_session_attrs=read-write")
    with Node(binary, folder / "data", environment=on(address, SIGNET_STORE_STATEMENT_TIMEOUT="1s")) as node:
        node.prepare()
        with Traffic(node) as traffic:
            traffic.await_all(200)
            primary.kill()
            down = time.monotonic()
            traffic.await_all(503)
            back = time.monotonic()
            standby.sql("SELECT pg_promote()")
            promoted = time.monotonic()
            traffic.await_all(200, (*traffic.NEEDS_STORE, "ready"))
        traffic.judge(down, back)
        assert len(traffic.written) > 5
        assert [code for code in traffic.written if not node.knows(code)] == []
        measured("failed over: slowest 503", traffic.slowest(503))
        measured("failed over: serves again after the promotion", traffic.back_after(promoted))
