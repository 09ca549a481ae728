"""What is exercised: written down, so that a pair which vanishes fails instead of passing unseen.

test_support.py compares this with what our side and the peers say and do.
"""

PEERS = ["panva", "pyjwt", "joserfc", "jwcrypto"]

ALL = set(PEERS)

# Our signature algorithms: the key that each takes, and the peers that have it. Ed25519 is the name of RFC 9864, which
# panva's jose has from version 6 on; ML-DSA is that of RFC 9964.
SIGNATURES = {
    "HS256": ("oct256", ALL),
    "HS384": ("oct384", ALL),
    "HS512": ("oct512", ALL),
    "RS256": ("RSA", ALL),
    "RS384": ("RSA", ALL),
    "RS512": ("RSA", ALL),
    "PS256": ("RSA", ALL),
    "PS384": ("RSA", ALL),
    "PS512": ("RSA", ALL),
    "ES256": ("P-256", ALL),
    "ES384": ("P-384", ALL),
    "ES512": ("P-521", ALL),
    "EdDSA": ("Ed25519", ALL),
    "Ed25519": ("Ed25519", {"joserfc", "jwcrypto"}),
    "ML-DSA-65": ("ML-DSA-65", {"jwcrypto"}),
    "ML-DSA-87": ("ML-DSA-87", {"jwcrypto"}),
}

# JWS in JSON serialization; PyJWT has the compact one only.
SERIALIZING = ALL - {"pyjwt"}

# Our key management algorithms and the keys that each takes; for dir the content encryption says it.
AGREEMENT = ("P-256", "P-384", "P-521", "X25519")
KEY_MANAGEMENT = {
    "RSA-OAEP": ("RSA",),
    "RSA-OAEP-256": ("RSA",),
    "A128KW": ("oct128",),
    "A256KW": ("oct256",),
    "dir": ("oct",),
    "ECDH-ES": AGREEMENT,
    "ECDH-ES+A128KW": AGREEMENT,
    "ECDH-ES+A256KW": AGREEMENT,
}

# Our content encryption algorithms with the bits of their keys.
CONTENT_ENCRYPTION = {"A128GCM": 128, "A256GCM": 256, "A128CBC-HS256": 256, "A256CBC-HS512": 512}

# PyJWT has no JWE; the others have all of ours, with every key.
ENCRYPTING = ALL - {"pyjwt"}

# RFC 7638 thumbprints and RFC 9278 URIs by kind of key; PyJWT computes none.
THUMBPRINTS = {kind: ALL - {"pyjwt"} for kind in ("oct256", "RSA", "P-256", "P-384", "P-521", "Ed25519")}
THUMBPRINTS["ML-DSA-65"] = {"jwcrypto"}

# Keys that travel in PEM, with an algorithm that takes them in a peer that wants to know, and who reads and writes it.
PEM = {
    "RSA": ("RS256", ALL),
    "P-256": ("ES256", ALL),
    "P-384": ("ES384", ALL),
    "P-521": ("ES512", ALL),
    "Ed25519": ("EdDSA", ALL),
    "X25519": ("ECDH-ES", ALL - {"pyjwt"}),
}


def algorithm_of(kind):
    """A signature algorithm that takes this kind of key."""
    return next(alg for alg, (taken, _) in SIGNATURES.items() if taken == kind)
