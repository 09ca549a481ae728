"""Three nodes behind nginx (Examples/cluster): what one of them did, all of them know, and they go one by one unnoticed.

That they know it within a second is for Tests/Torture to judge; here nothing is measured."""

import base64
import http.client
import json
import os
import signal
import subprocess
import threading
import time
import urllib.parse

import pytest

from conftest import PATIENCE, ROOT, Example, free_ports
from grants import REDIRECT_URI, ada, authorization_url, authorize, redeem, refresh
from signet import Form, Person


class Door:
    """Where the cluster is asked: nginx, or one of its nodes."""

    def __init__(self, port):
        self.address = f"http://localhost:{port}"


class Client:
    """One connection that is kept open, as an application's would be."""

    def __init__(self, port):
        self.port = port
        self.connection = None

    def send(self, method, path, form=None, authorization=None):
        headers = {}
        body = None
        if form is not None:
            body = urllib.parse.urlencode(form)
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        if authorization:
            headers["Authorization"] = authorization
        if self.connection is None:
            self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        self.connection.request(method, path, body=body, headers=headers)
        answer = self.connection.getresponse()
        content = answer.read()
        if answer.will_close:
            self.connection.close()
            self.connection = None
        return answer.status, content


def basic(identifier, secret):
    return "Basic " + base64.b64encode(f"{identifier}:{secret}".encode()).decode()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    # Below /tmp, where the user that PostgreSQL runs as may go.
    folder = tmp_path_factory.mktemp("cluster")
    for parent in [folder, *folder.parents]:
        if parent.stat().st_uid == os.getuid() and str(parent) != "/" and "pytest" in str(parent):
            parent.chmod(parent.stat().st_mode | 0o011)
    example = Example("cluster", folder, free_ports(6)).start()
    example.wait_for("restart them while it serves", patience=120)
    example.secret = signet(example, "client", "create", "--id", "service", "--grant", "client_credentials", "--scope",
                            "read")["client_secret"]
    signet(example, "api", "create", "--audience", "https://api.example/orders", "--name", "Orders", "--scope",
           "orders:read=See your orders")
    signet(example, "client", "create", "--id", "app", "--name", "App", "--type", "public", "--redirect-uri", REDIRECT_URI,
           "--scope", "openid", "--scope", "offline_access", "--scope", "orders:read")
    signet(example, "user", "create", "--username", "ada", "--password-stdin", standard_input="correct battery\n")
    yield example
    example.process.send_signal(signal.SIGTERM)
    example.process.wait(60)


def signet(cluster, *arguments, standard_input=None):
    """A command in the first node's data folder; what it says."""
    completed = subprocess.run(
        [str(ROOT / "Examples" / "run"), "cluster", "signet", *arguments, "--json"], env=cluster.environment,
        input=standard_input, capture_output=True, text=True, timeout=PATIENCE)
    assert completed.returncode == 0, completed.stderr
    return json.loads(completed.stdout)


def nodes(cluster):
    return [Client(cluster.port + number) for number in (1, 2, 3)]


def doors(cluster):
    return [Door(cluster.port + number) for number in (1, 2, 3)]


def token(client, secret, identifier="service"):
    status, content = client.send("POST", "/token", {"grant_type": "client_credentials"}, basic(identifier, secret))
    return status, json.loads(content) if status == 200 else content


class Crowd:
    """Asks the cluster from several threads, until it is sent home, and remembers what failed."""

    def __init__(self, cluster):
        self.cluster, self.failures, self.counts = cluster, [], {}
        self.ends = threading.Event()

    def expect(self, what, is_well, *said):
        self.counts[what] = self.counts.get(what, 0) + 1
        if not is_well:
            self.failures.append((what, *said))

    def serve_themselves(self):
        """A service that asks for a token, an API that looks into it, and a verifier that fetches the keys."""
        client, secret = Client(self.cluster.port), self.cluster.secret
        status, issued = token(client, secret)
        self.expect("token", status == 200, status, issued)
        if status != 200:
            return
        status, content = client.send("POST", "/introspect", {"token": issued["access_token"]}, basic("service", secret))
        self.expect("introspect", status == 200 and json.loads(content).get("active") is True, status, content)
        status, content = client.send("GET", "/jwks.json")
        self.expect("keys", status == 200, status, content)

    def sign_in(self):
        """A person who signs in, and an application that redeems the code and goes on with refresh tokens."""
        door = Door(self.cluster.port)
        answer = authorize(door, ada())
        self.expect("sign in", "code" in answer, answer)
        tokens = redeem(door, answer["code"])
        for _ in range(4):
            self.expect("code or refresh token", tokens.status_code == 200, tokens.status_code, tokens.text)
            tokens = refresh(door, tokens.json()["refresh_token"])
        self.expect("code or refresh token", tokens.status_code == 200, tokens.status_code, tokens.text)

    def repeat(self, act):
        while not self.ends.is_set():
            try:
                act()
            except Exception as error:  # noqa: BLE001 (whatever it is, a request failed)
                self.failures.append(("connection", type(error).__name__, str(error)))


def test_a_rolling_restart_fails_no_request(cluster):
    crowd = Crowd(cluster)
    threads = [threading.Thread(target=crowd.repeat, args=[act])
               for act in [crowd.serve_themselves] * 6 + [crowd.sign_in] * 2]
    for thread in threads:
        thread.start()
    began = time.monotonic()
    time.sleep(1)
    cluster.process.send_signal(signal.SIGHUP)
    cluster.wait_for("every node was restarted", after=began, patience=180)
    time.sleep(1)
    crowd.ends.set()
    for thread in threads:
        thread.join(60)
    assert crowd.failures == [], "\n".join([*map(str, crowd.failures), *cluster.matching("", after=began)])
    assert len(crowd.counts) == 5 and min(crowd.counts.values()) > 10, crowd.counts


def test_a_key_that_one_node_made_is_published_by_all(cluster):
    before = nodes(cluster)[0].send("GET", "/jwks.json")[1].count(b'"ES256"')
    signet(cluster, "keys", "rotate", "--algorithm", "ES256", "--now")
    # The nodes look every second.
    deadline = time.monotonic() + PATIENCE
    while True:
        documents = {node.send("GET", "/jwks.json")[1] for node in nodes(cluster)}
        if len(documents) == 1 and documents.pop().count(b'"ES256"') > before:
            break
        assert time.monotonic() < deadline, documents
        time.sleep(0.05)


def test_a_token_of_one_node_and_its_end_are_known_to_all_with_no_waiting(cluster):
    first, second, third = nodes(cluster)
    status, issued = token(first, cluster.secret)
    assert status == 200
    for node in (first, second, third):
        _, content = node.send(
            "POST", "/introspect", {"token": issued["access_token"]}, basic("service", cluster.secret))
        assert json.loads(content)["active"] is True
    status, _ = second.send("POST", "/revoke", {"token": issued["access_token"]}, basic("service", cluster.secret))
    assert status == 200
    for node in (first, second, third):
        _, content = node.send(
            "POST", "/introspect", {"token": issued["access_token"]}, basic("service", cluster.secret))
        assert json.loads(content)["active"] is False


def test_a_client_is_at_every_node_what_it_was_made_at_one_with_no_waiting(cluster):
    def statuses(secret):
        return [token(node, secret, "late")[0] for node in everybody]

    everybody = nodes(cluster)
    # Nobody has it in a memory of who is unknown, either.
    assert statuses("nothing") == [401] * 3
    secret = signet(cluster, "client", "create", "--id", "late", "--grant", "client_credentials", "--scope",
                    "read")["client_secret"]
    assert statuses(secret) == [200] * 3
    signet(cluster, "client", "update", "late", "--disable")
    assert statuses(secret) == [401] * 3
    signet(cluster, "client", "update", "late", "--enable")
    assert statuses(secret) == [200] * 3
    renewed = signet(cluster, "client", "rotate-secret", "late")["client_secret"]
    assert statuses(renewed) == [200] * 3
    assert statuses(secret) == [401] * 3
    signet(cluster, "client", "delete", "late")
    assert statuses(renewed) == [401] * 3


def test_a_person_is_at_every_node_who_they_were_made_at_one_with_no_waiting(cluster):
    def is_let_in(door):
        """Whether a browser that nobody knows gets past the page that asks for the password."""
        browser = Person("bob", "correct battery")
        page = browser.http.get(authorization_url(door), timeout=PATIENCE)
        assert "password" in Form(page).fields
        page = browser.answer(page)
        if page.status_code in (302, 303):
            return True
        assert "password" in Form(page).fields
        return False

    everywhere = doors(cluster)
    assert not is_let_in(everywhere[1])
    signet(cluster, "user", "create", "--username", "bob", "--password-stdin", standard_input="correct battery\n")
    held = []
    for door in everywhere:
        assert is_let_in(door)
        person = Person("bob", "correct battery")
        held.append((person, redeem(door, authorize(door, person)["code"]).json()["refresh_token"]))
    signet(cluster, "user", "disable", "bob")
    for door in everywhere:
        assert not is_let_in(door)
        for person, refresh_token in held:
            assert authorize(door, person, prompt="none").get("error") == "login_required"
            assert refresh(door, refresh_token).json()["error"] == "invalid_grant"
    signet(cluster, "user", "enable", "bob")
    assert [is_let_in(door) for door in everywhere] == [True] * 3
