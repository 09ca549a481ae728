"""The peers, started once, and the table of what was exercised."""

import os

import pytest

import expected
import peers

# (what, peer) -> the directions that worked.
EXERCISED = {}


def pytest_terminal_summary(terminalreporter):
    """The table, and the line that scripts/test.sh reads."""
    def count(*names):
        return sum(len(terminalreporter.stats.get(name, [])) for name in names)

    for line in table():
        terminalreporter.write_line(line)
    terminalreporter.write_line(f"{count('passed')} passed, {count('failed', 'error')} failed")


def table():
    """One row for each thing that was exercised, one column a peer: > they read ours, < we read theirs."""
    rows = sorted({what for what, _ in EXERCISED})
    width = max(map(len, rows), default=0)
    yield f"{'':{width}}  " + "  ".join(f"{name:8}" for name in expected.PEERS)
    for what in rows:
        cells = ["".join(sorted(EXERCISED.get((what, name), {"-"}))) for name in expected.PEERS]
        yield f"{what:{width}}  " + "  ".join(f"{cell:8}" for cell in cells)
    yield "> they read ours, < we read theirs, = the same, - the peer does not have it"


@pytest.fixture(scope="session")
def everyone():
    """All peers by name. One that cannot be started is an error, not a reason to skip."""
    path = os.environ.get("JOSE_PEER")
    if not path:
        pytest.exit("JOSE_PEER must name the JOSEPeer executable: run 'make test'", returncode=2)
    started = [peers.Signet(path), peers.Panva(), peers.PyJWT(), peers.Joserfc(), peers.Jwcrypto()]
    yield {peer.name: peer for peer in started}
    for peer in started:
        peer.close()


@pytest.fixture(scope="session")
def ours(everyone):
    return everyone["signet"]


@pytest.fixture(scope="session")
def keys():
    """A key of each kind from each peer, made once: RSA keys take their time."""
    made = {}

    def key(peer, kind, alg, enc=None):
        place = (peer.name, kind, (alg, enc) if peer.name == "signet" else "")
        if place not in made:
            made[place] = peer.keygen(kind, alg, enc)
        return dict(made[place])

    return key


@pytest.fixture
def exercised():
    """Notes a direction that worked."""
    def note(what, peer, direction):
        EXERCISED.setdefault((what, peer.name), set()).add(direction)

    return note
