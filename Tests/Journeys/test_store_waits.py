"""A PostgreSQL that is there and does not come to an end: rows and tables that somebody locked, statements that take too long.
Who waits for them gets 503, nothing is half done, and the same request succeeds afterwards."""

import concurrent.futures
import time

import pytest

from grants import ada, authorize, is_unavailable, prepare, redeem, refresh
from module_postgres import database, folder  # noqa: F401 (fixtures)
from postgres import Holder, Node, Traffic, needs_postgres, on

pytestmark = needs_postgres

# What a client may repeat has to outlive the whole of an outage here.
SETTINGS = {"SIGNET_LOG_LEVEL": "notice", "SIGNET_STORE_STATEMENT_TIMEOUT": "1s",
            "SIGNET_REFRESH_RETRY_WINDOW": "60s", "SIGNET_LIFETIMES_CODE": "60s"}
ROTATED_ROW = "SELECT 1 FROM signet.records WHERE kind = 'refresh-family' FOR UPDATE"
LOCKED = "FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND wait_event <> 'advisory'"


def dawdle(database, kind):
    """From now on a statement that stores a new record of this kind takes half a minute."""
    database.sql(
        "CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS "
        "'BEGIN PERFORM pg_sleep(30); RETURN NEW; END'; "
        "CREATE TRIGGER dawdle BEFORE INSERT ON signet.records FOR EACH ROW "
        f"WHEN (NEW.kind = '{kind}') EXECUTE FUNCTION dawdle()", database="signet")


def records(database, kind):
    """All records of a kind, down to the last octet."""
    return database.sql(f"SELECT md5(r::text) FROM signet.records r WHERE kind = '{kind}' ORDER BY 1",
                        database="signet").split()


@pytest.fixture(scope="module")
def node(binary, folder, database):
    with Node(binary, folder / "data", environment=on(database.url(), **SETTINGS)) as started:
        yield prepare(started.prepare())


def grant(node):
    return redeem(node, authorize(node, ada())["code"]).json()["refresh_token"]


# By the time-out of a lock, which is at most three seconds, and by that of a statement where this one is shorter.
@pytest.mark.parametrize("timeout", ["10s", "1s"])
def test_a_row_that_somebody_locked_stops_only_who_needs_it(node, folder, database, timeout):
    settings = on(database.url(), **{**SETTINGS, "SIGNET_STORE_STATEMENT_TIMEOUT": timeout})
    with Node.beside(node, folder / f"waits-{timeout}", settings) as node:
        token = grant(node)
        before = records(database, "refresh-family")
        with Holder(database, ROTATED_ROW):
            with concurrent.futures.ThreadPoolExecutor() as pool:
                waiting = pool.submit(refresh, node, token)
                # Only once it waits, or others may travel in its transaction.
                while database.sql(f"SELECT count(*) {LOCKED}") == "0":
                    assert not waiting.done(), waiting.result().text
                # Others go on meanwhile, those who write included.
                while not waiting.done():
                    assert node.start_device().status_code == 200
                    assert node.issue().status_code == 200
            assert is_unavailable(waiting.result()), waiting.result().text
            assert records(database, "refresh-family") == before
            assert node.health() == (200, 200, [])
        rotated = refresh(node, token)
        assert rotated.status_code == 200 and rotated.json()["refresh_token"] != token
        assert refresh(node, rotated.json()["refresh_token"]).status_code == 200
        assert ("took too long" if timeout == "1s" else "held for too long") in node.output()


def test_a_table_that_somebody_locked_stops_everybody_who_needs_it_until_it_is_free(node, database):
    token = grant(node)
    with Traffic(node) as traffic:
        traffic.await_all(200)
        with Holder(database, "LOCK TABLE signet.records"):
            down = time.monotonic()
            assert is_unavailable(refresh(node, token))
            traffic.await_all(503)
            back = time.monotonic()
        traffic.await_all(200, (*traffic.NEEDS_STORE, "ready"))
    traffic.judge(down, back)
    assert all(node.knows(code) for code in traffic.written[-40:])
    assert refresh(node, token).status_code == 200


def test_a_statement_that_takes_too_long_takes_back_what_went_before_it(node, database):
    code = authorize(node, ada())["code"]
    unspent, families = records(database, "authorization-code"), records(database, "refresh-family")
    dawdle(database, "refresh-family")
    # The code is spent in the same transaction, before the family is stored.
    assert is_unavailable(redeem(node, code))
    assert records(database, "authorization-code") == unspent and records(database, "refresh-family") == families
    database.sql("DROP TRIGGER dawdle ON signet.records", database="signet")
    redeemed = redeem(node, code)
    assert redeemed.status_code == 200, redeemed.text
    assert refresh(node, redeemed.json()["refresh_token"]).status_code == 200
    assert len(records(database, "refresh-family")) == len(families) + 1
    assert "took too long" in node.output()
