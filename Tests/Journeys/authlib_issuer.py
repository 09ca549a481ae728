"""An issuer that we did not write: Authlib's authorization server on the standard library's HTTP server.

Code with PKCE and ID tokens, refresh, client credentials, device flow, revocation; secrets and private_key_jwt.
"""

import http.server
import json
import threading
import time
import urllib.parse
from collections import defaultdict

from authlib.oauth2.rfc6749 import AuthorizationServer, OAuth2Payload, OAuth2Request, grants
from authlib.oauth2.rfc6750 import BearerTokenGenerator
from authlib.oauth2.rfc7009 import RevocationEndpoint
from authlib.oauth2.rfc7523 import JWTBearerClientAssertion
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oauth2.rfc8628 import DeviceAuthorizationEndpoint, DeviceCodeGrant
from authlib.oidc.core import OpenIDCode, UserInfo
from authlib.common.security import generate_token
from joserfc.jwk import KeySet, RSAKey


class Payload(OAuth2Payload):
    def __init__(self, fields):
        self.lists = defaultdict(list)
        for name, value in fields:
            self.lists[name].append(value)

    @property
    def data(self):
        return {name: values[0] for name, values in self.lists.items()}

    @property
    def datalist(self):
        return self.lists


class Request(OAuth2Request):
    def __init__(self, method, url, fields, headers):
        super().__init__(method, url, headers=headers)
        self.payload = Payload(fields)
        self.query = Payload(urllib.parse.parse_qsl(urllib.parse.urlsplit(url).query))

    @property
    def args(self):
        return self.query.data

    @property
    def form(self):
        return self.payload.data


class Client:
    def __init__(self, client_id, methods, grant_types, secret="", redirect_uri=None, keys=None):
        self.client_id, self.methods, self.grant_types = client_id, methods, grant_types
        self.secret, self.redirect_uri, self.keys = secret, redirect_uri, keys
        self.id_token_signed_response_alg = "RS256"
        self.client_metadata = {"id_token_signed_response_alg": "RS256"}

    def get_client_id(self):
        return self.client_id

    def get_default_redirect_uri(self):
        return self.redirect_uri

    def get_allowed_scope(self, scope):
        return scope or ""

    def check_redirect_uri(self, redirect_uri):
        return redirect_uri == self.redirect_uri

    def check_client_secret(self, client_secret):
        return bool(self.secret) and client_secret == self.secret

    def check_endpoint_auth_method(self, method, endpoint):
        return method in self.methods

    def check_response_type(self, response_type):
        return response_type == "code"

    def check_grant_type(self, grant_type):
        return grant_type in self.grant_types


class Record(dict):
    """A stored code, token or device credential; Authlib asks by methods, and by attributes for PKCE."""

    def __getattr__(self, name):
        if name.startswith("get_"):
            return lambda: self.get(name.removeprefix("get_"))
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None

    def is_expired(self):
        return time.time() >= self["expires_at"]

    def is_revoked(self):
        return self.get("revoked", False)

    def check_client(self, client):
        return self["client_id"] == client.client_id


class Issuer(AuthorizationServer):
    """Everything in memory. `approve` plays the person at the device."""

    def __init__(self, clients):
        super().__init__()
        self.clients = {client.client_id: client for client in clients}
        self.codes, self.tokens, self.devices, self.identifiers, self.seen = {}, [], {}, set(), []
        self.key = RSAKey.generate_key(2048, {"kid": "authlib-1", "use": "sig", "alg": "RS256"})
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler(self))
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.assemble()

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    def assemble(self):
        issuer = self
        generator = BearerTokenGenerator(
            lambda **_: generate_token(42), lambda **_: generate_token(48), lambda client, grant_type: 600)
        self.register_token_generator("default", generator)

        class Code(grants.AuthorizationCodeGrant):
            TOKEN_ENDPOINT_AUTH_METHODS = ["client_secret_basic", "client_secret_post", "client_assertion_jwt", "none"]

            def save_authorization_code(self, code, request):
                data = request.payload.data
                issuer.codes[code] = Record(
                    code=code, client_id=request.client.client_id, redirect_uri=request.payload.redirect_uri,
                    scope=request.payload.scope, user=request.user, nonce=data.get("nonce"), auth_time=int(time.time()),
                    code_challenge=data.get("code_challenge"),
                    code_challenge_method=data.get("code_challenge_method"), expires_at=time.time() + 60)

            def query_authorization_code(self, code, client):
                found = issuer.codes.get(code)
                return found if found and found.check_client(client) and not found.is_expired() else None

            def delete_authorization_code(self, authorization_code):
                del issuer.codes[authorization_code["code"]]

            def authenticate_user(self, authorization_code):
                return authorization_code["user"]

        class Identity(OpenIDCode):
            def exists_nonce(self, nonce, request):
                return any(code["nonce"] == nonce for code in issuer.codes.values())

            def resolve_client_private_key(self, client):
                return issuer.key

            def get_client_algorithm(self, client):
                return "RS256"

            def get_encode_header(self, client):
                return {"alg": "RS256", "kid": "authlib-1"}

            def get_client_claims(self, client):
                return {"iss": issuer.url}

            def get_compatible_claims(self, request):
                now = int(time.time())
                return {"iss": issuer.url, "aud": [request.client.client_id], "iat": now, "exp": now + 600}

            def generate_user_info(self, user, scope):
                return UserInfo(sub=user)

        class Refresh(grants.RefreshTokenGrant):
            TOKEN_ENDPOINT_AUTH_METHODS = Code.TOKEN_ENDPOINT_AUTH_METHODS
            INCLUDE_NEW_REFRESH_TOKEN = True

            def authenticate_refresh_token(self, refresh_token):
                found = issuer.find(refresh_token)
                return found if found and not found.is_revoked() else None

            def authenticate_user(self, refresh_token):
                return refresh_token["user"]

            def revoke_old_credential(self, refresh_token):
                refresh_token["revoked"] = True

        class Service(grants.ClientCredentialsGrant):
            TOKEN_ENDPOINT_AUTH_METHODS = Code.TOKEN_ENDPOINT_AUTH_METHODS

        class Device(DeviceCodeGrant):
            def query_device_credential(self, device_code):
                return issuer.devices.get(device_code)

            def query_user_grant(self, user_code):
                return next(d for d in issuer.devices.values() if d["user_code"] == user_code).get("decision")

            def should_slow_down(self, credential):
                credential["polls"] = credential.get("polls", 0) + 1
                return credential["polls"] == credential.get("slow_at")

        class DeviceStart(DeviceAuthorizationEndpoint):
            INTERVAL = 1

            def get_verification_uri(self):
                return issuer.url + "/activate"

            def save_device_credential(self, client_id, scope, data):
                issuer.devices[data["device_code"]] = Record(
                    client_id=client_id, scope=scope, expires_at=time.time() + data["expires_in"], **data)

        class Revoke(RevocationEndpoint):
            CLIENT_AUTH_METHODS = Code.TOKEN_ENDPOINT_AUTH_METHODS

            def query_token(self, token_string, token_type_hint):
                return issuer.find(token_string)

            def revoke_token(self, token, request):
                token["revoked"] = True

        class Assertion(JWTBearerClientAssertion):
            def get_audiences(self):
                return [issuer.url]

            def validate_jti(self, claims, jti):
                if jti in issuer.identifiers:
                    return False
                issuer.identifiers.add(jti)
                return True

            def resolve_client_public_key(self, client):
                return client.keys

        self.register_grant(Code, [CodeChallenge(required=True), Identity()])
        self.register_grant(Device, [Identity()])
        for grant in (Refresh, Service):
            self.register_grant(grant)
        self.register_endpoint(DeviceStart)
        self.register_endpoint(Revoke)
        self.register_client_auth_method("client_assertion_jwt", Assertion())

    def find(self, text):
        return next((t for t in self.tokens if text in (t["access_token"], t.get("refresh_token"))), None)

    def approve(self, user_code, user="ada", allowed=True):
        """Authlib's answer to the grant: the person and whether they agreed."""
        next(d for d in self.devices.values() if d["user_code"] == user_code)["decision"] = (user, allowed)

    def query_client(self, client_id):
        return self.clients.get(client_id)

    def save_token(self, token, request):
        self.tokens.append(
            Record(client_id=request.client.client_id, user=request.user, expires_at=time.time() + 600, **token))

    def send_signal(self, name, *args, **kwargs):
        pass

    def create_oauth2_request(self, request):
        return request

    def handle_response(self, status, body, headers):
        return status, body, dict(headers)

    def metadata(self):
        return {
            "issuer": self.url, "authorization_endpoint": self.url + "/authorize", "token_endpoint": self.url + "/token",
            "jwks_uri": self.url + "/jwks", "revocation_endpoint": self.url + "/revoke",
            "device_authorization_endpoint": self.url + "/device", "userinfo_endpoint": self.url + "/userinfo",
        }

    def route(self, method, request):
        path = urllib.parse.urlsplit(request.uri).path
        self.seen.append(path)
        if path == "/.well-known/openid-configuration":
            return 200, self.metadata(), {}
        if path == "/jwks":
            return 200, KeySet([self.key]).as_dict(private=False), {}
        if path == "/authorize":
            # The person agrees at once.
            return self.create_authorization_response(
                request, grant_user="ada", grant=self.get_consent_grant(request, "ada"))
        if path == "/userinfo":
            token = self.find(request.headers.get("Authorization", "").removeprefix("Bearer "))
            if not token or token.is_revoked():
                return 401, {}, {"WWW-Authenticate": 'Bearer error="invalid_token"'}
            return 200, {"sub": token["user"]}, {}
        endpoints = {"/device": "device_authorization", "/revoke": "revocation"}
        if method == "POST" and path == "/token":
            return self.create_token_response(request)
        if method == "POST" and path in endpoints:
            return self.create_endpoint_response(endpoints[path], request)
        return 404, {}, {}


def handler(issuer):
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self, method):
            length = int(self.headers.get("Content-Length") or 0)
            body = self.rfile.read(length).decode()
            url = issuer.url + self.path
            text = body if method == "POST" else urllib.parse.urlsplit(url).query
            request = Request(method, url, urllib.parse.parse_qsl(text), dict(self.headers.items()))
            status, content, headers = issuer.route(method, request)
            data = content.encode() if isinstance(content, str) else json.dumps(content).encode()
            self.send_response(status)
            for name, value in {"Content-Type": "application/json", **headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def do_GET(self):
            self.answer("GET")

        def do_POST(self):
            self.answer("POST")

        def log_message(self, *_):
            pass

    return Handler
