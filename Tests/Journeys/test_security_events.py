"""CAEP events by the Shared Signals Framework, received by programs that restart in the middle: RFC 8936 and RFC 8935.
joserfc verifies the tokens; the receivers are a few lines of Python that know nothing of Signet."""

import concurrent.futures
import http.server
import json
import threading
import time

import pytest
import requests
from joserfc import jwt
from joserfc.jwk import KeySet

from signet import HTTP_SECONDS, free_ports

AUDIENCE = "https://api.example/orders"
SESSION_REVOKED = "https://schemas.openid.net/secevent/caep/event-type/session-revoked"
CREDENTIAL_CHANGE = "https://schemas.openid.net/secevent/caep/event-type/credential-change"
BEARER = "the-receiver-drew-this-one-0123456789"
# Seconds: many times what it takes on a slow machine.
PATIENCE = 60


@pytest.fixture
def stage(server):
    server.api_record = server.run(
        "api", "create", "--audience", AUDIENCE, "--name", "Orders", "--scope", "orders:read=See your orders")
    return server


def credentials(server):
    return server.api_record["credential_id"], server.api_record["credential_secret"]


def configuration(server):
    return requests.get(server.issuer + "/.well-known/ssf-configuration", timeout=HTTP_SECONDS).json()


def people(server, count):
    return {server.create_user(f"person{number}", "correct battery")["sub"]: f"person{number}"
            for number in range(count)}


class Inbox:
    """What a receiver keeps on disk: it outlives the receiver."""

    def __init__(self, server):
        metadata = configuration(server)
        assert metadata["issuer"] == server.issuer and metadata["spec_version"] == "1_0"
        self.issuer = server.issuer
        self.keys = KeySet.import_key_set(requests.get(metadata["jwks_uri"], timeout=HTTP_SECONDS).json())
        self.events = {}

    def take(self, text):
        """Verifies a SET as RFC 8417 and SSF 1.0 ask, and keeps it once."""
        token = jwt.decode(text, self.keys, algorithms=["RS256"])
        assert token.header["typ"] == "secevent+jwt"
        claims = token.claims
        assert claims["iss"] == self.issuer and claims["aud"] == AUDIENCE
        assert "sub" not in claims and "exp" not in claims and len(claims["events"]) == 1
        self.events[claims["jti"]] = claims
        return claims["jti"]

    def subjects(self, event=SESSION_REVOKED):
        return {claims["sub_id"].get("sub") for claims in self.events.values() if event in claims["events"]}


def poll(server, stream, **body):
    answer = requests.post(stream["endpoint_url"], json=body, auth=credentials(server), timeout=HTTP_SECONDS + 30)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_receiver_that_polls_and_restarts_loses_no_event(stage):
    stream = stage.run("stream", "create", "--api", AUDIENCE, "--poll")
    subjects = people(stage, 6)
    inbox = Inbox(stage)
    names = list(subjects.values())

    def fetch(**body):
        answer = poll(stage, stream, **body)
        return [inbox.take(text) for text in answer["sets"].values()], answer["moreAvailable"]

    for name in names[:3]:
        stage.run("revoke", "--user", name)
    # It fetches, and dies before it has kept anything.
    deadline = time.monotonic() + PATIENCE
    while len(poll(stage, stream, returnImmediately=True)["sets"]) < 3 and time.monotonic() < deadline:
        time.sleep(0.1)
    # It comes back and keeps two, one at a time; then the server dies, before anybody said that they were kept.
    kept, more = fetch(maxEvents=2, returnImmediately=True)
    assert len(kept) == 2 and more
    stage.kill()
    stage.start()
    again, _ = fetch(maxEvents=2, returnImmediately=True, ack=kept[:1])
    assert kept[1] in again and kept[0] not in again
    for name in names[3:]:
        stage.run("revoke", "--user", name)
    outstanding = again
    while inbox.subjects() != set(subjects) and time.monotonic() < deadline:
        outstanding, _ = fetch(ack=outstanding)
    assert inbox.subjects() == set(subjects)
    while outstanding:
        outstanding, _ = fetch(ack=outstanding, returnImmediately=True)
    shown = stage.run("stream", "show", stream["stream_id"])
    assert shown["waiting"] == 0 and shown["delivered"] == len(inbox.events) and shown["lost"] == 0


def test_a_poll_waits_for_the_act_and_says_what_was_done(stage):
    stream = stage.run("stream", "create", "--api", AUDIENCE, "--poll")
    subject = next(iter(people(stage, 1)))
    inbox = Inbox(stage)
    with concurrent.futures.ThreadPoolExecutor() as pool:
        began = time.monotonic()
        waiting = pool.submit(poll, stage, stream)
        time.sleep(1)
        assert not waiting.done()
        stage.run("user", "set-password", "person0", "--password-stdin", standard_input="another battery\n")
        sets = waiting.result()["sets"]
        assert sets and time.monotonic() - began < 25
    seen = [inbox.take(text) for text in sets.values()]
    deadline = time.monotonic() + PATIENCE
    while inbox.subjects(CREDENTIAL_CHANGE) != {subject} and time.monotonic() < deadline:
        seen += [inbox.take(text) for text in poll(stage, stream, ack=seen)["sets"].values()]
    change = next(
        claims["events"][CREDENTIAL_CHANGE] for claims in inbox.events.values() if CREDENTIAL_CHANGE in claims["events"])
    assert change["credential_type"] == "password" and change["change_type"] == "update"
    assert change["reason_admin"]["en"] and abs(change["event_timestamp"] - time.time()) < 3600
    # Nobody else's credentials read it.
    stranger = requests.post(stream["endpoint_url"], json={}, auth=("api_nobody", "x" * 40), timeout=HTTP_SECONDS)
    assert stranger.status_code == 401


class PushReceiver:
    """Takes what is pushed, on the same port however often it is restarted."""

    def __init__(self, inbox, port):
        self.inbox, self.port, self.deliveries = inbox, port, 0
        self.server = None

    def start(self):
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                assert self.headers["Content-Type"] == "application/secevent+jwt"
                if self.headers["Authorization"] != f"Bearer {BEARER}":
                    return self.answer(400, {"err": "authentication_failed", "description": "who are you?"})
                receiver.inbox.take(body)
                receiver.deliveries += 1
                self.answer(202)

            def answer(self, status, document=None):
                content = json.dumps(document).encode() if document else b""
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_):
                pass

        http.server.HTTPServer.allow_reuse_address = True
        self.server = http.server.HTTPServer(("127.0.0.1", self.port), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        if self.server:
            self.server.shutdown()
            self.server.server_close()
            self.server = None


@pytest.fixture
def receiver(stage):
    receiver = PushReceiver(Inbox(stage), free_ports(4) + 3)
    yield receiver
    receiver.stop()


def push_stream(stage, receiver, tmp_path, token=BEARER):
    secret = tmp_path / "token"
    secret.write_text(token + "\n")
    return stage.run(
        "stream", "create", "--api", AUDIENCE, "--push", f"http://127.0.0.1:{receiver.port}/events",
        "--push-token-file", str(secret))


def wait_until(condition):
    deadline = time.monotonic() + PATIENCE
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert condition()


def test_a_receiver_that_is_pushed_to_and_restarts_loses_no_event(stage, receiver, tmp_path):
    stream = push_stream(stage, receiver, tmp_path)
    subjects = people(stage, 6)
    names = list(subjects.values())
    receiver.start()
    for name in names[:2]:
        stage.run("revoke", "--user", name)
    wait_until(lambda: len(receiver.inbox.subjects()) == 2)
    receiver.stop()
    for name in names[2:4]:
        stage.run("revoke", "--user", name)
    wait_until(lambda: stage.run("stream", "show", stream["stream_id"])["failures"] > 0)
    shown = stage.run("stream", "show", stream["stream_id"])
    assert shown["waiting"] >= 2 and shown["last_error"]
    # Both are down; the acts of the operator go on.
    stage.kill()
    for name in names[4:]:
        stage.run("revoke", "--user", name)
    stage.start()
    receiver.start()
    wait_until(lambda: receiver.inbox.subjects() == set(subjects))
    wait_until(lambda: stage.run("stream", "show", stream["stream_id"])["waiting"] == 0)
    shown = stage.run("stream", "show", stream["stream_id"])
    assert shown["failures"] == 0 and shown["lost"] == 0 and shown["refused"] == 0
    assert BEARER not in stage.output() and BEARER not in json.dumps(shown)


def test_an_event_that_the_receiver_does_not_let_in_waits_until_it_does(stage, receiver, tmp_path):
    stream = push_stream(stage, receiver, tmp_path, token="yesterdays-secret-0123456789")
    people(stage, 1)
    receiver.start()
    stage.run("revoke", "--user", "person0")
    wait_until(lambda: stage.run("stream", "show", stream["stream_id"])["failures"] > 0)
    shown = stage.run("stream", "show", stream["stream_id"])
    assert shown["last_error"] == "the receiver answered authentication_failed"
    assert shown["waiting"] > 0 and shown["refused"] == 0 and not receiver.inbox.events
