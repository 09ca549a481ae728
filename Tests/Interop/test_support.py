"""expected.py says what is there: neither side may lose or gain an algorithm unseen."""

import pytest

import expected
import peers


def test_our_signature_algorithms_are_the_table(ours):
    assert sorted(ours.ask("algorithms")) == sorted(expected.SIGNATURES)


@pytest.mark.parametrize("name", expected.PEERS)
@pytest.mark.parametrize("alg", expected.SIGNATURES)
def test_peer_has_the_signature_algorithm_as_the_table_says(alg, name, everyone, keys):
    kind, having = expected.SIGNATURES[alg]
    peer = everyone[name]
    try:
        jwk = keys(peer, kind, alg)
        works = peer.verify(peers.public_half(jwk), alg, peer.sign(jwk, alg, peers.claims()))["iss"] == peers.ISSUER
        reason = ""
    except peers.Refused as error:
        works, reason = False, str(error)
    assert works == (name in having), reason or f"{name} {peer.version} has {alg} now: add it to expected.py"
