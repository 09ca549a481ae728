"""The checker on histories made by hand: each fault is planted once, next to the history that differs only in it and holds."""

import pytest

from checker import Bounds, check

BOUNDS = Bounds(retry_window=10, feed=1.0, nodes=1.0)


class Story:
    """A history in the making; every event takes a tenth of a second."""

    def __init__(self):
        self.events, self.time = [], 100.0

    def add(self, op, given=None, got=None, result="ok", status=None, node=0, who="client0", at=None, lasts=0.1, note=""):
        begin = self.time if at is None else at
        self.events.append({
            "n": len(self.events), "op": op, "who": who, "node": node, "begin": begin, "end": begin + lasts,
            "result": result, "status": status, "in": given or {}, "out": got or {}, "note": note})
        self.time = max(self.time, begin + lasts + 0.1)
        return self.events[-1]

    def access(self, jti="j1", family="f1", kid="k1", sub="ada", client="app", sid="s1"):
        return {"jti": jti, "family": family, "kid": kid, "sub": sub, "client": client, "sid": sid}

    def grant(self):
        self.add("authorize", {"sub": "ada", "client": "app"},
                 {"code": "c1", "sub": "ada", "client": "app", "lifetime": 60})
        self.add("redeem", {"code": "c1"}, {"access": self.access(), "refresh": "r1", "offline": True})
        return self

    def rotate(self, before="r1", after="r2", jti="j2", **options):
        return self.add("rotate", {"refresh": before, "family": "f1"},
                        {"access": self.access(jti), "refresh": after, "offline": True}, **options)

    def refused(self, op, given, error="invalid_grant", description="", **options):
        return self.add(op, given, {"error": error, "description": description}, "refused", 400, **options)

    def introspect(self, jti, active, **options):
        return self.add("introspect", {"token": jti}, {"active": active}, **options)

    def fault(self, kind, target, begin, end):
        self.add("fault", {"kind": kind, "target": target}, {"since": begin, "until": end}, at=begin, lasts=end - begin,
                 who="faults", node=None)

    def rules(self):
        return {violation.rule for violation in check(self.events, BOUNDS)}


@pytest.fixture
def story():
    return Story().grant()


def test_an_ordinary_life_holds(story):
    story.introspect("j1", True)
    story.rotate()
    story.add("rotate", {"refresh": "r1", "family": "f1"}, {"access": story.access("j3"), "refresh": "r2", "offline": True})
    story.rotate("r2", "r3", "j4")
    story.refused("rotate", {"refresh": "r1", "family": "f1"})
    story.add("revoke", {"kind": "family", "name": "f1"})
    story.introspect("j4", False)
    story.refused("rotate", {"refresh": "r3", "family": "f1"})
    assert story.rules() == set()


def test_dropped_cas_a_code_that_pays_twice(story):
    story.add("redeem", {"code": "c1"}, {"access": story.access("j9", "f9"), "refresh": "r9", "offline": True})
    assert "code paid twice" in story.rules()


def test_dropped_cas_a_generation_with_two_successors(story):
    begin = story.time
    story.rotate("r1", "r2", "j2", at=begin)
    story.rotate("r1", "r2b", "j3", at=begin, node=1)
    assert story.rules() == {"generation paid twice"}


@pytest.mark.parametrize(("wait", "expected"), [(5, set()), (11, {"retry window"})])
def test_the_same_successor_is_honest_inside_the_window_only(story, wait, expected):
    story.rotate()
    story.time += wait
    story.rotate("r1", "r2", "j3")
    assert story.rules() == expected


def test_a_retry_after_the_successor_was_used(story):
    story.rotate()
    story.rotate("r2", "r3", "j3")
    story.rotate("r1", "r2", "j4")
    assert story.rules() == {"retry window"}


@pytest.mark.parametrize("kind, name", [("token", "j1"), ("family", "f1"), ("sub", "ada"), ("client", "app")])
@pytest.mark.parametrize("node", [0, 1])
def test_an_ignored_revocation(story, kind, name, node):
    story.add("cli-revoke", {"kind": kind, "name": name}, node=None, who="operator")
    assert story.rules() == set()
    story.introspect("j1", True, node=node)
    assert story.rules() == {"ended and accepted"}


def test_reordered_a_read_from_before_the_revocation(story):
    revoked = story.add("revoke", {"kind": "token", "name": "j1"})
    story.introspect("j1", False, node=0)
    story.introspect("j1", True, node=1)
    assert story.rules() == {"ended and accepted"}
    story.events[-1]["begin"] = revoked["begin"]  # the twin: it was asked before the revocation was acknowledged
    assert story.rules() == set()


def test_an_api_has_a_second_and_no_more(story):
    revoked = story.add("revoke", {"kind": "token", "name": "j1"})
    story.add("api", {"token": "j1"}, at=revoked["end"] + 0.9)
    assert story.rules() == set()
    story.add("api", {"token": "j1"}, at=revoked["end"] + 1.1)
    assert story.rules() == {"ended and accepted"}


def test_a_token_of_a_service_outlives_a_sign_out_of_nobody_knows_which_session():
    story = Story()
    story.add("client_credentials", {"client": "service"}, {"access": story.access("j7", None, sub="service", sid=None)})
    story.add("logout", {"sub": "ada", "sid": None})
    story.introspect("j7", True)
    assert story.rules() == set()


def test_an_unanswered_revocation_may_count_or_not(story):
    story.add("revoke", {"kind": "token", "name": "j1"}, result="unknown", note="timeout")
    story.fault("node-kill", 0, 0, 1000)
    story.introspect("j1", True)
    story.introspect("j1", False)
    assert story.rules() == set()


def test_after_a_replayed_code_nothing_that_it_paid_for_lives(story):
    story.refused("redeem", {"code": "c1"}, description="the authorization code was already used; everything is revoked")
    story.introspect("j1", False)
    assert story.rules() == set()
    story.rotate()
    assert story.rules() == {"ended and accepted"}


def test_skipped_fsync_a_lost_rotation(story):
    story.rotate()
    story.refused("rotate", {"refresh": "r2", "family": "f1"}, description="the refresh token is not known")
    assert story.rules() == {"acknowledged and lost"}


def test_skipped_fsync_a_lost_grant(story):
    story.introspect("j1", False)
    assert story.rules() == {"acknowledged and lost"}


def test_skipped_fsync_a_code_that_was_forgotten(story):
    story.add("authorize", {"sub": "ada", "client": "app"}, {"code": "c2", "sub": "ada", "client": "app", "lifetime": 60})
    story.refused("redeem", {"code": "c2"})
    assert story.rules() == {"acknowledged and lost"}
    story.events[-1]["end"] += 61  # the twin: it had expired
    assert story.rules() == set()


def test_a_lost_registration():
    story = Story()
    story.add("client-create", {"client": "new"}, node=None, who="operator")
    story.refused("client_credentials", {"client": "new"}, "invalid_client")
    assert story.rules() == set(), "another node has a second to hear of it"
    story.time += 1
    story.refused("client_credentials", {"client": "new"}, "invalid_client")
    assert story.rules() == {"client lost"}


@pytest.mark.parametrize(("write", "read", "expected"), [
    ("consent", "refused", {"consent lost"}), ("withdraw", "ok", {"consent lost"}),
    ("consent", "ok", set()), ("withdraw", "refused", set())])
def test_a_consent_and_its_withdrawal_hold(write, read, expected):
    story = Story()
    given = {"sub": "ada", "client": "app"}
    story.add("consent" if write == "withdraw" else "withdraw", given)
    story.add(write, given)
    story.add("silent", given, {"error": "consent_required"} if read == "refused" else {}, read)
    assert story.rules() == expected


def test_a_lost_and_an_undead_key():
    story = Story()
    story.add("key-rotate", {}, {"kids": ["k9"]}, node=None, who="operator")
    story.time += 2
    story.add("jwks", got={"kids": ["k9"]})
    assert story.rules() == set()
    story.add("jwks", got={"kids": ["k1"]}, node=2)
    assert story.rules() == {"key lost"}
    story = Story()
    story.add("key-retire", {"kid": "k1"}, node=None, who="operator")
    story.time += 2
    story.add("jwks", got={"kids": ["k1"]})
    assert story.rules() == {"key lost"}


def test_a_node_that_was_cut_off_has_a_second_from_then_on_to_hear_of_keys():
    story = Story()
    story.add("key-retire", {"kid": "k1"}, node=None, who="operator", at=100)
    story.fault("cut-drop", 1, 99.5, 104)
    story.add("jwks", got={"kids": ["k1"]}, node=1, at=104.5)
    assert story.rules() == set()
    story.add("jwks", got={"kids": ["k1"]}, node=0, at=104.5)
    assert story.rules() == {"key lost"}, "another node was not"
    story.events.pop()
    story.add("jwks", got={"kids": ["k1"]}, node=1, at=105.5)
    assert story.rules() == {"key lost"}


def test_a_session_that_comes_back():
    story = Story()
    story.add("session-login", {"sub": "ada"}, {"session": "x"})
    story.add("session-state", {"session": "x"}, {"active": True})
    story.add("session-logout", {"session": "x"})
    assert story.rules() == set()
    story.add("session-state", {"session": "x"}, {"active": True}, node=1)
    assert story.rules() == {"session lost"}


def test_a_session_that_begins_while_its_person_is_disabled_may_have_been_ended():
    story = Story()
    story.add("user-disable", {"sub": "ada"}, at=100, lasts=1)
    story.add("session-login", {"sub": "ada"}, {"session": "x"}, at=100.3)
    story.add("user-enable", {"sub": "ada"}, at=102)
    story.add("session-state", {"session": "x"}, {"active": False}, at=105)
    assert story.rules() == set()
    story.add("session-login", {"sub": "ada"}, {"session": "y"}, at=103)
    story.add("session-state", {"session": "y"}, {"active": False}, at=105)
    assert story.rules() == {"session lost"}


def test_a_yes_while_the_store_is_down(story):
    story.fault("cut-blackhole", 1, 1000, 1010)
    story.introspect("j1", True, at=1005, node=0)
    assert story.rules() == set(), "only node 1 is cut off"
    story.introspect("j1", True, at=1005, node=1)
    assert story.rules() == {"yes without a store"}


def test_answers_say_when_to_come_back(story):
    story.add("probe", got={"retry_after": "2"}, result="unavailable", status=503)
    assert story.rules() == set()
    story.add("probe", result="unavailable", status=503)
    assert story.rules() == {"unclear answer"}


def test_a_fault_of_the_server_is_no_answer(story):
    story.add("rotate", {"refresh": "r1", "family": "f1"}, result="error", status=500)
    assert story.rules() == {"unclear answer"}


@pytest.mark.parametrize("kind, target, expected", [
    ("node-pause", 0, set()), ("node-pause", 1, {"no answer"}), ("pg-pause", None, {"no answer"})])
def test_a_node_that_is_well_answers_even_if_its_store_does_not(story, kind, target, expected):
    story.fault(kind, target, 1000, 1040)
    story.add("probe", result="unknown", note="timeout", at=1001, lasts=30)
    assert story.rules() == expected


def test_availability_returns():
    story = Story()
    story.fault("pg-kill", None, 100, 104)
    story.add("probe", result="unavailable", status=503, got={"retry_after": "2"}, at=110)
    story.add("probe", at=123)
    assert story.rules() == set()
    story.events[-1]["end"] = story.events[-1]["begin"] = 130
    assert story.rules() == {"availability"}


def test_a_feed_whose_chain_breaks():
    story = Story()
    story.add("feed", result="error", note="the chain does not go on")
    assert story.rules() == {"feed broken"}


def test_a_disabled_person_who_is_let_in():
    story = Story()
    story.add("user-disable", {"sub": "ada"})
    story.add("user-enable", {"sub": "ada"}, at=200)
    story.add("authorize", {"sub": "ada"}, {"code": "c9", "sub": "ada", "client": "app", "lifetime": 60}, at=210)
    assert story.rules() == set()
    story.add("session-login", {"sub": "ada"}, {"session": "x"}, at=150)
    assert story.rules() == {"person lost"}


def test_a_deleted_client_that_is_served():
    story = Story()
    story.add("client-create", {"client": "c"}, at=1)
    story.add("client-delete", {"client": "c"}, at=20)
    story.add("client_credentials", {"client": "c"}, {"error": "invalid_client"}, result="refused", at=30)
    assert story.rules() == set()
    story.add("client_credentials", {"client": "c"}, {
        "access": {"jti": "j9", "family": None, "sid": None, "sub": "c", "client": "c", "kid": "k1"}, "offline": False}, at=40)
    assert story.rules() == {"client lost"}


def test_the_denylist_has_seven_seconds_and_no_more(story):
    revoked = story.add("revoke", {"kind": "token", "name": "j1"})
    story.add("denylist", {"token": "j1"}, at=revoked["end"] + 6.9, node=None)
    story.add("denylist", {"token": "j1"}, result="unavailable", at=revoked["end"] + 7.2, node=None)
    story.refused("denylist", {"token": "j1"}, "invalid_token", at=revoked["end"] + 7.3, node=None)
    assert story.rules() == set()
    story.add("denylist", {"token": "j1"}, at=revoked["end"] + 7.1, node=None)
    assert story.rules() == {"ended and accepted"}


@pytest.mark.parametrize(("op", "given"), [
    ("cli-revoke", {"kind": "family", "name": "f1"}), ("cli-revoke", {"kind": "sub", "name": "ada"}),
    ("logout", {"sub": "ada", "sid": "s1"}), ("withdraw", {"sub": "ada", "client": "app"}),
    ("user-disable", {"sub": "ada"}), ("client-delete", {"client": "app"}), ("key-retire", {"kid": "k1"})])
def test_a_denylist_that_lost_an_entry_and_vouches_all_the_same(story, op, given):
    story.add(op, given, node=None)
    story.fault("redis-flush", None, story.time, story.time + 1)
    story.fault("pg-pause", None, story.time + 1, story.time + 13)
    story.refused("denylist", {"token": "j1"}, "invalid_token", at=130, node=None)
    assert story.rules() == set()
    story.add("denylist", {"token": "j1"}, at=130, node=None)
    assert story.rules() == {"ended and accepted"}


def test_a_denylist_that_calls_a_token_ended_which_nobody_ended(story):
    story.refused("denylist", {"token": "j1"}, "invalid_token", node=None)
    assert story.rules() == {"acknowledged and lost"}


def test_a_denylist_whose_beat_does_not_come_back(story):
    story.fault("redis-flush", None, 100, 104)
    story.add("probe", at=123.5)
    story.add("denylist", {"token": "j1"}, result="unavailable", at=130, node=None)
    assert story.rules() == {"availability"}
    story.add("denylist", {"token": "j1"}, at=120, node=None)
    assert story.rules() == set()


def apart(where="redis"):
    story = Story()
    story.add("setup", given={"sessions": where}, node=None)
    story.add("session-login", {"sub": "ada"}, {"session": "x"})
    return story


@pytest.mark.parametrize(("kind", "wait", "where", "expected"), [
    ("redis-flush", 0, "redis", set()), ("redis-empty", 60, "redis", set()), ("redis-older", 0, "redis", set()),
    # With appendonly, what was written seconds ago is kept.
    ("redis-kill", 0, "redis", set()), ("redis-kill", 60, "redis", {"session lost"}),
    ("redis-pause", 0, "redis", {"session lost"}), ("pg-kill", 0, "redis", {"session lost"}),
    ("redis-flush", 0, "sql", {"session lost"})])
def test_who_loses_redis_signs_in_again_and_nobody_else_does(kind, wait, where, expected):
    story = apart(where)
    story.time += wait
    story.fault(kind, None, story.time, story.time + 1)
    story.add("session-state", {"session": "x"}, {"active": False})
    assert story.rules() == expected


def test_who_signed_in_after_the_loss_stays():
    story = apart()
    story.fault("redis-flush", None, 90, 95)
    story.add("session-state", {"session": "x"}, {"active": False})
    assert story.rules() == {"session lost"}


def test_a_session_that_comes_back_with_an_older_redis():
    story = apart()
    story.add("session-logout", {"session": "x"})
    story.fault("redis-older", None, story.time, story.time + 1)
    story.add("session-state", {"session": "x"}, {"active": False})
    assert story.rules() == set()
    story.add("session-state", {"session": "x"}, {"active": True})
    assert story.rules() == {"session lost"}


@pytest.mark.parametrize("active", [True, False])
@pytest.mark.parametrize(("where", "expected"), [("redis", {"yes without a store"}), ("sql", set())])
def test_nobody_is_told_of_a_session_while_redis_is_away(active, where, expected):
    story = apart(where)
    if not active:
        story.add("session-logout", {"session": "x"})
    story.fault("redis-pause", None, 1000, 1010)
    story.add("session-state", {"session": "x"}, result="unavailable", status=503, got={"retry_after": "2"}, at=1004)
    assert story.rules() == set()
    story.add("session-state", {"session": "x"}, {"active": active}, at=1005)
    assert story.rules() == expected
