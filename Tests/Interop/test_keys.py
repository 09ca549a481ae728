"""Keys both ways: private JWKs, PEM, and RFC 7638 thumbprints."""

import pytest

import expected
import peers

SIGNING = [(alg, name) for alg, (_, having) in expected.SIGNATURES.items() for name in expected.PEERS if name in having]
THUMBPRINTS = [
    (kind, name) for kind, having in expected.THUMBPRINTS.items() for name in expected.PEERS if name in having
]
PEM = [(kind, name) for kind, (_, having) in expected.PEM.items() for name in expected.PEERS if name in having]
KEY_MEMBERS = "kty crv n e d p q dp dq qi x y".split()


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
        assert ours.thumbprint_uri(public) == peer.thumbprint_uri(public)
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


def numbers(jwk):
    """What makes the key, without its name and purpose."""
    return {name: jwk[name] for name in KEY_MEMBERS if name in jwk}


@pytest.mark.parametrize("kind, name", PEM)
def test_pem_moves_both_ways(kind, name, everyone, ours, keys, exercised):
    alg, _ = expected.PEM[kind]
    peer = everyone[name]
    for maker, reader, direction in ((ours, peer, ">"), (peer, ours, "<")):
        made_for = {"P-384": "ECDH-ES", "P-521": "ECDH-ES"}.get(kind, alg) if maker is ours else alg
        private = numbers(keys(maker, kind, made_for))
        for jwk in (private, peers.public_half(private)):
            label = "PRIVATE KEY" if "d" in jwk else "PUBLIC KEY"
            text = maker.to_pem(jwk, alg)
            assert text.startswith(f"-----BEGIN {label}-----\n")
            assert numbers(reader.from_pem(text, alg)) == jwk
            # What one writes and the other reads, the other writes again as the same text.
            assert reader.to_pem(jwk, alg).split() == text.split()
        exercised(f"PEM {kind}", peer, direction)


@pytest.mark.parametrize("kind, name", PEM)
def test_spoiled_pem_of_theirs_is_refused(kind, name, everyone, ours, keys):
    alg, _ = expected.PEM[kind]
    text = everyone[name].to_pem(numbers(keys(everyone[name], kind, alg)), alg)
    lines = text.split("\n")
    for spoiled in (
        text.replace("PRIVATE", "PUBLIC"), text.replace("BEGIN", "BEGINN"), "\n".join(lines[:1] + lines[2:]),
        text.replace(lines[1], lines[1][4:]), text[: text.index("-----END")], text.replace(lines[1][:2], "AA", 1),
    ):
        assert spoiled != text
        with pytest.raises(peers.Refused):
            ours.from_pem(spoiled, alg)
    assert ours.from_pem(text, alg)


@pytest.mark.parametrize("name", expected.PEERS)
@pytest.mark.parametrize("kind", expected.PEM)
def test_peer_has_pem_as_the_table_says(kind, name, everyone, keys):
    alg, having = expected.PEM[kind]
    try:
        works = bool(everyone[name].to_pem(numbers(keys(everyone[name], kind, alg)), alg))
    except peers.Refused:
        works = False
    assert works == (name in having)
