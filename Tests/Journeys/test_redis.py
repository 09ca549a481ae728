"""A server beside a real Redis: what lies there, what goes on without it, and that its loss is never a wrong yes.

Decision 0026 says what a Redis may keep.
"""

import base64
import json
import pathlib
import shutil
import socket
import subprocess
import time
import urllib.parse

import pytest
import requests

from signet import HTTP_SECONDS, START_SECONDS, Form, Person, Signet, free_ports

REDIRECT_URI = "https://app.example/callback"
AUDIENCE = "https://api.example/orders"
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
# An address that fails fifty times has to wait for minutes: longer than a server takes to start again.
GUESSES = 60


class Redis:
    """A Redis of the test's own, which keeps nothing on disk; ends with the block."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir()
        self.port = free_ports(1)
        self.process = None

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.kill()

    def start(self):
        program = shutil.which("redis-server")
        assert program, "redis-server is missing: run scripts/setup-tests.sh"
        with open(self.folder / "redis.log", "ab") as log:
            self.process = subprocess.Popen(
                [program, "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.folder), "--save", ""],
                stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                if self.ask("PING") == "+PONG":
                    return
            except OSError:
                time.sleep(0.02)
        raise RuntimeError(f"Redis did not start:\n{(self.folder / 'redis.log').read_text()}")

    def kill(self):
        """SIGKILL: what it kept in memory is gone."""
        self.process.kill()
        self.process.wait(timeout=30)

    def ask(self, *words):
        """The answer, as it stands on the wire."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=HTTP_SECONDS) as link:
            parts = "".join(f"${len(word)}\r\n{word}\r\n" for word in words)
            link.sendall(f"*{len(words)}\r\n{parts}*1\r\n$4\r\nQUIT\r\n".encode())
            return b"".join(iter(lambda: link.recv(65536), b"")).decode("latin-1").removesuffix("+OK\r\n").strip()

    def keys(self, pattern):
        return [line for line in self.ask("KEYS", pattern).split("\r\n") if line[:1] not in ("*", "$")]


@pytest.fixture
def redis(tmp_path):
    with Redis(tmp_path / "redis") as redis:
        yield redis


@pytest.fixture
def server(binary, data_dir, redis):
    environment = {"SIGNET_REDIS_ADDRESS": f"redis://127.0.0.1:{redis.port}/0", "SIGNET_REDIS_DENYLIST": "on"}
    with Signet(binary, data_dir, environment=environment) as started:
        started.run("api", "create", "--audience", AUDIENCE, "--name", "Orders", "--scope", "orders:read=See your orders")
        started.run(
            "client", "create", "--id", "app", "--name", "App", "--type", "public", "--redirect-uri", REDIRECT_URI,
            "--scope", "openid")
        made = started.run(
            "client", "create", "--id", "service", "--name", "Service", "--grant", "client_credentials", "--scope",
            "orders:read")
        started.credentials = ("service", made["client_secret"])
        started.create_user("ada", "correct battery")
        yield started


ORIGIN = "http://localhost:3000"


@pytest.fixture
def keeper(binary, data_dir, redis):
    """A server whose sessions of session mode lie in Redis."""
    environment = {
        "SIGNET_REDIS_ADDRESS": f"redis://127.0.0.1:{redis.port}/0",
        "SIGNET_REDIS_KEEPS": "visit,throttle,application-session"}
    with Signet(binary, data_dir, environment=environment) as started:
        started.run(
            "client", "create", "--id", "web", "--type", "public", "--first-party", "--browser-session", "session",
            "--origin", ORIGIN)
        started.create_user("ada", "correct battery")
        yield started


class Browser:
    """What the pages of an application in session mode ask, with the cookie that they were given."""

    def __init__(self, server):
        self.server = server
        self.cookies = {}

    def post(self, path, **members):
        return requests.post(
            self.server.issuer + path, json={"client_id": "web", **members}, cookies=self.cookies, timeout=HTTP_SECONDS,
            headers={"Origin": ORIGIN, "Signet-CSRF": "1"})

    def sign_in(self):
        answer = self.post("/session/login", username="ada", password="correct battery")
        assert answer.status_code == 200 and answer.json()["mode"] == "session", answer.text
        self.cookies = {cookie.name: cookie.value for cookie in answer.cookies}
        assert self.cookies, answer.headers

    def state(self):
        return requests.get(
            self.server.issuer + "/session?client_id=web", cookies=self.cookies, timeout=HTTP_SECONDS)

    def is_signed_in(self):
        answer = self.state()
        assert answer.status_code == 200, answer.text
        return answer.json()["active"]


def page(server, person):
    """The sign-in page of an authorization request."""
    query = urllib.parse.urlencode({
        "response_type": "code", "client_id": "app", "redirect_uri": REDIRECT_URI, "state": "s", "scope": "openid",
        "code_challenge": CHALLENGE, "code_challenge_method": "S256"})
    answer = person.http.get(f"{server.issuer}/authorize?{query}", timeout=HTTP_SECONDS)
    assert answer.status_code == 200, answer.text
    return Form(answer)


def try_password(person, form, password, username="ada"):
    fields = {**form.fields, "username": username, "password": password, "decision": "sign-in"}
    return person.http.post(form.action, data=fields, allow_redirects=False, timeout=HTTP_SECONDS)


def is_signed_in(answer):
    return answer.status_code in (302, 303) and "/authorize/resume" in answer.headers.get("Location", "")


def until(holds, patience=60):
    deadline = time.monotonic() + patience
    while not (outcome := holds()):
        assert time.monotonic() < deadline, f"did not happen within {patience} s"
        time.sleep(0.05)
    return outcome


def readiness(server):
    """The status, and which checks failed."""
    answer = requests.get(server.issuer + "/readyz", timeout=HTTP_SECONDS)
    checks = answer.json()["checks"]
    assert set(checks) == {"store", "redis", "signing_keys"}
    return answer.status_code, [name for name, outcome in checks.items() if outcome != "ok"]


def service_token(server):
    answer = requests.post(
        server.issuer + "/token", auth=server.credentials, timeout=HTTP_SECONDS,
        data={"grant_type": "client_credentials", "resource": AUDIENCE})
    assert answer.status_code == 200, answer.text
    return answer.json()["access_token"]


def handles(token):
    """Under which keys of the denylist a token can be ended (Sources/RevocationFeed)."""
    padded = lambda text: base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    revocation = padded(json.loads(padded(token.split(".")[1]))["rev"])[8:]
    return {f"signet-denylist:h:{revocation[at:at + 16].hex()}" for at in range(0, len(revocation), 16)}


def test_wrong_passwords_are_counted_in_redis_across_a_crash_of_the_server_and_from_zero_after_a_flush(server, redis):
    person = Person()
    form = page(server, person)
    answers = [try_password(person, form, "wrong", f"person{number}").status_code for number in range(GUESSES)]
    assert answers[-1] == 429, answers
    assert any(":throttle" in key for key in redis.keys("signet:r:*")), redis.keys("*")
    server.kill()
    server.start()
    # The right one is judged no sooner than a guess.
    throttled = try_password(person, form, "correct battery")
    assert throttled.status_code == 429 and int(throttled.headers["Retry-After"]) > 0
    redis.ask("FLUSHALL")
    assert is_signed_in(try_password(person, form, "correct battery"))


def test_a_visit_that_redis_lost_begins_anew(server, redis):
    person = Person("ada", "correct battery")
    answer = person.http.get(server.issuer + "/account", timeout=HTTP_SECONDS)
    form = Form(answer)
    assert any(":visit" in key for key in redis.keys("signet:r:*")), redis.keys("*")
    redis.ask("FLUSHALL")
    lost = try_password(person, form, "correct battery")
    assert 400 <= lost.status_code < 500, lost.text
    assert "session" not in " ".join(lost.cookies.keys())
    again = Form(person.http.get(server.issuer + "/account", timeout=HTTP_SECONDS))
    assert try_password(person, again, "correct battery").status_code in (302, 303)


def test_without_redis_nobody_signs_in_and_tokens_go_on(server, redis):
    token = service_token(server)
    assert readiness(server) == (200, [])
    person = Person()
    form = page(server, person)
    redis.kill()
    until(lambda: readiness(server) == (503, ["redis"]))
    for password in ("correct battery", "wrong"):
        answer = try_password(person, form, password)
        assert answer.status_code == 503 and int(answer.headers["Retry-After"]) > 0, answer.text
        assert "Set-Cookie" not in answer.headers or "session" not in answer.headers["Set-Cookie"]
    visit = Person().http.get(server.issuer + "/account", timeout=HTTP_SECONDS)
    assert visit.status_code == 503 and "Retry-After" in visit.headers
    # What does not rest on Redis goes on: keys, tokens, and what is known of them.
    assert requests.get(server.issuer + "/jwks.json", timeout=HTTP_SECONDS).json()["keys"]
    assert server.introspect(token, server.credentials)["active"] is True
    assert server.introspect(service_token(server), server.credentials)["active"] is True
    wrong = requests.post(
        server.issuer + "/introspect", data={"token": token}, auth=("service", "wrong"), timeout=HTTP_SECONDS)
    assert wrong.status_code in (401, 503)
    revoked = requests.post(
        server.issuer + "/revoke", data={"token": token}, auth=server.credentials, timeout=HTTP_SECONDS)
    assert revoked.status_code == 200
    assert server.introspect(token, server.credentials)["active"] is False

    redis.start()
    until(lambda: readiness(server) == (200, []))
    assert is_signed_in(try_password(person, form, "correct battery"))
    # It comes back empty, and what was revoked without it is written into it before it counts.
    until(lambda: redis.keys("signet-denylist:beat:*"))
    assert handles(token) & set(redis.keys("signet-denylist:h:*"))


def test_what_is_revoked_at_the_server_is_in_the_denylist(server, redis):
    token, other = service_token(server), service_token(server)
    until(lambda: redis.keys("signet-denylist:beat:*"))
    assert redis.keys("signet-denylist:h:*") == []
    answer = requests.post(
        server.issuer + "/revoke", data={"token": token}, auth=server.credentials, timeout=HTTP_SECONDS)
    assert answer.status_code == 200
    began = time.monotonic()
    [key] = until(lambda: redis.keys("signet-denylist:h:*"))
    print(f"in the denylist after {time.monotonic() - began:.2f} s")
    assert key in handles(token) - handles(other)
    assert int(redis.ask("PTTL", key)[1:]) > 0


def test_a_session_in_redis_outlives_the_server_and_a_flush_signs_out(keeper, redis):
    browser = Browser(keeper)
    browser.sign_in()
    # One is the session, one says since when Redis has had them.
    assert len([key for key in redis.keys("signet:r:*") if ":application-session" in key]) == 2, redis.keys("*")
    [kept] = [kind for kind in keeper.run("store", "status")["kinds"] if kind["kind"] == "session-end"]
    assert kept["records"] == 1
    keeper.kill()
    keeper.start()
    assert browser.is_signed_in()
    redis.ask("FLUSHALL")
    # Redis has had sessions for less than ten seconds: nobody is told that they are over before another era may begin.
    until(lambda: browser.state().status_code == 200)
    assert not browser.is_signed_in()
    assert browser.post("/session/refresh").status_code == 401
    browser.sign_in()
    assert browser.is_signed_in()


def test_who_signed_out_stays_signed_out_when_redis_goes_back_to_an_older_state(keeper, redis):
    gone, there = Browser(keeper), Browser(keeper)
    gone.sign_in()
    there.sign_in()
    copy = "for _, key in ipairs(redis.call('KEYS', '*')) do redis.call('COPY', key, key, 'DB', 1) end return 'copied'"
    assert redis.ask("EVAL", copy, "0").endswith("copied")
    answer = gone.post("/session/logout")
    assert answer.status_code == 204, answer.text
    assert not gone.is_signed_in()
    assert redis.ask("SWAPDB", "0", "1") == "+OK"
    assert len([key for key in redis.keys("signet:r:*") if ":application-session" in key]) == 3
    assert there.is_signed_in() and not gone.is_signed_in()
    keeper.kill()
    keeper.start()
    assert there.is_signed_in() and not gone.is_signed_in()
    assert gone.post("/session/refresh").status_code == 401
    # The operator's act ends what is left.
    keeper.run("user", "disable", "ada")
    assert not there.is_signed_in()


def test_without_redis_a_session_that_lies_there_is_an_error_and_never_nobody(keeper, redis):
    browser = Browser(keeper)
    browser.sign_in()
    redis.kill()
    for answer in (browser.state(), browser.post("/session/refresh"), browser.post("/session/logout")):
        assert answer.status_code == 503 and int(answer.headers["Retry-After"]) > 0, answer.text
        # The cookie stays, as a sign that nothing was ended.
        assert "Set-Cookie" not in answer.headers
    redis.start()
    until(lambda: browser.state().status_code == 200)
    assert not browser.is_signed_in()
    assert browser.post("/session/logout").status_code == 204
    browser.sign_in()
    assert browser.is_signed_in()
