"""The keys and tokens that all contenders use, drawn anew for each run: nothing secret is kept in the repository.

One key an algorithm, as PEM (PKCS #8 and SubjectPublicKeyInfo), as JWK and, for HMAC, as bytes; one good RFC 9068
access token, and three that must be refused: a flipped bit in the signature, another audience, expired.
Made with pyca/cryptography alone, so that no contender signs the tokens that it is measured with.
"""
import base64
import json
import os

from cryptography.hazmat.primitives import hashes, hmac, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, mldsa, padding, rsa, utils

ISSUER = "https://id.example.org"
AUDIENCE = "https://orders.example"
DAY = 86400

HASHES = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}
CURVES = {"ES256": ec.SECP256R1(), "ES384": ec.SECP384R1(), "ES512": ec.SECP521R1()}


def encode(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unsigned(number, count=None):
    return encode(number.to_bytes(count or (number.bit_length() + 7) // 8, "big"))


def claims(now):
    """The claims of RFC 9068 §2.2, about 300 bytes."""
    return {
        "iss": ISSUER,
        "sub": "5ba552d6-7f0e-4c2b-93c4-5c1c0bb2f3aa",
        "aud": AUDIENCE,
        "exp": now + DAY,
        "iat": now,
        "jti": "dbe39bf3a3ba4238a513f51d6e1691c4",
        "client_id": "s6BhdRkqt3",
        "scope": "openid profile orders:read orders:write",
        "auth_time": now - 600,
        "acr": "urn:example:acr:password",
    }


def make_key(algorithm):
    if algorithm.startswith("HS"):
        return os.urandom(int(algorithm[2:]) // 8)
    if algorithm[:2] in ("RS", "PS"):
        return rsa.generate_private_key(65537, 2048)
    if algorithm in CURVES:
        return ec.generate_private_key(CURVES[algorithm])
    if algorithm == "EdDSA":
        return ed25519.Ed25519PrivateKey.generate()
    if algorithm == "ML-DSA-65":
        return mldsa.MLDSA65PrivateKey.generate()
    raise ValueError(f"no key is known for {algorithm}")


def make_jwk(algorithm, key):
    """The private JWK (RFC 7518 §6, RFC 8037 §2, draft-ietf-cose-dilithium)."""
    members = {"kid": f"bench-{algorithm}", "use": "sig", "alg": algorithm}
    if algorithm.startswith("HS"):
        return {"kty": "oct", "k": encode(key), **members}
    if algorithm[:2] in ("RS", "PS"):
        numbers = key.private_numbers()
        values = {
            "n": numbers.public_numbers.n, "e": numbers.public_numbers.e, "d": numbers.d, "p": numbers.p,
            "q": numbers.q, "dp": numbers.dmp1, "dq": numbers.dmq1, "qi": numbers.iqmp,
        }
        return {"kty": "RSA", **{name: unsigned(value) for name, value in values.items()}, **members}
    if algorithm in CURVES:
        numbers, size = key.private_numbers(), (key.curve.key_size + 7) // 8
        point = numbers.public_numbers
        values = {"x": point.x, "y": point.y, "d": numbers.private_value}
        curve = "P-" + str(key.curve.key_size)
        return {"kty": "EC", "crv": curve, **{n: unsigned(v, size) for n, v in values.items()}, **members}
    public, private = encode(key.public_key().public_bytes_raw()), encode(key.private_bytes_raw())
    if algorithm == "EdDSA":
        return {"kty": "OKP", "crv": "Ed25519", "x": public, "d": private, **members}
    return {"kty": "AKP", "pub": public, "priv": private, **members}


def sign(algorithm, key, message):
    """The signature as RFC 7518 §3, RFC 8037 §3.1 and the ML-DSA draft define it."""
    digest = HASHES.get(algorithm[2:])
    if algorithm.startswith("HS"):
        mac = hmac.HMAC(key, digest)
        mac.update(message)
        return mac.finalize()
    if algorithm.startswith("RS"):
        return key.sign(message, padding.PKCS1v15(), digest)
    if algorithm.startswith("PS"):
        return key.sign(message, padding.PSS(padding.MGF1(digest), padding.PSS.DIGEST_LENGTH), digest)
    if algorithm in CURVES:
        size = (key.curve.key_size + 7) // 8
        r, s = utils.decode_dss_signature(key.sign(message, ec.ECDSA(digest)))
        return r.to_bytes(size, "big") + s.to_bytes(size, "big")
    return key.sign(message)


def verifies(algorithm, key, token):
    """Whether a token that a contender signed has a good signature, in the eyes of pyca/cryptography."""
    signed, _, signature = token.rpartition(".")
    message, signature = signed.encode(), base64.urlsafe_b64decode(signature + "==")
    digest = HASHES.get(algorithm[2:])
    try:
        if algorithm.startswith("HS"):
            return sign(algorithm, key, message) == signature
        public = key.public_key()
        if algorithm.startswith("RS"):
            public.verify(signature, message, padding.PKCS1v15(), digest)
        elif algorithm.startswith("PS"):
            public.verify(signature, message, padding.PSS(padding.MGF1(digest), padding.PSS.AUTO), digest)
        elif algorithm in CURVES:
            half = len(signature) // 2
            numbers = (int.from_bytes(signature[:half], "big"), int.from_bytes(signature[half:], "big"))
            public.verify(utils.encode_dss_signature(*numbers), message, ec.ECDSA(digest))
        else:
            public.verify(signature, message)
        return True
    except Exception:
        return False


def write(folder, algorithm, key, kind, now):
    """Writes the files of one algorithm; `kind` is the `typ` of its tokens."""
    jwk = make_jwk(algorithm, key)
    header = {"alg": algorithm, "typ": kind, "kid": jwk["kid"]}

    def token(payload):
        parts = [encode(json.dumps(part, separators=(",", ":")).encode()) for part in (header, payload)]
        message = ".".join(parts)
        return message + "." + encode(sign(algorithm, key, message.encode()))

    good = claims(now)
    text = token(good)
    signature = bytearray(base64.urlsafe_b64decode(text.rpartition(".")[2] + "=="))
    signature[len(signature) // 2] ^= 1
    files = {
        "jwk": json.dumps(jwk),
        "claims": json.dumps(good, separators=(",", ":")),
        "good": text,
        "flipped": text.rpartition(".")[0] + "." + encode(bytes(signature)),
        "audience": token({**good, "aud": "https://other.example"}),
        "expired": token({**good, "iat": now - 2 * DAY, "exp": now - DAY}),
    }
    if isinstance(key, bytes):
        files["secret"] = key
    else:
        pem = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        files["private.pem"] = key.private_bytes(*pem)
        files["public.pem"] = key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    for name, content in files.items():
        data = content if isinstance(content, bytes) else content.encode()
        with open(os.path.join(folder, f"{algorithm}.{name}"), "wb") as file:
            file.write(data)
