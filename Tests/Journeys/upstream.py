"""Providers to log in with, and a server that lets people come from them."""

import functools
import http.server
import json
import threading
import time
import urllib.parse

from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, RSAKey

from signet import Signet

CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


def downstream(binary, folder, upstreams, **options):
    """A Signet that offers these providers, with an application that anybody may try."""
    config = folder / "signet.yaml"
    # JSON is YAML.
    config.write_text(json.dumps({"upstreams": upstreams}, indent=2))
    return Signet(binary, folder / "downstream", arguments=["--config", str(config)], **options)


def register_application(server):
    server.run(
        "client", "create", "--id", "app", "--name", "Field Notes", "--type", "public",
        "--redirect-uri", "http://127.0.0.1/callback", "--scope", "openid profile email")


@functools.cache
def application():
    """An application that takes whatever comes; it runs as long as the tests do."""
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"the application")

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}/callback"


def authorize_url(server, **more):
    fields = {
        "response_type": "code", "client_id": "app", "redirect_uri": application(), "scope": "openid profile email",
        "state": "application-state", "nonce": "n", "code_challenge": CHALLENGE, "code_challenge_method": "S256", **more}
    return f"{server.issuer}/authorize?{urllib.parse.urlencode(fields)}"


class AppleLike:
    """What Apple documents: `response_mode=form_post` from its own site, a client secret that is an ES256 JWT, the name once
    and beside the code, `email_verified` as a text, a private relay address."""

    def __init__(self, team="TEAM123456", key_id="KEY1234567"):
        self.team, self.key_id = team, key_id
        self.client_key = ECKey.generate_key("P-256")
        self.key = RSAKey.generate_key(2048, {"kid": "apple-1", "use": "sig", "alg": "RS256"})
        self.codes, self.secrets, self.cookies = {}, [], []
        self.claims = {
            "sub": "001234.abcdef.0001", "email": "x7k2@privaterelay.appleid.com", "email_verified": "true",
            "is_private_email": "true"}
        self.user = {"name": {"firstName": "Ada", "lastName": "Lovelace"}, "email": "x7k2@privaterelay.appleid.com"}
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self.handler())
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    def private_key_pem(self):
        return self.client_key.as_pem(private=True).decode()

    def metadata(self):
        return {
            "issuer": self.url, "authorization_endpoint": self.url + "/auth/authorize",
            "token_endpoint": self.url + "/auth/token", "jwks_uri": self.url + "/auth/keys",
            "response_types_supported": ["code"], "response_modes_supported": ["query", "fragment", "form_post"],
            "id_token_signing_alg_values_supported": ["RS256"], "scopes_supported": ["openid", "email", "name"]}

    def authorize(self, query):
        assert query["response_mode"] == "form_post" and "name" in query["scope"]
        code = f"c{len(self.codes)}.0.abcdef"
        self.codes[code] = query
        fields = {"code": code, "state": query["state"], "user": json.dumps(self.user)}
        inputs = "".join(
            f"<input type='hidden' name='{name}' value='{value.replace(chr(39), '&#39;')}'>"
            for name, value in fields.items())
        return (f"<!doctype html><title>Apple</title><form method='post' action='{query['redirect_uri']}'>{inputs}"
                "<button>Continue as Ada</button></form>")

    def token(self, form):
        query = self.codes.pop(form.get("code"), None)
        secret = jwt.decode(form["client_secret"], self.client_key, algorithms=["ES256"])
        self.secrets.append(secret)
        now = int(time.time())
        claims = secret.claims
        sound = (
            secret.header["kid"] == self.key_id and claims["iss"] == self.team and claims["aud"] == self.url
            and claims["sub"] == form["client_id"] and now <= claims["exp"] <= now + 15_777_000)
        if not sound:
            return 400, {"error": "invalid_client"}
        if not query:
            return 400, {"error": "invalid_grant"}
        token = jwt.encode(
            {"alg": "RS256", "kid": "apple-1"},
            {"iss": self.url, "aud": form["client_id"], "iat": now, "exp": now + 600, "nonce": query["nonce"],
             "nonce_supported": True, **self.claims},
            self.key)
        return 200, {"access_token": "a.b.c", "token_type": "Bearer", "expires_in": 3600, "id_token": token}

    def handler(self):
        provider = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self, status, content):
                is_page = isinstance(content, str)
                data = content.encode() if is_page else json.dumps(content).encode()
                self.send_response(status)
                self.send_header("Content-Type", "text/html" if is_page else "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def do_GET(self):
                parts = urllib.parse.urlsplit(self.path)
                if parts.path == "/.well-known/openid-configuration":
                    return self.answer(200, provider.metadata())
                if parts.path == "/auth/keys":
                    return self.answer(200, KeySet([provider.key]).as_dict(private=False))
                if parts.path == "/auth/authorize":
                    return self.answer(200, provider.authorize(dict(urllib.parse.parse_qsl(parts.query))))
                return self.answer(404, {})

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
                if self.path == "/auth/token":
                    return self.answer(*provider.token(dict(urllib.parse.parse_qsl(body))))
                return self.answer(404, {})

            def log_message(self, *_):
                pass

        return Handler
