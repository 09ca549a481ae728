"""Client credentials as Authlib's documentation has them (Flask OAuth 2.0 server), with RS256 access tokens of RFC 9068, on
gunicorn. One client stands in the program: there is no store.

    SIGNET_BENCH_CLIENT=ID SIGNET_BENCH_SECRET=SECRET gunicorn server:app
"""
import os
import pathlib
import time

from authlib.integrations.flask_oauth2 import AuthorizationServer, ResourceProtector
from authlib.oauth2.rfc6749 import ClientMixin, grants
from authlib.oauth2.rfc9068 import JWTBearerTokenGenerator, JWTBearerTokenValidator
from flask import Flask, jsonify
from joserfc.jwk import KeySet, RSAKey

AUDIENCE = "https://orders.example"
ISSUER = os.environ["SIGNET_BENCH_ISSUER"]
SCOPE = "orders:read"
# A day, so that tokens outlast a run.
LIFETIME = 86400

# Every worker signs with the same key, which the driver made.
PEM = pathlib.Path(os.environ["SIGNET_BENCH_KEY"]).read_text(encoding="utf-8")
KEYS = KeySet([RSAKey.import_key(PEM, {"kid": "bench", "use": "sig", "alg": "RS256"})])


class Client(ClientMixin):
    client_id = os.environ["SIGNET_BENCH_CLIENT"]
    client_secret = os.environ["SIGNET_BENCH_SECRET"]

    def get_client_id(self):
        return self.client_id

    def get_allowed_scope(self, scope):
        return scope if scope in ("", SCOPE) else ""

    def check_client_secret(self, client_secret):
        return client_secret == self.client_secret

    def check_endpoint_auth_method(self, method, endpoint):
        return method == "client_secret_basic"

    def check_grant_type(self, grant_type):
        return grant_type == "client_credentials"

    def get_user_id(self):
        return self.client_id


CLIENT = Client()


class Generator(JWTBearerTokenGenerator):
    def get_jwks(self):
        return KEYS

    def get_audiences(self, client, user, scope):
        return AUDIENCE


class Validator(JWTBearerTokenValidator):
    def get_jwks(self):
        return KEYS


app = Flask(__name__)
server = AuthorizationServer(
    app, query_client=lambda client_id: CLIENT if client_id == CLIENT.client_id else None, save_token=lambda token, request: None
)
server.register_grant(grants.ClientCredentialsGrant)
server.register_token_generator("default", Generator(issuer=ISSUER, expires_generator=lambda client, grant: LIFETIME))
require = ResourceProtector()
require.register_token_validator(Validator(issuer=ISSUER, resource_server=AUDIENCE))


@app.post("/token")
def token():
    return server.create_token_response()


@app.get("/me")
@require(SCOPE)
def me():
    return jsonify(sub=CLIENT.client_id, at=int(time.time()))
