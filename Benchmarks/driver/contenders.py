"""The contenders: programs that read commands and answer with one line of JSON.

scripts/bench-jose.sh leaves in its folder, for each of them, either NAME.command (the program and its arguments, one a
line) and NAME.version, or NAME.missing with the reason.
"""
import json
import os
import select
import shutil
import subprocess

NAMES = ["signet", "raw", "jwt-kit", "rust-jsonwebtoken", "golang-jwt", "libjwt", "panva-jose", "pyjwt", "joserfc"]
SWIFT = ["signet", "raw", "jwt-kit"]
# These sign and verify with swift-crypto, as Signet does: whoever is ahead of us there is ahead by its own work.
SAME_PRIMITIVE = ["jwt-kit"]
# Seconds; no command takes half as long.
PATIENCE = 240


def pinning():
    """The prefix that keeps a process on one core, and the core."""
    if shutil.which("taskset") is None or not hasattr(os, "sched_getaffinity"):
        return [], None
    core = max(os.sched_getaffinity(0))
    return ["taskset", "--cpu-list", str(core)], core


class Contender:
    def __init__(self, name, command, environment=None, prefix=None):
        self.name = name
        self.process = subprocess.Popen(
            (pinning()[0] if prefix is None else prefix) + command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, **(environment or {})},
        )

    def ask(self, *words, patience=PATIENCE):
        """The answer to a command; a program that died, or does not answer, answers with an error."""
        try:
            self.process.stdin.write(" ".join(words) + "\n")
            self.process.stdin.flush()
            if not select.select([self.process.stdout], [], [], patience)[0]:
                self.process.kill()
                return {"error": f"no answer within {patience} s"}
            return json.loads(self.process.stdout.readline())
        except (OSError, ValueError):
            return {"error": f"the program ended with code {self.process.poll()}"}

    def stop(self):
        try:
            self.process.stdin.close()
        except BrokenPipeError:
            pass
        self.process.wait(timeout=30)


class Workplace:
    """The folder that scripts/bench-jose.sh prepared."""

    def __init__(self, folder):
        self.folder = folder

    def read(self, name):
        path = os.path.join(self.folder, name)
        if not os.path.exists(path):
            return None
        with open(path, encoding="utf-8") as file:
            return file.read().strip()

    def missing(self, name):
        """Why a contender does not take part, or None."""
        if self.read(f"{name}.command"):
            return None
        return self.read(f"{name}.missing") or "it was not prepared"

    def version(self, name):
        return self.read(f"{name}.version") or "unknown"

    def start(self, name, material, environment=None):
        return Contender(name, self.read(f"{name}.command").split("\n") + [material], environment)
