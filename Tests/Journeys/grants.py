"""Grants as an application and a person come by them: signing in, a code, tokens, and rotations that several nodes see."""

import threading
import urllib.parse

import requests

from signet import HTTP_SECONDS, Person

REDIRECT_URI = "https://app.example/callback"
# RFC 7636, appendix B.
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


def prepare(server):
    """The application and the person that all of this is about."""
    server.run("client", "create", "--id", "app", "--name", "App", "--type", "public", "--redirect-uri", REDIRECT_URI,
               "--scope", "openid", "--scope", "offline_access", "--scope", "orders:read")
    server.create_user("ada", "correct battery")
    return server


def ada():
    return Person("ada", "correct battery")


def authorization_url(server, **extra):
    query = urllib.parse.urlencode({
        "response_type": "code", "client_id": "app", "redirect_uri": REDIRECT_URI, "state": "s",
        "scope": "openid offline_access orders:read", "code_challenge": CHALLENGE, "code_challenge_method": "S256", **extra})
    return f"{server.address}/authorize?{query}"


def authorize(server, person, **extra):
    target = person.visit(authorization_url(server, **extra), REDIRECT_URI)
    return dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(target).query))


def redeem(server, code):
    return requests.post(server.address + "/token", timeout=HTTP_SECONDS, data={
        "grant_type": "authorization_code", "code": code, "client_id": "app", "redirect_uri": REDIRECT_URI,
        "code_verifier": VERIFIER})


def refresh(server, token):
    return requests.post(server.address + "/token", timeout=HTTP_SECONDS, data={
        "grant_type": "refresh_token", "refresh_token": token, "client_id": "app"})


def is_unavailable(answer):
    """Not now, and when to ask again: whatever was asked for has not been acknowledged."""
    return answer.status_code == 503 and int(answer.headers.get("Retry-After", 0)) >= 1


class Rotations:
    """A grant that every node is asked to rotate, generation after generation, and the answers of each generation.

    A client that got no answer asks again with the token that it has; only an answer takes it further."""

    def __init__(self, nodes, token):
        self.nodes, self.token, self.generations, self.broken, self.unavailable = nodes, token, [], [], 0
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self.work)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        self.thread.join(2 * HTTP_SECONDS)

    def work(self):
        successors = set()
        while not self.stop.wait(0.02):
            for node in self.nodes:
                try:
                    answer = refresh(node, self.token)
                except requests.RequestException as error:
                    self.broken.append(repr(error))
                    continue
                if answer.status_code == 200:
                    successors.add(answer.json()["refresh_token"])
                elif is_unavailable(answer):
                    self.unavailable += 1
                else:
                    self.broken.append(f"{answer.status_code} {answer.headers} {answer.text}")
            if successors:
                self.generations.append(successors)
                self.token, successors = next(iter(successors)), set()

    def judge(self):
        """Every token has at most one successor, whoever was asked and however often, and no node called one spent."""
        assert self.broken == []
        assert [successors for successors in self.generations if len(successors) != 1] == []
        flat = [token for successors in self.generations for token in successors]
        assert len(set(flat)) == len(flat)
