"""Two nodes on one PostgreSQL, and the wall clocks of both are set back by an hour, or that of one of them: nothing that ended
comes back at either, and what is ended afterwards reaches everything that was issued before."""

import time

import jwt
import pytest

from grants import ada, authorize, prepare, redeem, refresh
from module_postgres import database, folder  # noqa: F401 (fixtures)
from postgres import AUDIENCE, Node, needs_postgres, on, until
from signet import Person
from test_clock import HOUR, Clock

pytestmark = needs_postgres


@pytest.fixture(scope="module")
def clocks(folder):
    return [Clock(folder, "first.offset"), Clock(folder, "second.offset")]


@pytest.fixture(scope="module")
def nodes(binary, folder, database, clocks):
    settings = on(database.url(), SIGNET_LIFETIMES_CODE="5s", SIGNET_REFRESH_RETRY_WINDOW="2s")
    with Node(binary, folder / "first", environment=clocks[0].environment | settings) as first:
        prepare(first.prepare())
        first.create_user("bob", "correct battery")
        with Node.beside(first, folder / "second", clocks[1].environment | settings) as second:
            yield first, second


@pytest.fixture(params=["of both while they run", "of both while they are stopped", "of the first while it runs"])
def back(request, nodes, clocks):
    """Sets clocks back by an hour."""
    def act():
        chosen = list(zip(nodes, clocks))[:1 if "first" in request.param else 2]
        if "stopped" in request.param:
            assert [node.stop() for node, _ in chosen] == [0, 0]
        for _, clock in chosen:
            clock.step(clock.seconds - HOUR)
        if "stopped" in request.param:
            for node, _ in chosen:
                node.start()
        for node, clock in zip(nodes, clocks):
            issued = jwt.decode(node.issue().json()["access_token"], options={"verify_signature": False})
            # Or nothing was set back at all.
            assert abs(issued["iat"] - time.time() - clock.seconds) < 60
        # Nodes that began anew follow each other within a second; what they do before that is no subject of these tests.
        time.sleep(2 if "stopped" in request.param else 0)
    return act


def is_dead(answer):
    return (answer.status_code, answer.json().get("error")) == (400, "invalid_grant")


def test_what_ended_at_one_node_stays_ended_at_both(nodes, back):
    first, second = nodes
    late = authorize(first, ada())["code"]
    spent = redeem(second, authorize(first, ada())["code"]).json()["refresh_token"]
    rotated = refresh(first, spent).json()["refresh_token"]
    # Longer than a code lives, and than a rotated token may be repeated.
    time.sleep(6)
    assert refresh(second, rotated).status_code == 200
    code = authorize(second, ada())["code"]
    assert redeem(second, code).status_code == 200
    token = first.issue().json()["access_token"]
    assert second.revoke(token).status_code == 200
    # Of somebody else, for this ends everything of theirs.
    bob = Person("bob", "correct battery")
    old = redeem(first, authorize(second, bob, resource=AUDIENCE)["code"]).json()
    first.run("revoke", "--user", "bob")
    for node in nodes:
        until(lambda: node.feed_ends(token) and node.feed_ends(old["access_token"]), "the end in the feed")
    back()
    for node in nodes:
        assert is_dead(redeem(node, late)) and is_dead(refresh(node, spent))
        assert is_dead(refresh(node, old["refresh_token"]))
        for ended in (token, old["access_token"]):
            assert node.look_into(ended).json() == {"active": False}
            until(lambda: node.feed_ends(ended), "the end in the feed")
    assert is_dead(redeem(first, code)) and is_dead(redeem(second, code))


def sign_in(first, second):
    """Tokens of who signs in at one node and whose code is redeemed at the other, if they count.

    A node may be behind another one for a second: what it issues until then was issued before what the other one ended."""
    tokens = redeem(second, authorize(first, ada(), resource=AUDIENCE)["code"]).json()
    return tokens if second.look_into(tokens["access_token"]).json()["active"] else None


def test_what_is_ended_after_the_step_ends_everywhere_and_who_signs_in_then_is_signed_in(nodes, back):
    first, second = nodes
    old = [redeem(node, authorize(node, ada(), resource=AUDIENCE)["code"]).json() for node in nodes]
    back()
    for ender, other in ((first, second), (second, first)):
        for node in nodes:
            assert [node.look_into(tokens["access_token"]).json()["active"] for tokens in old] == [True, True]
        # By a command on that node's machine, so by its clock.
        ender.run("revoke", "--user", "ada")
        for tokens in old:
            for node in nodes:
                assert node.look_into(tokens["access_token"]).json() == {"active": False}
                until(lambda: node.feed_ends(tokens["access_token"]), "the end in the feed")
            assert is_dead(refresh(other, tokens["refresh_token"]))
        old = [until(lambda: sign_in(ender, other), "a sign-in that counts"),
               until(lambda: sign_in(other, ender), "a sign-in that counts")]
        for tokens in old:
            for node in nodes:
                assert node.look_into(tokens["access_token"]).json()["active"] is True
                assert not node.feed_ends(tokens["access_token"])
    for node, tokens in zip(nodes, old):
        assert refresh(node, tokens["refresh_token"]).status_code == 200
