"""Signet as a contender: `signet serve` on SQLite with an API, people and one client for each way to be a client."""
import base64
import json
import os
import secrets
import time
import types
import urllib.parse

import httpload
import journeys
from cryptography.hazmat.primitives.asymmetric import ec
from httpload import Plan, Step, bearer, form, get, post_json, request
from material import encode, make_jwk, sign
from peers import FAMILIES, SEEN, ask, basic, expect, tampered, token_of
from servers import AUDIENCE, SCOPE, Fault, Issuer
from web import Browser, Caller

OPAQUE = "https://vault.example"
PASSWORD = "correct horse battery staple"
PEOPLE = 32
VERIFIER = secrets.token_urlsafe(32)
ORIGIN = "http://127.0.0.1:9"
# Tokens that are used again and again have to outlast the run.
LASTING = {"SIGNET_LIFETIMES_ACCESS_TOKEN": "1d"}
ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


def header_of(token):
    part = token.split(".")[0]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


class Signet(Issuer):
    """`full` registers what all rows need; the servers that only sign with another algorithm do with less."""

    def __init__(self, signet, prefix, algorithm, full=True, settings=None):
        self.algorithm = algorithm
        settings = LASTING if settings is None else settings
        super().__init__(signet, prefix, {"SIGNET_ACCESS_TOKEN_ALGORITHM": algorithm, **settings})
        try:
            if full:
                self.register()
        except BaseException:
            self.stop()
            raise

    def register(self):
        self.people = [f"person{number}" for number in range(PEOPLE)]
        self.command("api", "create", "--audience", OPAQUE, "--name", "Vault", "--scope", "vault:read=Read",
                     "--token-format", "opaque")
        for name in self.people:
            self.command("user", "create", "--username", name, "--password-stdin", text=PASSWORD + "\n")
        code = ["--redirect-uri", journeys.REDIRECT, "--grant", "authorization_code", "--consent", "implicit"]
        self.command("client", "create", "--id", "app", "--type", "public", *code, "--grant", "refresh_token",
                     "--scope", "openid", "--scope", "profile", "--scope", "offline_access", "--scope", SCOPE)
        self.command("client", "create", "--id", "page", "--type", "public", "--first-party", "--browser-session", "session",
                     "--redirect-uri", ORIGIN + "/", "--origin", ORIGIN, "--scope", SCOPE)
        self.command("client", "create", "--id", "single-page", "--type", "public", "--first-party", "--browser-session",
                     "tokens", "--redirect-uri", ORIGIN + "/", "--origin", ORIGIN, "--scope", SCOPE, "--scope", "offline_access")
        self.vault = self.command("client", "create", "--id", "vault-client", "--scope", "vault:read", "--resource", OPAQUE)
        self.key = ec.generate_private_key(ec.SECP256R1())
        jwk = {name: value for name, value in make_jwk("ES256", self.key).items() if name != "d"}
        keys = os.path.join(self.folder, "keys.json")
        with open(keys, "w", encoding="utf-8") as file:
            json.dump({"keys": [jwk]}, file)
        self.command("client", "create", "--id", "signing", "--scope", SCOPE, "--auth-method", "private_key_jwt",
                     "--jwks-file", keys)
        self.session = self.sign_in()

    # Requests

    def caller(self):
        return Caller(types.SimpleNamespace(issuer=self.url, origin=self.url, ports={0: self.port}))

    def sign_in(self):
        """The cookies of a browser in which somebody is signed in."""
        caller = self.caller()
        browser = Browser(caller, lambda: 0)
        challenge = journeys.challenge_of(VERIFIER)
        # Staying signed in is asked about once, and remembered.
        journeys.authorize(browser, "app", f"openid profile offline_access {SCOPE}", self.people[0], PASSWORD, challenge)
        caller.close()
        return "; ".join(f"{name}={value}" for name, value in browser.cookies.items())

    def authorize(self, scope):
        """A code without a page, since a session is there and the application is the operator's own."""
        query = urllib.parse.urlencode({
            "response_type": "code", "client_id": "app", "redirect_uri": journeys.REDIRECT, "scope": scope, "state": "s",
            "code_challenge": journeys.challenge_of(VERIFIER), "code_challenge_method": "S256"})
        return Step(request("GET", f"/authorize?{query}", {"Cookie": self.session}), 303, "location:code")

    @staticmethod
    def redeem(take):
        return form("/token", {
            "grant_type": "authorization_code", "client_id": "app", "code": "{value}", "redirect_uri": journeys.REDIRECT,
            "code_verifier": VERIFIER}, take=f"json:{take}")

    def credentials(self, fields=None, headers=None):
        return form("/token", fields or {"grant_type": "client_credentials", "resource": AUDIENCE},
                    headers or basic(*self.client), take="json:access_token")

    def assertion(self, lifetime=600, key=None):
        """What `signing` authenticates with: a name of its own in each, since one counts once."""
        now = int(time.time())
        claims = {"iss": "signing", "sub": "signing", "aud": self.url, "jti": secrets.token_hex(16), "iat": now,
                  "exp": now + lifetime}
        header = {"alg": "ES256", "kid": "bench-ES256"}
        message = ".".join(encode(json.dumps(part).encode()) for part in (header, claims))
        return f"{message}.{encode(sign('ES256', key or self.key, message.encode()))}"

    def with_assertion(self, value="{value}"):
        return {"grant_type": "client_credentials", "resource": AUDIENCE, "client_assertion_type": ASSERTION,
                "client_assertion": value}

    def login(self, client="page"):
        return post_json(
            "/session/login", {"client_id": client, "username": "{value}", "password": PASSWORD},
            {"Origin": ORIGIN, "Signet-CSRF": "1"})

    # Plans

    def plan(self, *steps, **more):
        return Plan(self.port, list(steps), **more)

    def token_plan(self):
        return self.plan(self.credentials())

    def collect(self, load, plan, count):
        path = os.path.join(self.folder, "collected")
        load.run(plan, count=count, into=path)
        with open(path, encoding="utf-8") as file:
            return file.read().split()

    def revocation_plan(self):
        return self.plan(form("/revoke", {"token": "{value}"}, basic(*self.client)), mint=httpload.minting(self.token_plan()))

    def family_plan(self):
        """A family of refresh tokens for each session of the application, without openid: no ID token is signed."""
        return self.plan(self.authorize(f"offline_access {SCOPE}"), self.redeem("refresh_token"))

    def plans(self, load):
        # An inactive token would be answered with 200 as well, and without a client.
        introspect = form("/introspect", {"token": "{value}"}, basic(*self.client), take="json:client_id")
        vault = (self.vault["client_id"], self.vault["client_secret"])
        opaque = self.plan(form("/token", {"grant_type": "client_credentials"}, basic(*vault), take="json:access_token"))
        persons = self.plan(self.authorize("openid profile"), self.redeem("access_token"))
        return {
            "discovery": self.plan(get("/.well-known/openid-configuration")),
            "jwks": self.plan(get("/jwks.json")),
            f"client_credentials.{self.algorithm.lower()}": self.token_plan(),
            "client_credentials.private_key_jwt": self.plan(
                form("/token", self.with_assertion(), take="json:access_token"), mint=httpload.writing(self.assertion)),
            "refresh": self.plan(
                form("/token", {"grant_type": "refresh_token", "client_id": "app", "refresh_token": "{value}"},
                     take="json:refresh_token"),
                carried=self.collect(load, self.family_plan(), FAMILIES)),
            "introspect.jwt.unseen": self.plan(introspect, mint=httpload.minting(self.token_plan())),
            "introspect.jwt.seen": self.plan(introspect, values=self.collect(load, self.token_plan(), SEEN)),
            "introspect.opaque": self.plan(
                form("/introspect", {"token": "{value}"}, basic(*vault), take="json:client_id"),
                values=self.collect(load, opaque, SEEN)),
            "userinfo": self.plan(get("/userinfo", bearer()), values=self.collect(load, persons, SEEN)),
            "code": self.plan(
                self.redeem("access_token"), mint=httpload.minting(self.plan(self.authorize("openid profile")))),
            "login": self.plan(self.login(), values=self.people, connections=16),
        }

    # Proofs

    def prove(self):
        fields = {"grant_type": "client_credentials", "resource": AUDIENCE}
        expect("a wrong secret", ask(self.url + "/token", fields, basic(self.client[0], "wrong")), 401)
        token = self.token()
        self.is_active(token, True, "a good token")
        self.is_active(tampered(token), False, "a changed signature")
        self.revoke(token)
        self.is_active(token, False, "a revoked token")
        answer = expect("a token", ask(self.url + "/token", fields, basic(*self.client)), 200)
        if header_of(token_of(answer))["alg"] != self.algorithm:
            raise Fault(f"a token is not signed with {self.algorithm}")

    def prove_people(self, load):
        """What concerns people: refreshing, codes, userinfo, passwords, assertions."""
        def refresh(token):
            return ask(self.url + "/token", {"grant_type": "refresh_token", "client_id": "app", "refresh_token": token})

        first = token = self.collect(load, self.family_plan(), 1)[0]
        # More rotations than are remembered: after them a token of the beginning is theft, in whichever window.
        for _ in range(18):
            token = token_of(expect("a refresh", refresh(token), 200), "refresh_token")
        expect("a token that was used long ago", refresh(first), 400)
        expect("its family after that", refresh(token), 400)
        code = self.collect(load, self.plan(self.authorize("openid profile")), 1)[0]
        redemption = {"grant_type": "authorization_code", "client_id": "app", "code": code,
                      "redirect_uri": journeys.REDIRECT, "code_verifier": VERIFIER}
        token = token_of(expect("a code", ask(self.url + "/token", redemption), 200))
        expect("userinfo", ask(self.url + "/userinfo", headers=bearer(token)), 200)
        expect("userinfo with a changed signature", ask(self.url + "/userinfo", headers=bearer(tampered(token))), 401)
        expect("a code again", ask(self.url + "/token", redemption), 400)
        expect("userinfo after that", ask(self.url + "/userinfo", headers=bearer(token)), 401)
        good = self.assertion()
        expect("an assertion", ask(self.url + "/token", self.with_assertion(good)), 200)
        foreign = ec.generate_private_key(ec.SECP256R1())
        refused = {"used before": good, "expired": self.assertion(-600), "of another key": self.assertion(key=foreign)}
        for what, bad in refused.items():
            expect(f"an assertion {what}", ask(self.url + "/token", self.with_assertion(bad)), 401)
        headers = {"Origin": ORIGIN, "Signet-CSRF": "1", "Content-Type": "application/json"}
        for password, status in [("wrong", 401), (PASSWORD, 200)]:
            body = {"client_id": "page", "username": self.people[-1], "password": password}
            expect(f"a login that should be {status}", ask(self.url + "/session/login", body=body, headers=headers), status)

    def is_active(self, token, wanted, what):
        answer = json.loads(self.post("/introspect", {"token": token}))
        if answer["active"] is not wanted:
            raise Fault(f"{what} is {'in' if wanted else ''}active")
