"""Signed JWTs both ways, for every algorithm that we share with a peer; spoiled ones are refused by both."""

import base64

import pytest

import expected
import peers

PAIRS = [(alg, name) for alg, (_, having) in expected.SIGNATURES.items() for name in expected.PEERS if name in having]


def decode(text):
    return bytearray(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))


def encode(data):
    return base64.urlsafe_b64encode(bytes(data)).rstrip(b"=").decode()


def spoiled(token):
    """The token with one bit flipped in each of its parts, with parts exchanged, and cut."""
    header, payload, signature = token.split(".")
    for index, part in enumerate((header, payload, signature)):
        data = decode(part)
        # A digit or letter changes into another: the JSON stays JSON, and the attacked bytes are all that differ.
        at = next(i for i in range(len(data) // 2, len(data)) if index == 2 or chr(data[i]).isalnum())
        data[at] ^= 1
        parts = [header, payload, signature]
        parts[index] = encode(data)
        yield ".".join(parts)
    yield f"{header}.{payload}."
    yield f"{header}.{payload}.{signature[:-8]}"
    yield f"{header}.{payload}.{encode(bytes(len(decode(signature))))}"


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
