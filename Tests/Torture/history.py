"""The record of everything that was asked and answered, by monotonic times, one JSON object a line.

An event has `op`, `who`, `node`, `begin` and `end` (seconds of the machine's monotonic clock, the same for all processes),
`result`, `status`, `in` (what was asked) and `out` (what came). Secrets stand there by name only: `named` gives the first
digits of their SHA-256.

    ok            the server said yes
    refused       the server said no: 4xx
    unavailable   the server said that it cannot know: 503, 429. What was asked may have been done, or be done yet
    error         it said something that it never should: 500, an answer that makes no sense
    unknown       no answer came; the request may have been carried out, and may yet be
    unsent        nothing listened: it was not carried out
"""

import hashlib
import json
import threading
import time


def named(secret):
    return hashlib.sha256(secret.encode()).hexdigest()[:16]


class History:
    def __init__(self, path=None):
        self.events = []
        self.lock = threading.Lock()
        self.file = open(path, "w", buffering=1 << 16) if path else None  # noqa: SIM115

    def add(self, op, who, node, begin, end, result, status=None, given=None, got=None, note=""):
        event = {"op": op, "who": who, "node": node, "begin": round(begin, 6), "end": round(end, 6), "result": result,
                 "status": status, "in": given or {}, "out": got or {}, "note": note}
        with self.lock:
            event["n"] = len(self.events)
            self.events.append(event)
            if self.file:
                self.file.write(json.dumps(event) + "\n")
        return event

    def fault(self, kind, target, begin, end, since, until):
        """A fault that was in force for certain from `begin` to `end`, and perhaps already since, and still until."""
        self.add("fault", "faults", None, begin, end, "ok",
                 given={"kind": kind, "target": target}, got={"since": since, "until": until})

    def close(self):
        with self.lock:
            if self.file:
                self.file.close()
                self.file = None


def read(path):
    with open(path) as lines:
        return [json.loads(line) for line in lines]


now = time.monotonic
