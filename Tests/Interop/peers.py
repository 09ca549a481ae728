"""The five implementations behind one face: ours (JOSEPeer), panva's jose, PyJWT, joserfc, jwcrypto.

Keys travel as JWK dictionaries. Each method does its work in the library that the class is named for and raises whatever
that library raises; `Refused` wraps it all, so that a test can say "refused by both".
"""

import base64
import json
import os
import pathlib
import subprocess
import time
import warnings

ISSUER = "https://issuer.example"
AUDIENCE = "https://api.example"


class Refused(Exception):
    """The peer said no."""


def claims():
    """Claims of a fresh token, with members that are easily mangled on the way."""
    now = int(time.time())
    return {
        "iss": ISSUER, "aud": [AUDIENCE, "https://other.example"], "sub": "zoë \u2028 \U0001f511 \"\\/\u0001",
        "iat": now, "nbf": now, "exp": now + 600, "jti": "t-1", "scope": "a b",
        "nested": {"empty": {}, "list": [None, True, False, 0, -1, 9007199254740991, ""]},
    }


def decode(text):
    """The bytes of a base64url text."""
    return bytearray(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))


def encode(data):
    """The base64url text of bytes."""
    return base64.urlsafe_b64encode(bytes(data)).rstrip(b"=").decode()


def flipped(token):
    """The token with one bit flipped in one of its parts, for each part that is not empty."""
    parts = token.split(".")
    for index, part in enumerate(parts):
        data = decode(part)
        if not data:
            continue
        # In JSON a letter or digit changes into another: the attacked character is all that differs.
        places = range(len(data) // 2, len(data))
        at = next((place for place in places if chr(data[place]).isalnum()), len(data) // 2)
        data[at] ^= 1
        yield ".".join(parts[:index] + [encode(data)] + parts[index + 1:])


def public_half(jwk):
    """The public members of a key; a symmetric key stays as it is."""
    names = {"RSA": "kty n e", "EC": "kty crv x y", "OKP": "kty crv x", "AKP": "kty alg pub", "oct": "kty k"}
    return {name: jwk[name] for name in names[jwk["kty"]].split()}


def refusing(method):
    """Turns everything that the library raises into Refused."""
    def wrapped(self, *arguments, **named):
        try:
            with warnings.catch_warnings():
                # joserfc warns of EdDSA, which RFC 9864 deprecates.
                warnings.simplefilter("ignore")
                return method(self, *arguments, **named)
        except Exception as error:  # noqa: BLE001 - every library has its own family of errors
            raise Refused(f"{self.name}: {type(error).__name__}: {error}") from error
    return wrapped


class Peer:
    """What a peer can do; an operation that it lacks is refused."""

    name = ""

    def lacks(self, *_, **__):
        raise Refused(f"{self.name} lacks this")

    keygen = sign = verify = sign_json = verify_json = encrypt = decrypt = thumbprint = thumbprint_uri = to_pem = from_pem = lacks

    def close(self):
        pass


class LinePeer(Peer):
    """A process that answers one JSON line with another."""

    def __init__(self, command, **environment):
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8", bufsize=1,
            env={**os.environ, **environment},
        )

    def ask(self, op, **arguments):
        self.process.stdin.write(json.dumps({"op": op, **arguments}, ensure_ascii=False) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.name} died during {op}")
        answer = json.loads(line)
        if "error" in answer:
            raise Refused(f"{self.name}: {answer['error']['code']}: {answer['error']['reason']}")
        return answer["result"]

    def close(self):
        self.process.stdin.close()
        self.process.wait(timeout=10)

    def sign(self, jwk, alg, content):
        return self.ask("sign", jwk=jwk, alg=alg, claims=content)

    def verify(self, jwk, alg, token):
        return self.ask("verify", jwk=jwk, alg=alg, token=token, issuer=ISSUER, audience=AUDIENCE)

    def sign_json(self, jwk, alg, text):
        return self.ask("signJSON", jwk=jwk, alg=alg, text=text)

    def verify_json(self, jwk, alg, jws):
        return self.ask("verifyJSON", jwk=jwk, alg=alg, jws=jws)

    def encrypt(self, jwk, alg, enc, text, **header):
        return self.ask("encrypt", jwk=jwk, alg=alg, enc=enc, text=text, **header)

    def decrypt(self, jwk, alg, enc, token):
        return self.ask("decrypt", jwk=jwk, alg=alg, enc=enc, token=token)

    def thumbprint(self, jwk):
        return self.ask("thumbprint", jwk=jwk)

    def thumbprint_uri(self, jwk):
        return self.ask("thumbprintURI", jwk=jwk)

    def to_pem(self, jwk, alg):
        return self.ask("toPEM", jwk=jwk, alg=alg)

    def from_pem(self, pem, alg):
        return self.ask("fromPEM", pem=pem, alg=alg)


class Signet(LinePeer):
    """Ours."""

    name = "signet"

    def __init__(self, binary):
        super().__init__([binary])
        self.version = "this tree"

    def keygen(self, kind, alg, enc=None):
        return self.ask("keygen", kind=kind, alg=alg, enc=enc)

    def open_nested(self, token, encryption_jwk, encryption_alg, enc, jwk, alg):
        return self.ask(
            "openNested", token=token, encryptionJWK=encryption_jwk, encryptionAlg=encryption_alg, enc=enc, jwk=jwk,
            alg=alg, issuer=ISSUER, audience=AUDIENCE,
        )


class Panva(LinePeer):
    """panva's jose, on Node."""

    name = "panva"

    def __init__(self):
        script = pathlib.Path(__file__).with_name("panva_jose.cjs")
        local = script.parents[2] / ".venv/node/node_modules"
        path = [os.environ.get("NODE_PATH", ""), "/usr/share/nodejs", str(local)]
        super().__init__(["node", str(script)], NODE_PATH=":".join(filter(None, path)))
        self.version = self.ask("version")

    def keygen(self, kind, alg, enc=None):
        return self.ask("keygen", kind=kind)


class PyJWT(Peer):
    """PyJWT, whose keys are those of the package cryptography."""

    name = "pyjwt"

    def __init__(self):
        import jwt
        self.jwt = jwt
        self.version = jwt.__version__

    def family(self, alg):
        return self.jwt.algorithms.get_default_algorithms()[alg]

    @refusing
    def keygen(self, kind, alg, enc=None):
        return self.family(alg).to_jwk(native_key(kind), as_dict=True)

    @refusing
    def sign(self, jwk, alg, content):
        return self.jwt.encode(content, self.family(alg).from_jwk(jwk), algorithm=alg)

    @refusing
    def verify(self, jwk, alg, token):
        required = {"require": ["exp", "iss", "aud"]}
        return self.jwt.decode(
            token, self.family(alg).from_jwk(jwk), algorithms=[alg], issuer=ISSUER, audience=AUDIENCE, options=required
        )

    @refusing
    def to_pem(self, jwk, alg):
        return pem_of(self.family(alg).from_jwk(jwk))

    @refusing
    def from_pem(self, pem, alg):
        family = self.family(alg)
        return family.to_jwk(family.prepare_key(pem), as_dict=True)


class Joserfc(Peer):
    """joserfc."""

    name = "joserfc"

    def __init__(self):
        import joserfc
        from joserfc import jwe, jwk, jws, jwt
        self.jwe, self.jwk, self.jws, self.jwt = jwe, jwk, jws, jwt
        self.version = joserfc.__version__

    @refusing
    def keygen(self, kind, alg, enc=None):
        kty, size = joserfc_kind(kind)
        return self.jwk.generate_key(kty, size).as_dict(private=True)

    @refusing
    def sign(self, jwk, alg, content):
        key = self.jwk.import_key(jwk)
        return self.jwt.encode({"alg": alg, "typ": "JWT"}, content, key, algorithms=[alg])

    @refusing
    def verify(self, jwk, alg, token):
        decoded = self.jwt.decode(token, self.jwk.import_key(jwk), algorithms=[alg])
        registry = self.jwt.JWTClaimsRegistry(
            iss={"essential": True, "value": ISSUER}, aud={"essential": True, "value": AUDIENCE},
            exp={"essential": True},
        )
        registry.validate(decoded.claims)
        return decoded.claims

    @refusing
    def sign_json(self, jwk, alg, text):
        return self.jws.serialize_json({"protected": {"alg": alg}}, text, self.jwk.import_key(jwk), algorithms=[alg])

    @refusing
    def verify_json(self, jwk, alg, jws):
        return self.jws.deserialize_json(jws, self.jwk.import_key(jwk), algorithms=[alg]).payload.decode()

    @refusing
    def encrypt(self, jwk, alg, enc, text, **header):
        key = self.jwk.import_key(jwk)
        return self.jwe.encrypt_compact({"alg": alg, "enc": enc, **header}, text.encode(), key, algorithms=[alg, enc])

    @refusing
    def decrypt(self, jwk, alg, enc, token):
        key = self.jwk.import_key(jwk)
        return self.jwe.decrypt_compact(token, key, algorithms=[alg, enc]).plaintext.decode()

    @refusing
    def thumbprint(self, jwk):
        return self.jwk.import_key(jwk).thumbprint()

    @refusing
    def thumbprint_uri(self, jwk):
        return self.jwk.import_key(jwk).thumbprint_uri()

    @refusing
    def to_pem(self, jwk, alg):
        return self.jwk.import_key(jwk).as_pem(private="d" in jwk).decode()

    @refusing
    def from_pem(self, pem, alg):
        key = self.jwk.import_key(pem, key_type_of(alg))
        return key.as_dict(private="PRIVATE" in pem)


class Jwcrypto(Peer):
    """jwcrypto."""

    name = "jwcrypto"

    def __init__(self):
        import importlib.metadata
        from jwcrypto import jwe, jwk, jws, jwt
        self.jwe, self.jwk, self.jws, self.jwt = jwe, jwk, jws, jwt
        self.version = importlib.metadata.version("jwcrypto")

    @refusing
    def keygen(self, kind, alg, enc=None):
        return self.jwk.JWK.generate(**jwcrypto_kind(kind)).export(as_dict=True)

    @refusing
    def sign(self, jwk, alg, content):
        token = self.jwt.JWT(header={"alg": alg, "typ": "JWT"}, claims=content, algs=[alg])
        token.make_signed_token(self.jwk.JWK(**jwk))
        return token.serialize()

    @refusing
    def verify(self, jwk, alg, token):
        checks = {"iss": ISSUER, "aud": AUDIENCE, "exp": None}
        decoded = self.jwt.JWT(
            jwt=token, key=self.jwk.JWK(**jwk), algs=[alg], check_claims=checks, expected_type="JWS"
        )
        return json.loads(decoded.claims)

    @refusing
    def sign_json(self, jwk, alg, text):
        token = self.jws.JWS(text.encode())
        token.allowed_algs = [alg]
        token.add_signature(self.jwk.JWK(**jwk), protected=json.dumps({"alg": alg}))
        return json.loads(token.serialize(compact=False))

    @refusing
    def verify_json(self, jwk, alg, jws):
        token = self.jws.JWS()
        token.allowed_algs = [alg]
        token.deserialize(json.dumps(jws), self.jwk.JWK(**jwk))
        return token.payload.decode()

    @refusing
    def encrypt(self, jwk, alg, enc, text, **header):
        token = self.jwe.JWE(text.encode(), protected={"alg": alg, "enc": enc, **header}, algs=[alg, enc])
        token.add_recipient(self.jwk.JWK(**jwk))
        return token.serialize(compact=True)

    @refusing
    def decrypt(self, jwk, alg, enc, token):
        opened = self.jwe.JWE(algs=[alg, enc])
        opened.deserialize(token, key=self.jwk.JWK(**jwk))
        return opened.payload.decode()

    @refusing
    def thumbprint(self, jwk):
        return self.jwk.JWK(**jwk).thumbprint()

    @refusing
    def thumbprint_uri(self, jwk):
        return self.jwk.JWK(**jwk).thumbprint_uri()

    @refusing
    def to_pem(self, jwk, alg):
        return self.jwk.JWK(**jwk).export_to_pem(private_key="d" in jwk, password=None).decode()

    @refusing
    def from_pem(self, pem, alg):
        jwk = self.jwk.JWK.from_pem(pem.encode()).export(as_dict=True)
        jwk.pop("kid", None)
        return jwk


def native_key(kind):
    """A new key of the package cryptography, or random bytes."""
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
    curves = {"P-256": ec.SECP256R1, "P-384": ec.SECP384R1, "P-521": ec.SECP521R1}
    if kind.startswith("oct"):
        return os.urandom(int(kind[3:]) // 8)
    if kind == "RSA":
        return rsa.generate_private_key(65537, 2048)
    if kind == "Ed25519":
        return ed25519.Ed25519PrivateKey.generate()
    return ec.generate_private_key(curves[kind]())


def pem_of(key):
    """PKCS #8 of a private key, SPKI of a public one."""
    from cryptography.hazmat.primitives import serialization as form
    if hasattr(key, "private_bytes"):
        return key.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, form.NoEncryption()).decode()
    return key.public_bytes(form.Encoding.PEM, form.PublicFormat.SubjectPublicKeyInfo).decode()


def joserfc_kind(kind):
    if kind.startswith("oct"):
        return "oct", int(kind[3:])
    if kind == "RSA":
        return "RSA", 2048
    if kind in ("Ed25519", "X25519"):
        return "OKP", kind
    return "EC", kind


def jwcrypto_kind(kind):
    if kind.startswith("oct"):
        return {"kty": "oct", "size": int(kind[3:])}
    if kind == "RSA":
        return {"kty": "RSA", "size": 2048}
    if kind in ("Ed25519", "X25519"):
        return {"kty": "OKP", "crv": kind}
    if kind.startswith("ML-DSA"):
        return {"kty": "AKP", "alg": kind}
    return {"kty": "EC", "crv": kind}


def key_type_of(alg):
    """The `kty` that an algorithm needs, where PEM does not say it."""
    if alg[:2] in ("RS", "PS"):
        return "RSA"
    if alg.startswith("ES"):
        return "EC"
    return "OKP"
