"""Our client library as the journeys use it: the executable OAuthClientPeer, one JSON line for each question."""

import json
import os
import pathlib
import subprocess


class Refused(Exception):
    """The library said no; `details` has its code, the issuer's error, status and trace."""

    def __init__(self, details):
        super().__init__(details["reason"])
        self.details = details


class ClientPeer:
    """One client of one issuer."""

    def __init__(self, binary, issuer, client_id, redirect_uri="", **credential):
        self.common = {
            "registration": {"issuer": issuer, "client_id": client_id, **credential}, "redirect_uri": redirect_uri}
        self.process = subprocess.Popen([binary], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait(timeout=30)

    def ask(self, operation, **parameters):
        self.process.stdin.write(json.dumps({"op": operation, **self.common, **parameters}) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        if "error" in answer:
            raise Refused(answer["error"])
        return answer["result"]


def peer_binary():
    """Beside the executable, unless OAUTH_CLIENT_PEER says where."""
    beside = pathlib.Path(os.environ.get("SIGNET_BIN", "")).parent / "OAuthClientPeer"
    return os.environ.get("OAUTH_CLIENT_PEER", str(beside))
