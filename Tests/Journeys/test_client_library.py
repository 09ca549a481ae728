"""Our client library against Authlib's authorization server, and against our own."""

import json
import os
import threading
import time
import urllib.parse

import pytest
import requests
from joserfc.jwk import ECKey

from client_peer import ClientPeer, Refused, peer_binary
from signet import HTTP_SECONDS, Person

REDIRECT_URI = "https://app.example/callback"
DEVICE = "urn:ietf:params:oauth:grant-type:device_code"


@pytest.fixture(scope="module", autouse=True)
def plain_http_on_loopback():
    """Authlib refuses plain http, on loopback too, unless told otherwise."""
    os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"
    yield
    del os.environ["AUTHLIB_INSECURE_TRANSPORT"]


@pytest.fixture
def key():
    return ECKey.generate_key("P-256", {"kid": "client-1", "use": "sig", "alg": "ES256"})


@pytest.fixture
def authlib(key):
    from authlib_issuer import Client, Issuer
    everything = ["authorization_code", "refresh_token", "client_credentials", DEVICE]
    clients = [
        Client("basic", ["client_secret_basic"], everything, "a secret: +%/ü", REDIRECT_URI),
        Client("post", ["client_secret_post"], everything, "post-secret", REDIRECT_URI),
        Client("key", ["client_assertion_jwt"], everything, keys=key.as_dict(private=False), redirect_uri=REDIRECT_URI),
        Client("public", ["none"], everything, redirect_uri=REDIRECT_URI),
    ]
    with Issuer(clients) as issuer:
        yield issuer


def peer(issuer, client_id, **credential):
    return ClientPeer(peer_binary(), issuer.url, client_id, REDIRECT_URI, **credential)


def authorize(url):
    response = requests.get(url, allow_redirects=False, timeout=HTTP_SECONDS)
    assert response.status_code == 302, response.text
    return urllib.parse.urlsplit(response.headers["Location"]).query


def test_authlib_code_with_pkce_id_token_userinfo_refresh_and_revocation(authlib):
    with peer(authlib, "public") as client:
        start = client.ask("login_start", scopes=["openid", "profile"])
        login = client.ask("login_finish", pending=start["pending"], query=authorize(start["url"]))
        assert login["sub"] == "ada" and login["claims"]["iss"] == authlib.url and "at_hash" in login["claims"]
        assert client.ask("userinfo", access_token=login["access_token"], sub="ada")["sub"] == "ada"
        with pytest.raises(Refused, match="somebody else"):
            client.ask("userinfo", access_token=login["access_token"], sub="bob")

        count = len(authlib.tokens)
        fresh = client.ask("refresh", tokens=login["tokens"], sub="ada", callers=100)
        assert len(fresh["access_tokens"]) == 1 and fresh["access_tokens"] != [login["access_token"]]
        assert len(authlib.tokens) == count + 1, "a hundred callers, one refresh"
        # Authlib does not take a rotated token again: the grant is over, and that is said.
        with pytest.raises(Refused) as old:
            client.ask("refresh", tokens=login["tokens"], sub="ada")
        assert old.value.details["error"] == "invalid_grant"

        client.ask("revoke", tokens=fresh["tokens"])
        assert authlib.find(fresh["access_tokens"][0]).is_revoked()


def test_authlib_another_login_is_refused(authlib):
    with peer(authlib, "public") as client:
        mine, other = (client.ask("login_start", scopes=["openid"]) for _ in range(2))
        query = authorize(other["url"])
        with pytest.raises(Refused) as refused:
            client.ask("login_finish", pending=mine["pending"], query=query)
        assert refused.value.details["code"] == "response-invalid"
        assert client.ask("login_finish", pending=other["pending"], query=query)["sub"] == "ada"


@pytest.mark.parametrize("client_id", ["basic", "post", "key"])
def test_authlib_client_credentials_in_every_way_of_proving(authlib, key, client_id):
    good = {"basic": {"secret": "a secret: +%/ü"}, "post": {"secret_post": "post-secret"},
            "key": {"jwk": key.as_dict(private=True)}}[client_id]
    stranger = ECKey.generate_key("P-256", {"kid": "client-1", "use": "sig", "alg": "ES256"})
    bad = {"basic": {"secret": "a secret: +%/u"}, "post": {"secret_post": "other-secret"},
           "key": {"jwk": stranger.as_dict(private=True)}}[client_id]
    with peer(authlib, client_id, **good) as client:
        found = client.ask("service", scopes=["read", "write"], callers=100)
        assert len(found["access_tokens"]) == 1 and len(authlib.tokens) == 1
        assert authlib.tokens[0]["scope"] == "read write"
    with peer(authlib, client_id, **bad) as client:
        with pytest.raises(Refused) as refused:
            client.ask("service", scopes=["read"])
        assert refused.value.details["error"] == "invalid_client"


def test_authlib_device_flow(authlib):
    with peer(authlib, "public") as client:
        started = client.ask("device_start", scopes=["openid"])
        assert started["verification_uri_complete"].endswith(started["user_code"])
        next(iter(authlib.devices.values()))["slow_at"] = 2
        # Once pending, then slow_down, then the person agrees.
        threading.Timer(3, authlib.approve, [started["user_code"]]).start()
        begun = time.monotonic()
        login = client.ask("device_wait", user_code=started["user_code"])
        assert login["sub"] == "ada"
        # 1 + 1 + 6 seconds: slow_down added five.
        assert time.monotonic() - begun > 7

        refused = client.ask("device_start", scopes=["openid"])
        authlib.approve(refused["user_code"], allowed=False)
        with pytest.raises(Refused) as no:
            client.ask("device_wait", user_code=refused["user_code"])
        assert no.value.details["error"] == "access_denied"


@pytest.fixture
def stage(server):
    server.run(
        "api", "create", "--audience", "https://api.example/orders", "--name", "Orders",
        "--scope", "orders:read=See your orders")
    server.create_user(email="ada@example.org", name="Ada Lovelace")
    return server.run(
        "client", "create", "--id", "web", "--name", "Web shop", "--type", "confidential",
        "--redirect-uri", REDIRECT_URI, "--scope", "openid", "--scope", "offline_access", "--scope", "orders:read")


def test_signet_code_refresh_and_logout(server, stage):
    with ClientPeer(peer_binary(), server.issuer, "web", REDIRECT_URI, secret=stage["client_secret"]) as client:
        start = client.ask("login_start", scopes=["openid", "offline_access", "orders:read"])
        target = Person("ada", "correct battery").visit(start["url"], REDIRECT_URI)
        query = urllib.parse.urlsplit(target).query
        with pytest.raises(Refused, match="another issuer"):
            client.ask("login_finish", pending=start["pending"], query=query.replace("localhost", "evil.example"))
        login = client.ask("login_finish", pending=start["pending"], query=query)
        assert login["claims"]["iss"] == server.issuer and "sid" in login["claims"]
        assert client.ask("userinfo", access_token=login["access_token"], sub=login["sub"])["sub"] == login["sub"]

        fresh = client.ask("refresh", tokens=login["tokens"], sub=login["sub"], callers=100)
        assert len(fresh["access_tokens"]) == 1
        # As if the answer had been lost: the same refresh token brings the same successor.
        again = client.ask("refresh", tokens=login["tokens"], sub=login["sub"])
        assert json.loads(again["tokens"])["refreshToken"] == json.loads(fresh["tokens"])["refreshToken"]

        assert requests.get(
            client.ask("logout_url", id_token=login["id_token"])["url"], timeout=HTTP_SECONDS).status_code == 200
        client.ask("revoke", tokens=fresh["tokens"])
        with pytest.raises(Refused) as ended:
            client.ask("refresh", tokens=fresh["tokens"], sub=login["sub"])
        assert ended.value.details["error"] == "invalid_grant" and ended.value.details["trace"]


def test_signet_client_credentials(server, stage):
    service = server.run(
        "client", "create", "--id", "service", "--name", "Service", "--type", "confidential",
        "--grant", "client_credentials", "--scope", "orders:read")
    with ClientPeer(peer_binary(), server.issuer, "service", secret=service["client_secret"]) as client:
        found = client.ask("service", scopes=["orders:read"], resources=["https://api.example/orders"], callers=100)
        assert len(found["access_tokens"]) == 1
        with pytest.raises(Refused) as refused:
            client.ask("service", scopes=["orders:write"])
        assert refused.value.details["error"] == "invalid_scope"
