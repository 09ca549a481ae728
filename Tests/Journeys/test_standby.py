"""A primary that waits for a synchronous standby that has gone: what is on one machine only is not acknowledged."""

import concurrent.futures
import time

from grants import Rotations, ada, authorize, is_unavailable, prepare, redeem
from postgres import Node, Traffic, needs_postgres, on, until

pytestmark = needs_postgres

# What a client may repeat has to outlive the whole of an outage here.
SETTINGS = {"SIGNET_STORE_STATEMENT_TIMEOUT": "1s", "SIGNET_REFRESH_RETRY_WINDOW": "60s"}
WAITING = "FROM pg_stat_activity WHERE wait_event = 'SyncRep'"


def both(pair):
    primary, standby = pair
    return (f"postgres://signet@127.0.0.1:{primary.port},127.0.0.1:{standby.port}/signet"
            "?target_session_attrs=read-write")


def test_while_its_standby_is_away_a_primary_has_nothing_acknowledged(binary, folder, pair):
    primary, standby = pair
    with Node(binary, folder / "data", environment=on(primary.url(), **SETTINGS)) as node:
        prepare(node.prepare())
        token = redeem(node, authorize(node, ada())["code"]).json()["refresh_token"]
        with Traffic(node) as traffic, Rotations([node], token) as rotations:
            traffic.await_all(200)

            def lose():
                """Writes are refused, and what only reads goes on."""
                standby.stop()
                down = time.monotonic()
                traffic.await_all(503, ("write",))
                seen = rotations.unavailable
                until(lambda: rotations.unavailable > seen, "a rotation that is refused")
                traffic.await_all(200, ("issue", "introspect", "introspect revoked"))
                print(f"measured: connections that wait for the standby: {primary.sql(f'SELECT count(*) {WAITING}')}")
                return down, time.monotonic()

            away = [lose()]
            standby.start()
            traffic.await_all(200)
            rotated = len(rotations.generations)
            until(lambda: len(rotations.generations) > rotated, "a rotation")
            away.append(lose())
            # The operator decides that one machine is enough.
            primary.sql("ALTER SYSTEM SET synchronous_standby_names = ''")
            primary.sql("SELECT pg_reload_conf()")
            traffic.await_all(200, (*traffic.NEEDS_STORE, "ready"))
            rotated = len(rotations.generations)
            until(lambda: len(rotations.generations) > rotated, "a rotation")
        traffic.judge()
        for down, back in away:
            traffic.judge_outage(down, back, ("write",))
        # What was refused may stand all the same: who repeats it gets what it would have got.
        rotations.judge()
        assert all(node.knows(code) for code in traffic.written)
        assert node.look_into(traffic.good).json()["active"] is True


def test_what_stopped_waiting_for_a_standby_is_not_acknowledged_and_may_be_lost(binary, folder, pair):
    primary, standby = pair
    with Node(binary, folder / "data", environment=on(both(pair), **SETTINGS)) as node:
        node.prepare()
        token = node.issue().json()["access_token"]
        kept = [node.start_device().json()["device_code"] for _ in range(3)]
        standby.stop()
        # An administrator cancels the wait, or ends the connection: the commit then stands, and on this machine only.
        for end in ("pg_cancel_backend", "pg_terminate_backend"):
            with concurrent.futures.ThreadPoolExecutor() as pool:
                waiting = [pool.submit(node.revoke, token), pool.submit(node.start_device)]
                while not all(one.done() for one in waiting):
                    primary.sql(f"SELECT {end}(pid) {WAITING}")
            for one in waiting:
                assert is_unavailable(one.result()), (end, one.result().status_code, one.result().text)
        # The machine burns down, and its standby, which never heard of any of this, goes on.
        primary.kill()
        standby.start()
        standby.sql("SELECT pg_promote()")
        until(lambda: node.issue().status_code == 200, "the node that goes on with the standby")
        assert [code for code in kept if not node.knows(code)] == []
        # Nobody was told that it was revoked; who insists is.
        assert node.look_into(token).json()["active"] is True
        assert node.revoke(token).status_code == 200
        assert node.look_into(token).json()["active"] is False
