"""Three nodes behind nginx (Examples/cluster): what one of them did, all of them know, and they go one by one unnoticed."""

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

from conftest import ROOT, Example, free_ports

SIGNET = os.environ.get("SIGNET_BIN", str(ROOT / ".build" / "debug" / "signet"))


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
    example.secret = json.loads(
        subprocess.run(
            [str(ROOT / "Examples" / "run"), "cluster", "signet", "client", "create", "--id", "service",
             "--grant", "client_credentials", "--scope", "read", "--json"],
            env=example.environment, check=True, capture_output=True, text=True).stdout)["client_secret"]
    yield example
    example.process.send_signal(signal.SIGTERM)
    example.process.wait(60)


def token(client, secret):
    status, content = client.send("POST", "/token", {"grant_type": "client_credentials"}, basic("service", secret))
    return status, json.loads(content) if status == 200 else content


def test_a_rolling_restart_fails_no_request(cluster):
    failures, counts = [], {"token": 0, "introspect": 0, "keys": 0}
    ends = threading.Event()

    def run():
        client = Client(cluster.port)
        while not ends.is_set():
            try:
                status, issued = token(client, cluster.secret)
                counts["token"] += 1
                if status != 200:
                    failures.append(("token", status, issued))
                    continue
                status, content = client.send(
                    "POST", "/introspect", {"token": issued["access_token"]}, basic("service", cluster.secret))
                counts["introspect"] += 1
                if status != 200 or json.loads(content).get("active") is not True:
                    failures.append(("introspect", status, content))
                status, content = client.send("GET", "/jwks.json")
                counts["keys"] += 1
                if status != 200:
                    failures.append(("keys", status, content))
            except Exception as error:  # noqa: BLE001 (whatever it is, a request failed)
                failures.append(("connection", type(error).__name__, str(error)))
                client = Client(cluster.port)

    threads = [threading.Thread(target=run) for _ in range(6)]
    for thread in threads:
        thread.start()
    began = time.monotonic()
    time.sleep(1)
    cluster.process.send_signal(signal.SIGHUP)
    cluster.wait_for("every node was restarted", after=began, patience=180)
    time.sleep(1)
    ends.set()
    for thread in threads:
        thread.join(60)
    assert failures == [], "\n".join([*map(str, failures), *cluster.matching("", after=began)])
    assert min(counts.values()) > 50, counts


def test_what_one_node_did_the_others_know_within_a_second(cluster):
    nodes = [Client(cluster.port + number) for number in (1, 2, 3)]
    # A key made at one node signs at once and is published by all.
    subprocess.run(
        [str(ROOT / "Examples" / "run"), "cluster", "signet", "keys", "rotate", "--algorithm", "ES256", "--now"],
        env=cluster.environment, check=True, capture_output=True)
    # The nodes look every second, and this machine may be slow.
    deadline = time.monotonic() + 10
    while True:
        documents = [node.send("GET", "/jwks.json")[1] for node in nodes]
        if len(set(documents)) == 1 and documents[0].count(b'"ES256"') >= 2:
            break
        assert time.monotonic() < deadline, documents
        time.sleep(0.05)
    # A token of one node is known to the next one, and so is its end, with no waiting at all.
    status, issued = token(nodes[0], cluster.secret)
    assert status == 200
    for node in nodes:
        _, content = node.send(
            "POST", "/introspect", {"token": issued["access_token"]}, basic("service", cluster.secret))
        assert json.loads(content)["active"] is True
    status, _ = nodes[1].send("POST", "/revoke", {"token": issued["access_token"]}, basic("service", cluster.secret))
    assert status == 200
    for node in nodes:
        _, content = node.send(
            "POST", "/introspect", {"token": issued["access_token"]}, basic("service", cluster.secret))
        assert json.loads(content)["active"] is False
