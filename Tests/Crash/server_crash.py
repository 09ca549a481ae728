#!/usr/bin/env python3
"""Kills the whole server at random moments under load and shows that nothing acknowledged over HTTP is lost.

    SIGNET_BIN=.build/debug/signet python Tests/Crash/server_crash.py            30 rounds; exits 0 if all held
    … --rounds 5 --seed 7                                                         fewer, repeatable choices
    … --lying-disk --expect-loss                                                  a disk that ignores fsync: exits 0 if
                                                                                  the checker notices the losses

Each round runs `signet serve` on the same data folder. Threads sign codes in, redeem them, rotate, repeat, revoke refresh
and access tokens, and offer spent codes again. The process dies by kill -9 or by lost power (Tests/Crash/lostwrites.c).
After the restart the checker asks the server itself:

    - the last acknowledged refresh token of every living family still rotates, and what it rotated to is one token only;
    - a family whose revocation was acknowledged is dead, an access token whose revocation was acknowledged is inactive;
    - a code whose redemption was acknowledged does not pay again.
"""

import argparse
import os
import pathlib
import random
import signal
import sys
import tempfile
import threading
import time
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "Journeys"))

import requests  # noqa: E402

import lostwrites  # noqa: E402
from signet import Person, Signet  # noqa: E402

REDIRECT_URI = "https://app.example/callback"
AUDIENCE = "https://api.example/orders"
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
WORKERS = 6
CHECKED_PER_ROUND = 40


class Family:
    """What the clients were told about one grant."""

    def __init__(self, code, tokens):
        self.code = code
        self.current = tokens["refresh_token"]
        self.access = tokens["access_token"]
        self.successors = {}
        self.revoked = False
        # Set while an answer that may end it is awaited: then either outcome is right.
        self.in_doubt = False
        self.lock = threading.Lock()


class History:
    def __init__(self):
        self.families = []
        self.revoked_access = []
        self.acknowledged = 0
        self.faults = []
        self.losses = 0
        # Before the first end of the server nothing can be lost.
        self.has_ended = False
        self.lock = threading.Lock()

    def fault(self, text, is_loss=True):
        """What went wrong; `is_loss` where the server broke its word, else the test itself could not go on."""
        with self.lock:
            self.faults.append(text)
            self.losses += 1 if is_loss else 0

    def unexpected(self, error):
        """A server that finds its store torn, or no longer knows what it acknowledged, has lost something."""
        losses = ("server_error", "temporarily_unavailable", "login_required", "consent_required", "interaction_required",
                  "invalid_client", "unauthorized_client", "invalid_grant")
        self.fault(f"unexpected: {error!r}", is_loss=self.has_ended and any(code in str(error) for code in losses))

    def acknowledge(self):
        with self.lock:
            self.acknowledged += 1


class Client:
    """The public client `app` of one person, over its own connection."""

    def __init__(self, server, cookies, history, seed):
        self.server = server
        self.http = requests.Session()
        self.http.cookies.update(cookies)
        self.history = history
        self.random = random.Random(seed)

    def post(self, path, **fields):
        return self.http.post(self.server.issuer + path, data={"client_id": "app", **fields}, timeout=20)

    def code(self):
        query = urllib.parse.urlencode({
            "response_type": "code", "client_id": "app", "redirect_uri": REDIRECT_URI, "state": "s", "prompt": "none",
            "scope": "openid offline_access orders:read", "code_challenge": CHALLENGE, "code_challenge_method": "S256"})
        answer = self.http.get(f"{self.server.issuer}/authorize?{query}", allow_redirects=False, timeout=20)
        parts = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(answer.headers.get("Location", "")).query))
        assert "code" in parts, f"{answer.status_code} {parts}"
        return parts["code"]

    def redeem(self, code):
        return self.post(
            "/token", grant_type="authorization_code", code=code, redirect_uri=REDIRECT_URI, code_verifier=VERIFIER)

    def begin(self):
        code = self.code()
        answer = self.redeem(code)
        assert answer.status_code == 200, answer.text
        with self.history.lock:
            self.history.families.append(Family(code, answer.json()))
        self.history.acknowledge()

    def rotate(self, family):
        with family.lock:
            if family.revoked or family.in_doubt:
                return
            token = family.current
            answer = self.post("/token", grant_type="refresh_token", refresh_token=token)
            if answer.status_code != 200:
                self.history.fault(f"a living family did not rotate: {answer.status_code} {answer.text}")
                family.in_doubt = True
                return
            successor = answer.json()["refresh_token"]
            if family.successors.setdefault(token, successor) != successor:
                self.history.fault("one generation was paid with two successors")
            family.current = successor
            family.access = answer.json()["access_token"]
            self.history.acknowledge()

    def repeat(self, family):
        """The client lost the answer and asks again with the token before."""
        with family.lock:
            previous = [token for token, next_ in family.successors.items() if next_ == family.current]
            if family.revoked or family.in_doubt or not previous:
                return
            answer = self.post("/token", grant_type="refresh_token", refresh_token=previous[0])
            if answer.status_code == 200 and answer.json()["refresh_token"] != family.current:
                self.history.fault("a retry made a second lineage")

    def revoke(self, family):
        with family.lock:
            if family.revoked or family.in_doubt:
                return
            if self.random.random() < 0.5:
                token = family.access
                if self.post("/revoke", token=token).status_code == 200:
                    with self.history.lock:
                        self.history.revoked_access.append((time.monotonic(), token))
                    self.history.acknowledge()
                return
            family.in_doubt = True
            if self.post("/revoke", token=family.current).status_code == 200:
                family.revoked = True
                family.in_doubt = False
                self.history.acknowledge()

    def replay_code(self, family):
        with family.lock:
            family.in_doubt = True
            answer = self.redeem(family.code)
            if answer.status_code == 200:
                self.history.fault("a code paid twice")
            elif answer.status_code == 400:
                family.revoked = True
                family.in_doubt = False

    def work(self, stop):
        while not stop.is_set():
            try:
                with self.history.lock:
                    recent = self.history.families[-60:]
                choice = self.random.random()
                family = self.random.choice(recent) if recent else None
                if family is None or choice < 0.25:
                    self.begin()
                elif choice < 0.70:
                    self.rotate(family)
                elif choice < 0.80:
                    self.repeat(family)
                elif choice < 0.95:
                    self.revoke(family)
                else:
                    self.replay_code(family)
            except requests.RequestException:
                return
            except Exception as error:  # noqa: BLE001 — anything else is a finding, not a crash of the test
                self.history.unexpected(error)
                return


def check(server, history, cookies, api, seed):
    """Asks the restarted server for everything that was acknowledged lately."""
    client = Client(server, cookies, history, seed)
    chosen = history.families[-CHECKED_PER_ROUND:]
    for family in chosen:
        if family.revoked:
            answer = client.post("/token", grant_type="refresh_token", refresh_token=family.current)
            if answer.status_code == 200:
                history.fault("an acknowledged revocation is lost: the family rotates")
        elif not family.in_doubt:
            client.rotate(family)
    now = time.monotonic()
    for at, token in history.revoked_access[-CHECKED_PER_ROUND:]:
        if now - at < 600 and server.introspect(token, api) != {"active": False}:
            history.fault("an acknowledged revocation is lost: the access token is active")
    for family in client.random.sample(chosen, min(4, len(chosen))):
        client.replay_code(family)


def prepare(binary, folder):
    """A data folder with an API, a client, a person who consented once, and that person's cookies."""
    with Signet(binary, folder) as server:
        api = server.run(
            "api", "create", "--audience", AUDIENCE, "--name", "Orders", "--scope", "orders:read=See your orders")
        server.run(
            "client", "create", "--id", "app", "--name", "App", "--type", "public", "--redirect-uri", REDIRECT_URI,
            "--scope", "openid", "--scope", "offline_access", "--scope", "orders:read")
        server.create_user("ada", "correct battery")
        person = Person("ada", "correct battery")
        person.visit(
            server.issuer + "/authorize?" + urllib.parse.urlencode({
                "response_type": "code", "client_id": "app", "redirect_uri": REDIRECT_URI, "state": "s",
                "scope": "openid offline_access orders:read", "code_challenge": CHALLENGE,
                "code_challenge_method": "S256"}), REDIRECT_URI)
        return dict(person.http.cookies), (api["credential_id"], api["credential_secret"]), server.port


def run(arguments):
    dice = random.Random(arguments.seed)
    history = History()
    binary = os.environ["SIGNET_BIN"]
    with tempfile.TemporaryDirectory(prefix="signet-crash-") as temporary:
        folder = pathlib.Path(temporary) / "data"
        library = lostwrites.build(temporary)
        cookies, api, port = prepare(binary, folder)
        for number in range(arguments.rounds):
            by_power = arguments.lying_disk or dice.random() < 0.5
            environment = {"SIGNET_REFRESH_RETRY_WINDOW": "60s"}
            if by_power:
                environment |= {
                    key: value for key, value in lostwrites.environment(
                        library, folder, seed=dice.randrange(2**31), on_signal=True, everything=dice.random() < 0.5,
                        lying_disk=arguments.lying_disk).items() if key.startswith(("LD_PRELOAD", "LOSTWRITES"))}
            server = Signet(binary, folder, environment=environment, port=port)
            try:
                server.start()
            except RuntimeError as error:
                history.fault(f"round {number}: {error}")
                break
            check(server, history, cookies, api, dice.randrange(2**31))
            stop = threading.Event()
            workers = [
                threading.Thread(
                    target=Client(server, cookies, history, dice.randrange(2**31)).work, args=(stop,), daemon=True)
                for _ in range(WORKERS)]
            for worker in workers:
                worker.start()
            time.sleep(dice.uniform(0.2, 1.5))
            server.process.send_signal(signal.SIGUSR2 if by_power else signal.SIGKILL)
            server.process.wait(timeout=30)
            history.has_ended = True
            stop.set()
            for worker in workers:
                worker.join(timeout=60)
            how = "lost power" if by_power else "kill -9"
            print(f"round {number + 1}: {how}, {history.acknowledged} acknowledged, {len(history.faults)} faults",
                  flush=True)
            if history.faults:
                break
        else:
            with Signet(binary, folder, environment={"SIGNET_REFRESH_RETRY_WINDOW": "60s"}, port=port) as server:
                check(server, history, cookies, api, dice.randrange(2**31))
    return history


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**31))
    parser.add_argument("--lying-disk", action="store_true", help="syncs do nothing: losses are expected")
    parser.add_argument("--expect-loss", action="store_true", help="succeed only if the checker noticed a loss")
    arguments = parser.parse_args()
    print(f"seed {arguments.seed}", flush=True)
    history = run(arguments)
    for fault in history.faults[:10]:
        print(f"FAULT (seed {arguments.seed}): {fault}")
    if history.acknowledged < arguments.rounds and not arguments.expect_loss:
        print("too little was acknowledged to show anything")
        return 1
    if arguments.expect_loss:
        return 0 if history.losses else 1
    return 1 if history.faults else 0


if __name__ == "__main__":
    sys.exit(main())
