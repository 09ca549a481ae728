"""The Token Status List (draft-ietf-oauth-status-list-21), read with libraries that we did not write: joserfc verifies,
token-status-list unpacks. Nothing here knows of the revocation feed."""

import time
import urllib.parse

import pytest
import requests
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from token_status_list import BitArray

from signet import HTTP_SECONDS, Person

REDIRECT_URI = "https://app.example/callback"
AUDIENCE = "https://api.example/orders"
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


class Verifier:
    """An API as somebody else would write it: it reads discovery and the token, and nothing else."""

    def __init__(self, server):
        self.server = server

    def keys(self):
        address = self.server.discover()["jwks_uri"]
        return KeySet.import_key_set(requests.get(address, timeout=HTTP_SECONDS).json())

    def verified(self, token, kind):
        decoded = jwt.decode(token, self.keys(), algorithms=["ES256", "RS256", "EdDSA"])
        if decoded.header["typ"].lower() != kind:
            raise JoseError(f"typ is {decoded.header['typ']}, not {kind}")
        claims = decoded.claims
        jwt.JWTClaimsRegistry(iss={"essential": True, "value": self.server.issuer}, exp={"essential": True}).validate(claims)
        return claims

    def status(self, token):
        """Section 8.3 of the draft, step by step: 0 is valid."""
        claims = self.verified(token, "at+jwt")
        assert claims["aud"] == AUDIENCE or AUDIENCE in claims["aud"]
        reference = claims["status"]["status_list"]
        answer = requests.get(
            reference["uri"], headers={"Accept": "application/statuslist+jwt"}, timeout=HTTP_SECONDS)
        assert answer.status_code == 200 and answer.headers["Content-Type"] == "application/statuslist+jwt"
        assert answer.headers["Cache-Control"] == "public, max-age=15"
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        listed = self.verified(answer.text, "statuslist+jwt")
        assert listed["sub"] == reference["uri"] and listed["ttl"] == 15
        bits = BitArray.load(listed["status_list"])
        assert bits.bits == 1 and len(bits) == 65536
        return bits[reference["idx"]], listed["ttl"]

    def waits_for_refusal(self, token):
        """Asks until the token is revoked; how long that took."""
        began = time.monotonic()
        while True:
            status, ttl = self.status(token)
            if status == 1:
                return time.monotonic() - began
            assert time.monotonic() - began < ttl, "still valid after its time to live"
            time.sleep(0.1)


@pytest.fixture
def stage(server):
    server.run(
        "api", "create", "--audience", AUDIENCE, "--name", "Orders", "--scope", "orders:read=See your orders",
        "--status-list")
    server.run(
        "client", "create", "--id", "app", "--name", "App", "--type", "public", "--redirect-uri", REDIRECT_URI,
        "--scope", "openid", "--scope", "offline_access", "--scope", "orders:read")
    for name in ["ada", "bob"]:
        server.create_user(name, "correct battery")
    return server


def grant(server, person="ada"):
    query = urllib.parse.urlencode({
        "response_type": "code", "client_id": "app", "redirect_uri": REDIRECT_URI, "state": "s",
        "scope": "openid offline_access orders:read", "code_challenge": CHALLENGE, "code_challenge_method": "S256"})
    target = Person(person, "correct battery").visit(f"{server.issuer}/authorize?{query}", REDIRECT_URI)
    code = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(target).query))["code"]
    return token(server, grant_type="authorization_code", code=code, redirect_uri=REDIRECT_URI, code_verifier=VERIFIER)


def token(server, **fields):
    answer = requests.post(server.issuer + "/token", timeout=HTTP_SECONDS, data={"client_id": "app", **fields})
    assert answer.status_code == 200, answer.text
    return answer.json()


def revoke(server, text):
    answer = requests.post(server.issuer + "/revoke", timeout=HTTP_SECONDS, data={"client_id": "app", "token": text})
    assert answer.status_code == 200, answer.text


ACTS = {
    "refresh token": lambda server, tokens: revoke(server, tokens["refresh_token"]),
    "access token": lambda server, tokens: revoke(server, tokens["access_token"]),
    "signet revoke --user": lambda server, tokens: server.run("revoke", "--user", "ada"),
    "kill -9": lambda server, tokens: (revoke(server, tokens["refresh_token"]), server.kill(), server.start()),
}


@pytest.mark.parametrize("act", ACTS)
def test_a_verifier_that_is_not_ours_refuses_by_the_list(stage, act):
    verifier = Verifier(stage)
    tokens, others = grant(stage), grant(stage, "bob")
    assert verifier.status(tokens["access_token"])[0] == 0
    ACTS[act](stage, tokens)
    verifier.waits_for_refusal(tokens["access_token"])
    # Whoever was not revoked goes on, and a place is never given twice, whatever happened to the server.
    assert verifier.status(others["access_token"])[0] == 0
    later = grant(stage, "bob")
    places = {
        verifier.verified(each["access_token"], "at+jwt")["status"]["status_list"]["idx"]
        for each in [tokens, others, later]}
    assert len(places) == 3 and verifier.status(later["access_token"])[0] == 0


def test_the_grant_of_a_token_that_was_revoked_alone_goes_on_in_another_place(stage):
    verifier = Verifier(stage)
    tokens = grant(stage)
    revoke(stage, tokens["access_token"])
    refreshed = token(stage, grant_type="refresh_token", refresh_token=tokens["refresh_token"])
    verifier.waits_for_refusal(tokens["access_token"])
    assert verifier.status(refreshed["access_token"])[0] == 0
    revoke(stage, refreshed["refresh_token"])
    verifier.waits_for_refusal(refreshed["access_token"])


def test_a_list_is_no_token_and_the_aggregation_names_it(stage):
    """FIELD F22, GHSA-7fpj-9hr8-28vh."""
    tokens = grant(stage)
    aggregation = requests.get(
        stage.discover()["status_list_aggregation_endpoint"], timeout=HTTP_SECONDS).json()["status_lists"]
    assert aggregation == [stage.issuer + "/status-lists/1"]
    listed = requests.get(aggregation[0], timeout=HTTP_SECONDS).text
    verifier = Verifier(stage)
    with pytest.raises(JoseError):
        verifier.verified(listed, "at+jwt")
    for text, status in [(listed, 401), (tokens["access_token"], 200)]:
        answer = requests.get(
            stage.discover()["userinfo_endpoint"], headers={"Authorization": "Bearer " + text}, timeout=HTTP_SECONDS)
        assert answer.status_code == status
    for path in ["/status-lists/2", "/status-lists/01", "/status-lists/0", "/status-lists/x", "/status-lists/1/"]:
        assert requests.get(stage.issuer + path, timeout=HTTP_SECONDS).status_code == 404
    assert requests.get(aggregation[0] + "?time=1686925000", timeout=HTTP_SECONDS).status_code == 501
