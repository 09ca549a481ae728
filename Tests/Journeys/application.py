"""A relying party that we did not write in Swift: code flow with PKCE, sessions by cookie, logout from the back and from the
front (OpenID Connect Back-Channel Logout 1.0, Front-Channel Logout 1.0). joserfc verifies every token."""

import base64
import hashlib
import http.cookies
import http.server
import json
import secrets
import threading
import time
import urllib.parse

import requests
from joserfc import jwt
from joserfc.jwk import KeySet

from signet import HTTP_SECONDS, free_ports

LOGOUT_EVENT = "http://schemas.openid.net/event/backchannel-logout"
ALGORITHMS = ["RS256", "ES256", "EdDSA", "Ed25519"]


class Application:
    """One application on one port. What it knows outlives its listener, as a database would."""

    def __init__(self, server, client, scope="openid", **metadata):
        self.issuer, self.client, self.scope = server.issuer, client, scope
        self.port = free_ports(2)
        self.origin = f"http://localhost:{self.port}"
        self.callback = self.origin + "/callback"
        # Cookies know no ports.
        self.cookie = f"session-{client}"
        self.sessions, self.pending, self.tokens = {}, {}, {}
        self.posts, self.frames = [], []
        # What the back channel answers, where a test wants something else than the truth.
        self.answer = None
        flags = []
        for name, path in metadata.items():
            flags += [f"--{name.replace('_', '-')}", self.origin + path]
        server.run(
            "client", "create", "--id", client, "--name", client.title(), "--type", "public",
            "--redirect-uri", self.callback, "--post-logout-redirect-uri", self.origin + "/",
            "--consent", "implicit", *[flag for word in scope.split() for flag in ("--scope", word)], *flags)
        self.listener = None

    # Being up and down

    def start(self):
        handler = type("Handler", (Handler,), {"application": self})
        self.listener = http.server.ThreadingHTTPServer(("127.0.0.1", self.port), handler)
        threading.Thread(target=self.listener.serve_forever, daemon=True).start()
        return self

    def stop(self):
        if self.listener:
            self.listener.shutdown()
            self.listener.server_close()
            self.listener = None

    # Signing in

    def keys(self):
        document = requests.get(self.issuer + "/jwks.json", timeout=HTTP_SECONDS).json()
        return KeySet.import_key_set(document)

    def login_url(self):
        state, verifier, nonce = (secrets.token_urlsafe(32) for _ in range(3))
        self.pending[state] = (verifier, nonce)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        return self.issuer + "/authorize?" + urllib.parse.urlencode({
            "response_type": "code", "client_id": self.client, "redirect_uri": self.callback, "state": state,
            "scope": self.scope, "nonce": nonce, "code_challenge": challenge, "code_challenge_method": "S256"})

    def finish(self, query):
        """Redeems the code; the name of the local session."""
        verifier, nonce = self.pending.pop(query["state"])
        answer = requests.post(self.issuer + "/token", timeout=HTTP_SECONDS, data={
            "grant_type": "authorization_code", "code": query["code"], "client_id": self.client,
            "redirect_uri": self.callback, "code_verifier": verifier})
        assert answer.status_code == 200, answer.text
        tokens = answer.json()
        claims = jwt.decode(tokens["id_token"], self.keys(), algorithms=ALGORITHMS).claims
        assert claims["iss"] == self.issuer and claims["aud"] == self.client and claims["nonce"] == nonce
        name = secrets.token_urlsafe(16)
        self.sessions[name] = {"sub": claims["sub"], "sid": claims["sid"]}
        self.tokens[name] = tokens
        return name

    def sign_in(self, person):
        """A person signs in, with a browser that runs no scripts; the name of the local session."""
        target = person.visit(self.login_url(), self.callback)
        return self.finish(dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(target).query)))

    def refresh(self, name):
        answer = requests.post(self.issuer + "/token", timeout=HTTP_SECONDS, data={
            "grant_type": "refresh_token", "refresh_token": self.tokens[name]["refresh_token"],
            "client_id": self.client})
        if answer.status_code == 200:
            self.tokens[name] = answer.json()
        return answer

    # Signing out

    def judge(self, text):
        """Back-Channel Logout §2.6, step by step; the sessions that it ends."""
        token = jwt.decode(text, self.keys(), algorithms=ALGORITHMS)
        assert token.header["typ"] == "logout+jwt"
        claims, now = token.claims, time.time()
        assert claims["iss"] == self.issuer and claims["aud"] == self.client
        assert claims["exp"] - claims["iat"] <= 120 and claims["exp"] > now - 30 and abs(claims["iat"] - now) < 30
        assert "sub" in claims or "sid" in claims
        assert claims["events"] == {LOGOUT_EVENT: {}}
        assert "nonce" not in claims
        assert claims["jti"] not in [seen["jti"] for seen in self.posts]
        self.posts.append(claims)
        return [name for name, session in self.sessions.items()
                if session["sid"] == claims.get("sid", session["sid"])
                and session["sub"] == claims.get("sub", session["sub"])]

    def is_signed_in(self, name):
        return name in self.sessions


class Handler(http.server.BaseHTTPRequestHandler):
    application = None
    protocol_version = "HTTP/1.0"

    def log_message(self, *_):
        pass

    def reply(self, status, text="", **headers):
        body = f"<!doctype html><title>{self.application.client}</title><p>{text}</p>".encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Cache-Control", "no-store")
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def session(self):
        cookie = http.cookies.SimpleCookie(self.headers.get("Cookie", "")).get(self.application.cookie)
        return cookie.value if cookie and cookie.value in self.application.sessions else None

    def do_GET(self):
        application = self.application
        address = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(address.query))
        if address.path == "/login":
            self.reply(303, Location=application.login_url())
        elif address.path == "/callback":
            name = application.finish(query)
            self.reply(303, Location="/", Set_Cookie=f"{application.cookie}={name}; Path=/; HttpOnly; SameSite=Lax")
        elif address.path == "/bye":
            # Front-Channel Logout §3: the RP checks iss and sid against its session.
            name = self.session()
            session = application.sessions.get(name, {})
            application.frames.append(query)
            if query.get("iss") == application.issuer and session.get("sid") == query.get("sid"):
                application.sessions.pop(name, None)
            self.reply(200, "signed out here")
        elif address.path == "/":
            name = self.session()
            self.reply(200, f"signed in as {application.sessions[name]['sub']}" if name else "nobody is signed in")
        else:
            self.reply(404)

    def do_POST(self):
        form = dict(urllib.parse.parse_qsl(self.rfile.read(int(self.headers["Content-Length"])).decode()))
        if self.path != "/backchannel" or "Cookie" in self.headers:
            return self.reply(404)
        if self.application.answer:
            return self.reply(*self.application.answer)
        try:
            ended = self.application.judge(form["logout_token"])
        except Exception as error:  # noqa: BLE001 (whatever is wrong with a token is answered the same)
            return self.reply(400, json.dumps({"error": "invalid_request", "error_description": repr(error)}))
        for name in ended:
            self.application.sessions.pop(name, None)
        return self.reply(200)
