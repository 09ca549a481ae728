"""JWE both ways, for every key management algorithm, key and content encryption; spoiled ones are refused by both."""

import pytest

import expected
import peers

TEXT = "zoë \u2028 \U0001f511 " + "x" * 100
CASES = [
    (alg, kind, name)
    for alg, kinds in expected.KEY_MANAGEMENT.items() for kind in kinds
    for name in expected.PEERS if name in expected.ENCRYPTING
]


def check(sender, reader, alg, kind, enc, keys):
    """What the sender encrypts, the reader opens; what is spoiled, or under another key, both refuse."""
    if alg == "dir":
        kind = f"oct{expected.CONTENT_ENCRYPTION[enc]}"
    jwk = keys(reader, kind, alg, enc)
    token = sender.encrypt(peers.public_half(jwk), alg, enc, TEXT)
    assert reader.decrypt(jwk, alg, enc, token) == TEXT
    parts = token.split(".")
    assert len(parts) == 5
    exchanged = ".".join(parts[:2] + [parts[4], parts[3], parts[2]])
    for forged in [*peers.flipped(token), exchanged, ".".join(parts[:4]) + "."]:
        for judge in (reader, sender):
            with pytest.raises(peers.Refused):
                judge.decrypt(jwk, alg, enc, forged)
    with pytest.raises(peers.Refused):
        reader.decrypt(keys(sender, kind, alg, enc), alg, enc, token)
    # A list of algorithms that does not name this one refuses it.
    other = next(name for name in expected.CONTENT_ENCRYPTION if name != enc)
    with pytest.raises(peers.Refused):
        reader.decrypt(jwk, alg, other, token)
    assert reader.decrypt(jwk, alg, enc, token) == TEXT


@pytest.mark.parametrize("alg, kind, name", CASES)
def test_they_open_ours(alg, kind, name, everyone, ours, keys, exercised):
    for enc in expected.CONTENT_ENCRYPTION:
        check(ours, everyone[name], alg, kind, enc, keys)
    exercised(f"JWE {alg} {kind}", everyone[name], ">")


@pytest.mark.parametrize("alg, kind, name", CASES)
def test_we_open_theirs(alg, kind, name, everyone, ours, keys, exercised):
    for enc in expected.CONTENT_ENCRYPTION:
        check(everyone[name], ours, alg, kind, enc, keys)
    exercised(f"JWE {alg} {kind}", everyone[name], "<")


@pytest.mark.parametrize("name", sorted(expected.ENCRYPTING))
def test_nested_tokens_both_ways(name, everyone, ours, keys, exercised):
    peer = everyone[name]
    signing, sealing, enc = ("ES256", "P-256"), ("ECDH-ES+A256KW", "P-256"), "A256GCM"
    content = peers.claims()

    inner = ours.sign(keys(ours, signing[1], signing[0]), signing[0], content)
    jwk = keys(peer, sealing[1], sealing[0])
    nested = ours.encrypt(peers.public_half(jwk), sealing[0], enc, inner, cty="JWT")
    opened = peer.decrypt(jwk, sealing[0], enc, nested)
    assert peer.verify(peers.public_half(keys(ours, signing[1], signing[0])), signing[0], opened) == content
    exercised("nested JWT", peer, ">")

    public = peers.public_half(keys(peer, signing[1], signing[0]))
    inner = peer.sign(keys(peer, signing[1], signing[0]), signing[0], content)
    jwk = keys(ours, sealing[1], sealing[0])
    nested = peer.encrypt(peers.public_half(jwk), sealing[0], enc, inner, cty="JWT")
    assert ours.open_nested(nested, jwk, sealing[0], enc, public, signing[0]) == content
    for forged in [*peers.flipped(nested), peer.encrypt(peers.public_half(jwk), sealing[0], enc, inner)]:
        with pytest.raises(peers.Refused):
            ours.open_nested(forged, jwk, sealing[0], enc, public, signing[0])
    stranger = peers.public_half(keys(ours, signing[1], signing[0]))
    with pytest.raises(peers.Refused):
        ours.open_nested(nested, jwk, sealing[0], enc, stranger, signing[0])
    exercised("nested JWT", peer, "<")
