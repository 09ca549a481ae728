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


def test_our_encryption_algorithms_are_the_table(ours):
    assert sorted(ours.ask("keyManagement")) == sorted(expected.KEY_MANAGEMENT)
    assert sorted(ours.ask("contentEncryption")) == sorted(expected.CONTENT_ENCRYPTION)
    assert sorted(ours.ask("curves")) == sorted(expected.AGREEMENT)


@pytest.mark.parametrize("name", expected.PEERS)
@pytest.mark.parametrize("alg", expected.KEY_MANAGEMENT)
def test_peer_encrypts_as_the_table_says(alg, name, everyone, keys):
    peer = everyone[name]
    kind = expected.KEY_MANAGEMENT[alg][0].replace("oct", "oct256") if alg == "dir" else expected.KEY_MANAGEMENT[alg][0]
    try:
        jwk = keys(peer, kind, alg)
        sealed = peer.encrypt(peers.public_half(jwk), alg, "A256GCM", "text")
        works, reason = peer.decrypt(jwk, alg, "A256GCM", sealed) == "text", ""
    except peers.Refused as error:
        works, reason = False, str(error)
    assert works == (name in expected.ENCRYPTING), reason or f"{name} {peer.version} has {alg} now: add it"
