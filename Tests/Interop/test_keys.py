"""Keys both ways: private JWKs, and RFC 7638 thumbprints."""

import pytest

import expected
import peers

SIGNING = [(alg, name) for alg, (_, having) in expected.SIGNATURES.items() for name in expected.PEERS if name in having]
THUMBPRINTS = [(kind, name) for kind, having in expected.THUMBPRINTS.items() for name in expected.PEERS if name in having]


@pytest.mark.parametrize("alg, name", SIGNING)
def test_private_keys_move_both_ways(alg, name, everyone, ours, keys, exercised):
    kind, _ = expected.SIGNATURES[alg]
    peer = everyone[name]
    for maker, user, direction in ((ours, peer, ">"), (peer, ours, "<")):
        jwk = keys(maker, kind, alg)
        public = peers.public_half(jwk)
        token = user.sign(jwk, alg, peers.claims())
        assert maker.verify(public, alg, token)["iss"] == peers.ISSUER
        # The half that does not belong to it makes no key, or a key whose signatures are nobody's.
        if "d" in jwk and jwk["kty"] == "EC":
            mixed = {**jwk, "d": keys(user, kind, alg)["d"]}
            with pytest.raises(peers.Refused):
                maker.verify(public, alg, user.sign(mixed, alg, peers.claims()))
        exercised(f"private JWK {alg}", peer, direction)


@pytest.mark.parametrize("kind, name", THUMBPRINTS)
def test_thumbprints_are_the_same(kind, name, everyone, ours, keys, exercised):
    peer = everyone[name]
    alg = expected.algorithm_of(kind)
    for maker in (ours, peer):
        public = peers.public_half(keys(maker, kind, alg))
        assert ours.thumbprint(public) == peer.thumbprint(public)
        assert ours.thumbprint(keys(maker, kind, alg)) == peer.thumbprint(public)
    first, second = (peers.public_half(keys(maker, kind, alg)) for maker in (ours, peer))
    assert ours.thumbprint(first) != peer.thumbprint(second)
    exercised(f"thumbprint {kind}", peer, "=")


@pytest.mark.parametrize("name", expected.PEERS)
def test_peer_has_thumbprints_as_the_table_says(name, everyone, ours, keys):
    public = peers.public_half(keys(ours, "P-256", "ES256"))
    try:
        works = bool(everyone[name].thumbprint(public))
    except peers.Refused:
        works = False
    assert works == (name in expected.THUMBPRINTS["P-256"])
