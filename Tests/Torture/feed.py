"""An API that follows the revocation feed, written from Docs/revocation-feed.md and not from the server: it polls whichever node
comes, checks every signature, number and hash, and judges tokens only while its knowledge is at most a second old. That the
token itself is signed is not looked at: the harness was given it by the server."""

import base64
import hashlib
import json
import secrets
import threading
import time
import urllib.parse

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from people import AUDIENCE, claims_of, header_of, octets
from web import Caller

MOST_STALE = 1.0
ENTRY = 32


class Broken(Exception):
    """What the feed must never do."""


class Follower:
    def __init__(self, number, world, history, choose):
        self.who, self.world, self.history, self.choose = f"follower{number}", world, history, choose
        self.caller = Caller(world.cluster)
        basic = base64.b64encode(":".join(urllib.parse.quote(part, safe="") for part in world.api).encode()).decode()
        self.headers = {"Authorization": "Basic " + basic}
        self.keys, self.lock = {}, threading.Lock()
        self.position = None        # (epoch, number, hash)
        self.covered = float("-inf")
        self.handles, self.signers, self.everything = {}, {}, -1

    # ---- messages

    def key(self, kid, node):
        if kid not in self.keys:
            answer = self.caller.get(node, "/revocations/jwks")
            for key in answer.json.get("keys", []):
                self.keys[key["kid"]] = Ed25519PublicKey.from_public_bytes(octets(key["x"]))
        return self.keys.get(kid)

    def message(self, text, node):
        """The claims of a message that is what it says, and its type."""
        head, body, signature = text.split(".")
        header = json.loads(octets(head))
        key = self.key(header["kid"], node)
        if key is None:
            raise Broken(f"signed by a key that is not published: {header['kid']}")
        try:
            key.verify(octets(signature), f"{head}.{body}".encode())
        except InvalidSignature:
            raise Broken("a signature is wrong") from None
        claims = json.loads(octets(body))
        if claims["iss"] != self.world.cluster.issuer or claims["aud"] != AUDIENCE:
            raise Broken(f"of {claims['iss']} for {claims['aud']}")
        return header["typ"].removesuffix("+jwt").removeprefix("revocation-"), claims

    def take(self, entries):
        for start in range(0, len(entries), ENTRY):
            entry = entries[start:start + ENTRY]
            kind, before = entry[0], int.from_bytes(entry[1:8], "big")
            handle = entry[16:32]
            if kind == 1:
                self.handles[handle] = max(before, self.handles.get(handle, -1))
            elif kind == 2:
                self.signers[handle] = before
            elif kind == 3:
                self.everything = max(before, self.everything)
            else:
                self.position = None
                return

    # ---- following

    def poll(self, node):
        if self.position is None:
            return self.begin(node)
        nonce, sent = secrets.token_urlsafe(24), time.monotonic()
        epoch, number, _ = self.position
        query = urllib.parse.urlencode({"nonce": nonce, "epoch": epoch, "after": number})
        answer = self.caller.get(node, f"/revocations/poll?{query}", self.headers)
        if answer.status == 410:
            self.position = None
        if answer.result != "ok":
            return answer
        with self.lock:
            messages = [self.message(text, node) for text in answer.json["messages"]]
            kind, hello = messages[0]
            if kind != "hello" or hello["nonce"] != nonce:
                raise Broken("the first message is not the answer to this nonce")
            if hello["epoch"] == epoch and hello["seq"] < number:
                raise Broken(f"the feed stepped back from {number} to {hello['seq']}")
            for kind, claims in messages[1:]:
                if kind == "delta":
                    self.go_on(claims)
            if self.position and self.position[1] >= hello["seq"]:
                if self.position[1] == hello["seq"] and self.position[2] != octets(hello["chain"]):
                    raise Broken(f"another history at {hello['seq']}")
                self.covered = sent
        return answer

    def go_on(self, claims):
        if self.position is None or claims["seq"] <= self.position[1]:
            return
        epoch, number, chain = self.position
        entries = octets(claims["entries"])
        if claims["from"] != number or octets(claims["from_chain"]) != chain or claims["epoch"] != epoch:
            raise Broken(f"a delta from {claims['from']} at {number}")
        for start in range(0, len(entries), ENTRY):
            chain = hashlib.sha256(chain + entries[start:start + ENTRY]).digest()
        if chain != octets(claims["chain"]) or number + len(entries) // ENTRY != claims["seq"]:
            raise Broken(f"the chain does not lead from {number} to {claims['seq']}")
        self.position = (epoch, claims["seq"], chain)
        self.take(entries)

    def begin(self, node):
        nonce, sent = secrets.token_urlsafe(24), time.monotonic()
        answer = self.caller.get(node, f"/revocations/snapshot?nonce={nonce}", self.headers)
        if answer.result != "ok":
            return answer
        head, _, entries = answer.octets.partition(b"\n")
        with self.lock:
            kind, claims = self.message(head.decode(), node)
            if kind != "snapshot" or claims["nonce"] != nonce:
                raise Broken("a snapshot that does not answer this nonce")
            if hashlib.sha256(entries).digest() != octets(claims["digest"]) or len(entries) != claims["count"] * ENTRY:
                raise Broken("a snapshot whose entries are not what was signed")
            self.handles, self.signers, self.everything = {}, {}, -1
            self.position = (claims["epoch"], claims["seq"], octets(claims["chain"]))
            self.take(entries)
            self.covered = sent
        return answer

    def work(self, stop):
        while not stop.wait(0.1):
            node = self.choose()
            try:
                answer = self.poll(node)
                if answer.result == "ok" or answer.status == 410:
                    continue
                self.history.add("feed", self.who, node, answer.begin, answer.end, "unavailable", answer.status,
                                 got=answer.refusal(), note=answer.note)
            except Broken as error:
                now = time.monotonic()
                self.history.add("feed", self.who, node, now, now, "error", note=str(error))
                self.position = None

    # ---- judging

    def judge(self, token):
        """What this API answers to a request with the token; recorded as `api`."""
        claims = claims_of(token)
        if AUDIENCE not in claims["aud"]:
            return
        rev = octets(claims["rev"])
        issued = int.from_bytes(rev[1:8], "big")
        handles = [rev[start:start + 16] for start in range(8, len(rev), 16)]
        signer = hashlib.sha256(b"signing-key:" + header_of(token)["kid"].encode()).digest()[:16]
        with self.lock:
            now = time.monotonic()
            if now - self.covered > MOST_STALE:
                result = "unavailable"
            elif issued <= self.everything or signer in self.signers or any(
                    issued <= self.handles.get(handle, -1) for handle in handles):
                result = "refused"
            else:
                result = "ok"
        self.history.add("api", self.who, None, now, now, result, given={"token": claims["jti"]},
                         got={"error": "invalid_token"} if result == "refused" else {})
