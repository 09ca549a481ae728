"""Refresh rotation over real sockets, and across kill -9: RFC 9700 §4.14 and FIELD D11-D13."""

import concurrent.futures
import time
import urllib.parse

import pytest
import requests

from signet import HTTP_SECONDS, Person, Signet

REDIRECT_URI = "https://app.example/callback"
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
# Seconds: wide where a slow machine must not fall out of the window, short where falling out of it is the point.
WIDE, SHORT = 60, 2


@pytest.fixture
def window():
    return WIDE


@pytest.fixture
def server(binary, data_dir, window):
    with Signet(binary, data_dir, environment={"SIGNET_REFRESH_RETRY_WINDOW": f"{window}s"}) as started:
        started.run(
            "client", "create", "--id", "app", "--name", "App", "--type", "public", "--redirect-uri", REDIRECT_URI,
            "--scope", "openid", "--scope", "offline_access")
        started.create_user("ada", "correct battery")
        yield started


def grant(server):
    query = urllib.parse.urlencode({
        "response_type": "code", "client_id": "app", "redirect_uri": REDIRECT_URI, "state": "s",
        "scope": "openid offline_access", "code_challenge": CHALLENGE, "code_challenge_method": "S256"})
    target = Person("ada", "correct battery").visit(f"{server.issuer}/authorize?{query}", REDIRECT_URI)
    code = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(target).query))["code"]
    answer = requests.post(server.issuer + "/token", timeout=HTTP_SECONDS, data={
        "grant_type": "authorization_code", "code": code, "client_id": "app", "redirect_uri": REDIRECT_URI,
        "code_verifier": VERIFIER})
    assert answer.status_code == 200, answer.text
    return code, answer.json()["refresh_token"]


def refresh(server, token):
    return requests.post(server.issuer + "/token", timeout=HTTP_SECONDS, data={
        "grant_type": "refresh_token", "refresh_token": token, "client_id": "app"})


def restart(server, how):
    if how == "kill -9":
        server.kill()
        server.start()


@pytest.mark.parametrize("how", ["running", "kill -9"])
def test_a_hundred_concurrent_refreshes_leave_one_lineage(server, how):
    """CVE-2026-1035, CVE-2026-50631."""
    _, token = grant(server)
    with concurrent.futures.ThreadPoolExecutor(max_workers=100) as pool:
        answers = list(pool.map(lambda _: refresh(server, token), range(100)))
    successors = {answer.json()["refresh_token"] for answer in answers if answer.status_code == 200}
    assert len(successors) == 1
    refused = [answer for answer in answers if answer.status_code != 200]
    assert all(answer.status_code == 400 and answer.json()["error"] == "invalid_grant" for answer in refused)
    restart(server, how)
    assert refresh(server, successors.pop()).status_code == 200


@pytest.mark.parametrize("how", ["running", "kill -9"])
def test_a_retry_in_the_window_gets_the_same_successor(server, how):
    _, token = grant(server)
    first = refresh(server, token).json()["refresh_token"]
    restart(server, how)
    assert refresh(server, token).json()["refresh_token"] == first
    assert refresh(server, first).status_code == 200


@pytest.mark.parametrize("window", [SHORT])
@pytest.mark.parametrize("how", ["running", "kill -9"])
def test_a_late_replay_kills_the_family(server, how):
    """CVE-2026-9802: also after a restart."""
    _, token = grant(server)
    successor = refresh(server, token).json()["refresh_token"]
    time.sleep(SHORT + 0.5)
    restart(server, how)
    late = refresh(server, token)
    assert late.status_code == 400 and late.json()["error"] == "invalid_grant"
    assert "whole family is revoked" in late.json()["error_description"]
    restart(server, how)
    dead = refresh(server, successor)
    assert dead.status_code == 400 and dead.json()["error_description"].startswith("the grant has ended")


@pytest.mark.parametrize("how", ["running", "kill -9"])
def test_a_replayed_code_revokes_what_it_paid_for(server, how):
    code, token = grant(server)
    restart(server, how)
    replay = requests.post(server.issuer + "/token", timeout=HTTP_SECONDS, data={
        "grant_type": "authorization_code", "code": code, "client_id": "app", "redirect_uri": REDIRECT_URI,
        "code_verifier": VERIFIER})
    assert replay.status_code == 400 and replay.json()["error"] == "invalid_grant"
    restart(server, how)
    assert refresh(server, token).status_code == 400
