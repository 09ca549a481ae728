"""The API that looks into the denylist, on a Redis in which the entries are written by hand."""

import base64
import hashlib
import json
import shutil
import tempfile
import types

import pytest

import stores
from denylist import Reader
from history import History

pytestmark = pytest.mark.skipif(shutil.which("redis-server") is None, reason="no Redis is installed")

ISSUER = "http://localhost:1"
OF_ISSUER = hashlib.sha256(ISSUER.encode()).hexdigest()[:16]
BEAT, ALL = f"signet-denylist:beat:{OF_ISSUER}", f"signet-denylist:all:{OF_ISSUER}"
HANDLES = [bytes([number] * 16) for number in (1, 2)]
KEY = "signet-denylist:k:" + hashlib.sha256(b"signing-key:k1").digest()[:16].hex()


def encoded(data):
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def token(issued=1000):
    rev = bytes([1]) + issued.to_bytes(7, "big") + b"".join(HANDLES)
    parts = [{"kid": "k1"}, {"jti": "j1", "rev": encoded(rev)}]
    return ".".join([*(encoded(json.dumps(part).encode()) for part in parts), "signature"])


@pytest.fixture(scope="module")
def redis():
    with tempfile.TemporaryDirectory(prefix="signet-torture-") as folder:
        redis = stores.Redis(folder)
        redis.start()
        yield redis
        redis.stop()


@pytest.fixture
def reader(redis):
    redis.flush()
    cluster = types.SimpleNamespace(issuer=ISSUER, redis=redis)
    return Reader(0, types.SimpleNamespace(cluster=cluster, tokens=[token()]), History(), 1)


def test_without_a_beat_nothing_is_known(reader, redis):
    assert reader.judge(token()) == "unavailable"
    redis.ask("SET", f"signet-denylist:h:{HANDLES[0].hex()}", "1000")
    assert reader.judge(token()) == "unavailable"
    redis.ask("SET", BEAT, "1")
    assert reader.judge(token()) == "refused"


@pytest.mark.parametrize(("name", "moment", "expected"), [
    (f"signet-denylist:h:{HANDLES[1].hex()}", 1000, "refused"), (f"signet-denylist:h:{HANDLES[1].hex()}", 999, "ok"),
    (ALL, 1000, "refused"), (ALL, 999, "ok"), (KEY, 1, "refused"), ("signet-denylist:h:" + "03" * 16, 2000, "ok")])
def test_what_ends_a_token(reader, redis, name, moment, expected):
    redis.ask("SET", BEAT, "1")
    assert reader.judge(token()) == "ok"
    redis.ask("SET", name, str(moment))
    assert reader.judge(token()) == expected
    assert [event["result"] for event in reader.history.events] == ["ok", expected]


def test_a_redis_that_is_away_or_slow_is_no_yes_and_its_late_answer_is_none(reader, redis, monkeypatch):
    monkeypatch.setattr("denylist.PATIENCE", 0.2)
    redis.ask("SET", BEAT, "1")
    assert reader.judge(token()) == "ok"
    redis.pause()
    assert reader.judge(token()) == "unavailable"
    redis.resume()
    redis.ask("SET", KEY, "1")
    assert reader.judge(token()) == "refused"
    redis.kill()
    assert reader.judge(token()) == "unavailable"
    redis.start()


def test_the_planted_reader_ignores_entries(reader, redis):
    redis.ask("SET", BEAT, "1")
    redis.ask("SET", ALL, "2000")
    assert reader.judge(token()) == "refused"
    reader.plant = "ignored-entry"
    assert reader.judge(token()) == "ok"
