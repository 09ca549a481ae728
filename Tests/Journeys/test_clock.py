"""The wall clock is set back by an hour under a running server, and while it is stopped: nothing that ended comes back.
steppedclock.c moves the clock of the server and of its commands, and of nothing else."""

import os
import pathlib
import subprocess
import sys
import time

import jwt
import pytest

from grants import ada, authorize, prepare, redeem, refresh
from postgres import AUDIENCE, Node
from signet import HTTP_SECONDS, Form

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the clock is moved by LD_PRELOAD")

HOUR = 3600


class Clock:
    def __init__(self, folder, name="offset"):
        self.library, self.offset, self.seconds = folder / "steppedclock.so", folder / name, 0
        subprocess.run([os.environ.get("CC", "cc"), "-shared", "-fPIC", "-O2", "-o", self.library,
                        pathlib.Path(__file__).with_name("steppedclock.c")], check=True)
        self.step(0)

    def step(self, seconds):
        """To so many seconds from the true time; in one piece, for it is read all the time."""
        self.seconds = seconds
        new = self.offset.with_suffix(".new")
        new.write_text(f"{seconds}\n")
        new.rename(self.offset)

    @property
    def environment(self):
        return {"LD_PRELOAD": str(self.library), "STEPPEDCLOCK_FILE": str(self.offset)}


@pytest.fixture
def clock(tmp_path):
    return Clock(tmp_path)


@pytest.fixture
def server(binary, data_dir, clock):
    environment = clock.environment | {"SIGNET_LIFETIMES_CODE": "5s", "SIGNET_LOG_LEVEL": "warning"}
    with Node(binary, data_dir, environment=environment) as node:
        yield prepare(node.prepare())


@pytest.fixture(params=["while it runs", "while it is stopped"])
def back(request, server, clock):
    """Sets the clock back by an hour."""
    def act():
        if request.param == "while it is stopped":
            assert server.stop() == 0
        clock.step(clock.seconds - HOUR)
        if request.param == "while it is stopped":
            server.start()
        issued = server.issue().json()["access_token"]
        # Or nothing was set back at all.
        assert abs(jwt.decode(issued, options={"verify_signature": False})["iat"] - time.time() - clock.seconds) < 60
    return act


def test_a_used_code_stays_used(server, back):
    code = authorize(server, ada())["code"]
    assert redeem(server, code).status_code == 200
    back()
    again = redeem(server, code)
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")


def test_an_expired_code_stays_expired(server, back):
    code = authorize(server, ada())["code"]
    time.sleep(6)
    back()
    late = redeem(server, code)
    assert (late.status_code, late.json()["error"]) == (400, "invalid_grant")


def test_a_spent_generation_outside_its_window_stays_spent(server, back, clock):
    first = redeem(server, authorize(server, ada())["code"]).json()["refresh_token"]
    second = refresh(server, first).json()["refresh_token"]
    clock.step(60)
    assert refresh(server, second).status_code == 200
    back()
    again = refresh(server, first)
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")


def test_a_session_that_was_signed_out_stays_signed_out(server, back):
    person = ada()
    authorize(server, person)
    held = person.http.cookies.copy()
    assert "code" in authorize(server, person, prompt="none")
    page = person.http.get(server.issuer + "/logout", timeout=HTTP_SECONDS)
    form = Form(page)
    form.fields["decision"] = "sign-out"
    person.http.post(form.action, data=form.fields, timeout=HTTP_SECONDS)
    back()
    person.http.cookies = held
    assert authorize(server, person, prompt="none").get("error") == "login_required"


def test_a_revoked_token_stays_revoked(server, back):
    token = server.issue().json()["access_token"]
    assert server.revoke(token).status_code == 200
    back()
    assert server.look_into(token).json() == {"active": False}


def test_what_a_person_was_given_before_a_revocation_stays_revoked(server, back):
    old = redeem(server, authorize(server, ada(), resource=AUDIENCE)["code"]).json()
    server.run("revoke", "--user", "ada")
    back()
    assert server.look_into(old["access_token"]).json() == {"active": False}
    assert refresh(server, old["refresh_token"]).status_code == 400


def test_a_revocation_after_the_step_ends_what_was_issued_before_it(server, back):
    old = redeem(server, authorize(server, ada(), resource=AUDIENCE)["code"]).json()
    assert server.look_into(old["access_token"]).json()["active"] is True
    back()
    server.run("revoke", "--user", "ada")
    assert server.look_into(old["access_token"]).json() == {"active": False}
    assert refresh(server, old["refresh_token"]).status_code == 400


def test_who_signs_in_after_the_step_gets_tokens_that_work(server, back):
    redeem(server, authorize(server, ada(), resource=AUDIENCE)["code"])
    server.run("revoke", "--user", "ada")
    back()
    new = redeem(server, authorize(server, ada(), resource=AUDIENCE)["code"]).json()
    assert server.look_into(new["access_token"]).json()["active"] is True
    assert refresh(server, new["refresh_token"]).status_code == 200


def test_a_command_reaches_what_was_issued_a_moment_ago(server, back):
    back()
    for _ in range(3):
        tokens = redeem(server, authorize(server, ada(), resource=AUDIENCE)["code"]).json()
        assert server.look_into(tokens["access_token"]).json()["active"] is True
        server.run("revoke", "--user", "ada")
        assert server.look_into(tokens["access_token"]).json() == {"active": False}


def test_a_clock_that_was_ahead_and_is_put_right_stops_nobody(server, back, clock):
    clock.step(HOUR)
    person, began = ada(), int(time.time())
    early = redeem(server, authorize(server, person, resource=AUDIENCE)["code"]).json()
    # Until a server writes down how far it has come, no other process knows.
    time.sleep(2)
    back()
    # Sessions, grants and tokens go on: nobody's time is up, and nobody's has not begun.
    assert server.look_into(early["access_token"]).json()["active"] is True
    assert refresh(server, early["refresh_token"]).status_code == 200
    tokens = redeem(server, authorize(server, person, prompt="none", resource=AUDIENCE)["code"]).json()
    assert server.look_into(tokens["access_token"]).json()["active"] is True
    # For others, whose clocks were right all the time, a token is as old as it is; PyJWT allows for no difference.
    keys = jwt.PyJWKClient(server.issuer + "/jwks.json")
    for name, audience in (("access_token", AUDIENCE), ("id_token", "app")):
        text = tokens[name]
        claims = jwt.decode(text, keys.get_signing_key_from_jwt(text), algorithms=["RS256", "ES256"], audience=audience)
        # A server that was stopped assumes that ten seconds more have passed than it knows.
        assert began - 11 <= claims["auth_time"] <= claims["iat"] <= time.time() < claims["exp"] < time.time() + HOUR + 1
    server.run("revoke", "--user", "ada")
    for token in (early["access_token"], tokens["access_token"]):
        assert server.look_into(token).json() == {"active": False}
    assert refresh(server, tokens["refresh_token"]).status_code == 400
    again = redeem(server, authorize(server, ada(), resource=AUDIENCE)["code"]).json()
    assert server.look_into(again["access_token"]).json()["active"] is True
