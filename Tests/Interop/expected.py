"""What is exercised: written down, so that a pair which vanishes fails instead of passing unseen.

test_support.py compares this with what our side and the peers say and do.
"""

PEERS = ["panva", "pyjwt", "joserfc", "jwcrypto"]

ALL = set(PEERS)

# Our signature algorithms: the key that each takes, and the peers that have it.
SIGNATURES = {
    "HS256": ("oct256", ALL),
    "RS256": ("RSA", ALL),
    "ES256": ("P-256", ALL),
    "EdDSA": ("Ed25519", ALL),
}

# RFC 7638 thumbprints by kind of key; PyJWT computes none.
THUMBPRINTS = {kind: ALL - {"pyjwt"} for kind in ("oct256", "RSA", "P-256", "Ed25519")}


def algorithm_of(kind):
    """A signature algorithm that takes this kind of key."""
    return next(alg for alg, (taken, _) in SIGNATURES.items() if taken == kind)
