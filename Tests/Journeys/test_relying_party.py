"""Authlib as a relying party against a live server: what it reads from discovery is all that it is told."""

import json
import time
import urllib.parse

import jwt
import pytest
import requests
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from joserfc.jwk import KeySet, RSAKey
from joserfc import jwt as joserfc_jwt

from signet import HTTP_SECONDS, Person

REDIRECT_URI = "https://app.example/callback"
AUDIENCE = "https://api.example/orders"


@pytest.fixture
def stage(server):
    """An API, a person and a confidential web client."""
    api = server.run(
        "api", "create", "--audience", AUDIENCE, "--name", "Orders", "--scope", "orders:read=See your orders")
    person = server.create_user(email="ada@example.org", name="Ada Lovelace")
    client = server.run(
        "client", "create", "--id", "web", "--name", "Web shop", "--type", "confidential",
        "--redirect-uri", REDIRECT_URI, "--scope", "openid", "--scope", "profile", "--scope", "email",
        "--scope", "offline_access", "--scope", "orders:read")
    return {"api": api, "person": person, "client": client}


def session(server, stage, **options):
    return OAuth2Session(
        "web", stage["client"]["client_secret"], redirect_uri=REDIRECT_URI, code_challenge_method="S256",
        scope=options.pop("scope", "openid profile email offline_access orders:read"), **options)


def authorize(server, relying_party, person, verifier, **parameters):
    metadata = server.discover()
    url, state = relying_party.create_authorization_url(
        metadata["authorization_endpoint"], code_verifier=verifier, nonce="n-1", **parameters)
    target = person.visit(url, REDIRECT_URI)
    query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(target).query))
    # RFC 9207: the answer names its issuer.
    assert query["state"] == state and query["iss"] == metadata["issuer"] == server.issuer
    return metadata, target


def test_code_with_pkce_id_token_userinfo_refresh_revoke(server, stage):
    verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    relying_party = session(server, stage)
    person = Person("ada", "correct battery")
    metadata, target = authorize(server, relying_party, person, verifier)
    tokens = relying_party.fetch_token(
        metadata["token_endpoint"], authorization_response=target, code_verifier=verifier)
    assert tokens["expires_in"] == 900 and tokens["scope"] == "openid profile email offline_access orders:read"

    keys = KeySet.import_key_set(requests.get(metadata["jwks_uri"], timeout=HTTP_SECONDS).json())
    id_token = joserfc_jwt.decode(tokens["id_token"], keys, algorithms=["RS256"])
    assert id_token.claims["iss"] == server.issuer and id_token.claims["aud"] == "web"
    assert id_token.claims["nonce"] == "n-1" and id_token.claims["sub"] == stage["person"]["sub"]
    assert id_token.claims["amr"] == ["pwd"] and id_token.claims["auth_time"] <= time.time()

    # PyJWT as a resource server that knows nothing but the key set.
    signing_key = jwt.PyJWKClient(metadata["jwks_uri"]).get_signing_key_from_jwt(tokens["access_token"])
    access = jwt.decode(
        tokens["access_token"], signing_key.key, algorithms=["ES256"], audience=AUDIENCE, issuer=server.issuer)
    assert access["client_id"] == "web" and jwt.get_unverified_header(tokens["access_token"])["typ"] == "at+jwt"

    userinfo = relying_party.get(metadata["userinfo_endpoint"]).json()
    assert userinfo["email"] == "ada@example.org" and userinfo["name"] == "Ada Lovelace"

    first_refresh = tokens["refresh_token"]
    renewed = relying_party.refresh_token(metadata["token_endpoint"], refresh_token=first_refresh)
    assert renewed["refresh_token"] != first_refresh
    api = (stage["api"]["credential_id"], stage["api"]["credential_secret"])
    assert server.introspect(renewed["access_token"], api)["active"] is True

    answer = relying_party.revoke_token(
        metadata["revocation_endpoint"], token=renewed["refresh_token"], token_type_hint="refresh_token")
    assert answer.status_code == 200
    assert server.introspect(renewed["access_token"], api) == {"active": False}
    with pytest.raises(Exception, match="invalid_grant"):
        relying_party.refresh_token(metadata["token_endpoint"], refresh_token=renewed["refresh_token"])


def test_single_sign_on_and_prompts(server, stage):
    verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    person = Person("ada", "correct battery")
    authorize(server, session(server, stage), person, verifier)
    seen = len(person.pages)
    assert seen == 2, "one page to sign in, one to consent"
    authorize(server, session(server, stage), person, verifier)
    assert len(person.pages) == seen, "the second time nobody is asked"
    authorize(server, session(server, stage), person, verifier, prompt="none")
    authorize(server, session(server, stage), person, verifier, prompt="login")
    assert len(person.pages) == seen + 1, "prompt=login asks for the password again"

    stranger = Person("ada", "correct battery")
    metadata = server.discover()
    url, _ = session(server, stage).create_authorization_url(
        metadata["authorization_endpoint"], code_verifier=verifier, prompt="none", nonce="n")
    target = stranger.visit(url, REDIRECT_URI)
    assert "error=login_required" in target and stranger.pages == []


def test_form_post(server, stage):
    verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    metadata = server.discover()
    url, state = session(server, stage).create_authorization_url(
        metadata["authorization_endpoint"], code_verifier=verifier, nonce="n", response_mode="form_post")
    person = Person("ada", "correct battery")
    response = person.http.get(url, timeout=HTTP_SECONDS)
    while f'action="{REDIRECT_URI}"' not in response.text:
        response = person.answer(response)
        if response.is_redirect:
            response = person.http.get(
                urllib.parse.urljoin(response.url, response.headers["Location"]), timeout=HTTP_SECONDS)
    assert f'name="state" value="{state}"' in response.text and 'name="code"' in response.text
    assert "<script>" not in response.text, "no inline script under a strict CSP"


def test_client_credentials_with_secret_and_with_a_key(server, stage, tmp_path):
    token_endpoint = server.discover()["token_endpoint"]
    service = server.run(
        "client", "create", "--id", "service", "--name", "Service", "--type", "confidential",
        "--grant", "client_credentials", "--scope", "orders:read")
    by_secret = OAuth2Session("service", service["client_secret"], scope="orders:read")
    token = by_secret.fetch_token(token_endpoint, grant_type="client_credentials")
    api = (stage["api"]["credential_id"], stage["api"]["credential_secret"])
    assert server.introspect(token["access_token"], api)["client_id"] == "service"

    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    key = RSAKey.import_key(pem)
    document = {**key.as_dict(private=False), "kid": "k1", "alg": "RS256", "use": "sig"}
    (tmp_path / "jwks.json").write_text(json.dumps({"keys": [document]}))
    server.run(
        "client", "create", "--id", "signer", "--name", "Signer", "--type", "confidential",
        "--grant", "client_credentials", "--scope", "orders:read", "--auth-method", "private_key_jwt",
        "--jwks-file", str(tmp_path / "jwks.json"))
    by_key = OAuth2Session("signer", pem, scope="orders:read", token_endpoint_auth_method="private_key_jwt")
    by_key.register_client_auth_method(PrivateKeyJWT(token_endpoint, alg="RS256", headers={"kid": "k1"}))
    token = by_key.fetch_token(token_endpoint, grant_type="client_credentials")
    assert server.introspect(token["access_token"], api)["client_id"] == "signer"


def test_what_the_command_line_ends_is_over_at_once(server, stage):
    verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    relying_party = session(server, stage)
    metadata, target = authorize(server, relying_party, Person("ada", "correct battery"), verifier)
    tokens = relying_party.fetch_token(
        metadata["token_endpoint"], authorization_response=target, code_verifier=verifier)
    api = (stage["api"]["credential_id"], stage["api"]["credential_secret"])
    assert server.introspect(tokens["access_token"], api)["active"] is True
    server.run("user", "disable", "ada")
    assert server.introspect(tokens["access_token"], api) == {"active": False}
    with pytest.raises(Exception, match="invalid_grant"):
        relying_party.refresh_token(metadata["token_endpoint"], refresh_token=tokens["refresh_token"])


def test_restart_keeps_everything(server, stage):
    verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    relying_party = session(server, stage)
    metadata, target = authorize(server, relying_party, Person("ada", "correct battery"), verifier)
    tokens = relying_party.fetch_token(
        metadata["token_endpoint"], authorization_response=target, code_verifier=verifier)
    api = (stage["api"]["credential_id"], stage["api"]["credential_secret"])
    assert server.stop() == 0
    server.start()
    assert server.introspect(tokens["access_token"], api)["active"] is True
    first = relying_party.refresh_token(metadata["token_endpoint"], refresh_token=tokens["refresh_token"])
    server.kill()
    server.start()
    # A client that lost the answer gets the same successor, also across a crash.
    again = relying_party.refresh_token(metadata["token_endpoint"], refresh_token=tokens["refresh_token"])
    assert again["refresh_token"] == first["refresh_token"]
