"""JWS in flattened JSON serialization both ways; spoiled members are refused by both."""

import pytest

import expected
import peers

TEXT = "zoë \u2028 \U0001f511 {\"a\": 1}"
PAIRS = [
    (alg, name) for alg, (_, having) in expected.SIGNATURES.items() for name in expected.PEERS
    if name in having & expected.SERIALIZING
]


@pytest.mark.parametrize("alg, name", PAIRS)
def test_flattened_json_both_ways(alg, name, everyone, ours, keys, exercised):
    kind, _ = expected.SIGNATURES[alg]
    peer = everyone[name]
    for signer, reader, direction in ((ours, peer, ">"), (peer, ours, "<")):
        jwk = keys(signer, kind, alg)
        public = peers.public_half(jwk)
        jws = signer.sign_json(jwk, alg, TEXT)
        assert reader.verify_json(public, alg, jws) == TEXT
        for member in ("protected", "payload", "signature"):
            for forged in peers.flipped(jws[member]):
                for judge in (reader, signer):
                    with pytest.raises(peers.Refused):
                        judge.verify_json(public, alg, {**jws, member: forged})
        assert reader.verify_json(public, alg, jws) == TEXT
        exercised(f"JWS JSON {alg}", peer, direction)


@pytest.mark.parametrize("name", expected.PEERS)
def test_peer_serializes_as_the_table_says(name, everyone, keys):
    jwk = keys(everyone[name], "P-256", "ES256")
    try:
        works = bool(everyone[name].sign_json(jwk, "ES256", TEXT))
    except peers.Refused:
        works = False
    assert works == (name in expected.SERIALIZING)
