"""An API that looks into the denylist in Redis, written from decision 0026 and not from the server's reader: one MGET a token,
of the beat, of everything, of the token's handles and of its key. Where the beat stands, an entry that is not there says that
the token stands; without a beat nothing is known, and the API refuses without calling the token bad."""

import contextlib
import hashlib
import random
import socket
import time

from people import claims_of, header_of, octets

PREFIX = "signet-denylist:"
PATIENCE = 2.0
PAUSE = 0.03


class NoAnswer(Exception):
    """Redis gave none, or one that is no list of values."""


class Redis:
    """One connection; after anything unexpected another one, since a late answer would be taken for the next."""

    def __init__(self, port):
        self.port, self.link, self.lines = port, None, None

    def values(self, names):
        try:
            if self.link is None:
                self.link = socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE)
                self.lines = self.link.makefile("rb")
            words = ["MGET", *names]
            self.link.sendall(b"".join([b"*%d\r\n" % len(words), *(
                b"$%d\r\n%s\r\n" % (len(word), word.encode()) for word in words)]))
            return self.answer(len(names))
        except (OSError, ValueError, NoAnswer) as error:
            self.close()
            raise NoAnswer(str(error)) from None

    def line(self, sign):
        line = self.lines.readline()
        if line[:1] != sign or line[-2:] != b"\r\n":
            raise NoAnswer(line[:60].decode(errors="replace"))
        return int(line[1:-2])

    def answer(self, count):
        if self.line(b"*") != count:
            raise NoAnswer("not as many values as were asked for")
        values = []
        for _ in range(count):
            length = self.line(b"$")
            values.append(None if length < 0 else self.lines.read(length + 2)[:-2].decode())
        return values

    def close(self):
        for part in (self.lines, self.link):
            if part is not None:
                with contextlib.suppress(OSError):
                    part.close()
        self.link = self.lines = None


class Reader:
    """`plant="ignored-entry"`: it looks at the beat and nothing else, which the checker has to notice."""

    def __init__(self, number, world, history, seed, plant=None):
        self.who, self.world, self.history, self.plant = f"denylist{number}", world, history, plant
        self.dice = random.Random(f"denylist {seed} {number}")
        self.redis = Redis(world.cluster.redis.port)
        issuer = hashlib.sha256(world.cluster.issuer.encode()).hexdigest()[:16]
        self.common = [f"{PREFIX}beat:{issuer}", f"{PREFIX}all:{issuer}"]

    def verdict(self, token):
        """ok: it stands; refused: it was ended; unavailable: who knows."""
        rev = octets(claims_of(token)["rev"])
        issued = int.from_bytes(rev[1:8], "big")
        handles = [f"{PREFIX}h:{rev[start:start + 16].hex()}" for start in range(8, len(rev), 16)]
        signer = hashlib.sha256(b"signing-key:" + header_of(token)["kid"].encode()).digest()[:16]
        try:
            beat, *moments, key = self.redis.values([*self.common, *handles, f"{PREFIX}k:{signer.hex()}"])
        except NoAnswer as error:
            return "unavailable", str(error)
        if beat is None:
            return "unavailable", "no beat"
        if self.plant == "ignored-entry":
            return "ok", ""
        is_ended = key is not None or any(moment is not None and issued <= int(moment) for moment in moments)
        return ("refused" if is_ended else "ok"), ""

    def judge(self, token):
        """What this API answers to a request with the token; recorded as `denylist`."""
        begin = time.monotonic()
        result, note = self.verdict(token)
        self.history.add("denylist", self.who, None, begin, time.monotonic(), result,
                         given={"token": claims_of(token)["jti"]},
                         got={"error": "invalid_token"} if result == "refused" else {}, note=note)
        return result

    def work(self, stop):
        """Asks of tokens of today and of long ago: what Redis lost is seen by the old ones alone."""
        while not stop.wait(PAUSE):
            recent = 40 if self.dice.random() < 0.5 else 10**6
            token = self.world.recent(self.dice, self.world.tokens, recent)
            if token and self.judge(token) == "unavailable":
                stop.wait(0.1)

    def read_everything(self, since, bound, recovery):
        """Asks for every token, as soon as whatever had ended by `since` has to be there."""
        time.sleep(max(0.0, since + bound + 0.5 - time.monotonic()))
        tokens = list(dict.fromkeys(self.world.tokens))
        deadline = time.monotonic() + recovery + 1
        while tokens and self.judge(tokens[0]) == "unavailable" and time.monotonic() < deadline:
            time.sleep(0.25)
        for token in tokens:
            self.judge(token)
