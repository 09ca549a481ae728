"""Signed JWTs both ways, for every algorithm that we share with a peer; spoiled ones are refused by both."""

import pytest

import expected
import peers

PAIRS = [(alg, name) for alg, (_, having) in expected.SIGNATURES.items() for name in expected.PEERS if name in having]


def spoiled(token):
    """The token with one bit flipped in each of its parts, without its signature, and with another."""
    header, payload, signature = token.split(".")
    yield from peers.flipped(token)
    yield f"{header}.{payload}."
    yield f"{header}.{payload}.{signature[:-8]}"
    yield f"{header}.{payload}.{peers.encode(bytes(len(peers.decode(signature))))}"


def check(signer, reader, alg, keys):
    """What the signer signs, the reader reads; what is spoiled, both refuse; so does the reader under another key."""
    kind, _ = expected.SIGNATURES[alg]
    jwk = keys(signer, kind, alg)
    public = peers.public_half(jwk)
    content = peers.claims()
    token = signer.sign(jwk, alg, content)
    assert reader.verify(public, alg, token) == content
    for forged in spoiled(token):
        for judge in (reader, signer):
            with pytest.raises(peers.Refused):
                judge.verify(public, alg, forged)
    other = peers.public_half(keys(reader, kind, alg))
    with pytest.raises(peers.Refused):
        reader.verify(other, alg, token)
    assert reader.verify(public, alg, token) == content


@pytest.mark.parametrize("alg, name", PAIRS)
def test_they_read_ours(alg, name, everyone, ours, keys, exercised):
    check(ours, everyone[name], alg, keys)
    exercised(f"JWS {alg}", everyone[name], ">")


@pytest.mark.parametrize("alg, name", PAIRS)
def test_we_read_theirs(alg, name, everyone, ours, keys, exercised):
    check(everyone[name], ours, alg, keys)
    exercised(f"JWS {alg}", everyone[name], "<")
