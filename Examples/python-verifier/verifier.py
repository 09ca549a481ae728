"""A verifier in another language, made of libraries that we did not write: it needs the issuer's JWKS and its token status
list, and nothing of ours. It prints each second whether the token of a service still counts."""

import base64
import os
import time
import zlib

import requests
from authlib.integrations.requests_client import OAuth2Session
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

ALGORITHMS = ["ES256", "RS256", "EdDSA"]
SECONDS = 5


class Refused(Exception):
    """The token does not count."""


class Verifier:
    """Verifies JWT access tokens (RFC 9068 §4) and looks each up in its status list (draft-ietf-oauth-status-list)."""

    def __init__(self, issuer, audience):
        self.issuer, self.audience = issuer, audience
        metadata = self.get(f"{issuer}/.well-known/oauth-authorization-server").json()
        assert metadata["issuer"] == issuer, "the metadata is another issuer's"
        self.keys = KeySet.import_key_set(self.get(metadata["jwks_uri"]).json())
        self.lists = {}

    @staticmethod
    def get(url, **headers):
        answer = requests.get(url, headers=headers, timeout=SECONDS, allow_redirects=False)
        answer.raise_for_status()
        return answer

    def claims(self, token, type_, **expected):
        """The claims of a JWT that the issuer signed, of this type and with these claims."""
        decoded = jwt.decode(token, self.keys, algorithms=ALGORITHMS)
        if decoded.header.get("typ") not in (type_, f"application/{type_}"):
            raise Refused("it is another kind of token")
        expected = {name: {"essential": True, "value": value} for name, value in expected.items()}
        jwt.JWTClaimsRegistry(leeway=5, exp={"essential": True}, **expected).validate(decoded.claims)
        return decoded.claims

    def status_list(self, uri):
        """The bits of a list, from memory until its `ttl` is over."""
        if not uri.startswith(self.issuer + "/"):
            raise Refused("its status list is not the issuer's")
        fetched, ttl, bits, data = self.lists.get(uri, (0, 0, 0, b""))
        if time.monotonic() - fetched >= ttl:
            text = self.get(uri, Accept="application/statuslist+jwt").text
            claims = self.claims(text, "statuslist+jwt", sub=uri)
            packed = claims["status_list"]["lst"]
            data = zlib.decompress(base64.urlsafe_b64decode(packed + "=" * (-len(packed) % 4)))
            bits = claims["status_list"]["bits"]
            ttl = claims.get("ttl", 0)
            self.lists[uri] = (time.monotonic(), ttl, bits, data)
        return bits, data

    def verify(self, token):
        """The claims of a token that counts; `Refused` otherwise."""
        try:
            claims = self.claims(token, "at+jwt", iss=self.issuer, aud=self.audience)
        except (JoseError, ValueError) as error:
            raise Refused(f"{error}") from error
        reference = claims["status"]["status_list"]
        bits, data = self.status_list(reference["uri"])
        position = reference["idx"] * bits
        if position // 8 >= len(data):
            raise Refused("its status list does not have its index")
        status = data[position // 8] >> (position % 8) & ((1 << bits) - 1)
        if status != 0:
            raise Refused(f"its status is {status}: revoked")
        return claims


def main():
    issuer, audience = os.environ["ISSUER"], os.environ["API_AUDIENCE"]
    service = OAuth2Session(os.environ["SERVICE_ID"], os.environ["SERVICE_SECRET"], scope="orders:read")
    token = service.fetch_token(f"{issuer}/token", grant_type="client_credentials", resource=audience)["access_token"]
    verifier = Verifier(issuer, audience)
    while True:
        moment = time.strftime("%H:%M:%S")
        try:
            claims = verifier.verify(token)
            print(f"{moment} verifier.py: accepted, from {claims['client_id']} with {claims['scope']}")
        except Refused as reason:
            print(f"{moment} verifier.py: refused: {reason}")
        time.sleep(1)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        pass
