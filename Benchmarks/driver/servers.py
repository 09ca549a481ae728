"""The servers that a run needs: `signet serve` on SQLite in a temporary folder, and Redis. Each is ended by whoever
started it, by its process, and leaves nothing behind."""
import base64
import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request

AUDIENCE = "https://orders.example"
SCOPE = "orders:read"


class Fault(Exception):
    pass


def spare_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """A process with a folder of its own, which listens on a port of loopback."""

    def __init__(self, name):
        self.name = name
        self.port = spare_port()
        self.folder = tempfile.mkdtemp(prefix=f"signet-bench-{name}-")
        self.log = os.path.join(self.folder, "log")
        self.process = None

    def start(self, command, environment=None):
        self.command_line, self.environment = command, environment or {}
        self.launch()
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return
            except OSError:
                time.sleep(0.05)
        raise Fault(f"{self.name} does not listen: {self.tail()}")

    def launch(self):
        """Starts it, for the first time or again, and does not wait until it listens."""
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                self.command_line, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder,
                env={**os.environ, **self.environment},
            )

    def tail(self):
        with open(self.log, encoding="utf-8", errors="replace") as file:
            return file.read()[-500:].strip()

    def end(self):
        """Ends the process, and leaves its folder for another one."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(timeout=20)

    def stop(self):
        self.end()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


class Issuer(Server):
    """A `signet serve` with an API and a client that may get tokens for it."""

    def __init__(self, signet, prefix=(), settings=None):
        super().__init__("issuer")
        self.signet = signet
        self.url = f"http://127.0.0.1:{self.port}"
        self.data = os.path.join(self.folder, "data")
        try:
            self.start(
                [*prefix, signet, "serve", "--issuer", self.url, "--listen", f"127.0.0.1:{self.port}",
                 "--data-dir", self.data, "--log-level", "error"],
                # A hundred resource servers follow one API.
                {"SIGNET_REVOCATION_FEED_MAX_STREAMS_PER_API": "256", **(settings or {})},
            )
            api = self.command("api", "create", "--audience", AUDIENCE, "--name", "Orders", "--scope", f"{SCOPE}=Read")
            client = self.command("client", "create", "--id", "bench", "--scope", SCOPE)
        except BaseException:
            self.stop()
            raise
        self.api = (api["credential_id"], api["credential_secret"])
        self.client = (client["client_id"], client["client_secret"])

    def command(self, *words, text=None):
        done = subprocess.run(
            [self.signet, *words, "--json", "--data-dir", self.data], capture_output=True, text=True, check=False,
            timeout=60, input=text,
        )
        if done.returncode != 0:
            raise Fault(f"signet {' '.join(words)}: {done.stderr.strip()}")
        return json.loads(done.stdout)

    def material(self, **more):
        """What the Swift programs are told, in a file that nobody else can read."""
        path = os.path.join(self.folder, "material.json")
        told = {
            "issuer": self.url, "port": self.port, "audience": AUDIENCE, "apiID": self.api[0],
            "apiSecret": self.api[1], "clientID": self.client[0], "clientSecret": self.client[1], **more,
        }
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            json.dump(told, file)
        return path

    def post(self, path, form):
        words = ":".join(urllib.parse.quote(word, safe="") for word in self.client)
        request = urllib.request.Request(
            self.url + path,
            data=urllib.parse.urlencode(form).encode(),
            headers={"Authorization": "Basic " + base64.b64encode(words.encode()).decode()},
        )
        with urllib.request.urlopen(request, timeout=10) as response:
            return response.read()

    def token(self):
        answer = self.post("/token", {"grant_type": "client_credentials", "resource": AUDIENCE})
        return json.loads(answer)["access_token"]

    def revoke(self, token):
        self.post("/revoke", {"token": token})


class Redis(Server):
    """A redis-server that keeps everything in memory, with a deny-list of the given names."""

    def __init__(self, names, prefix=()):
        super().__init__("redis")
        try:
            self.start(
                [*prefix, "redis-server", "--bind", "127.0.0.1", "--port", str(self.port), "--save", "",
                 "--appendonly", "no", "--dir", self.folder]
            )
            self.deny(names)
        except BaseException:
            self.stop()
            raise

    def deny(self, names):
        with socket.create_connection(("127.0.0.1", self.port), timeout=30) as connection:
            for start in range(0, len(names), 1000):
                part = names[start : start + 1000]
                connection.sendall(b"".join(
                    b"*5\r\n$3\r\nSET\r\n$%d\r\n%s\r\n$1\r\n1\r\n$2\r\nEX\r\n$3\r\n900\r\n" % (len(name), name)
                    for name in (each.encode() for each in part)
                ))
                answers = b""
                while answers.count(b"+OK\r\n") < len(part):
                    more = connection.recv(65536)
                    if not more:
                        raise Fault("Redis closed the connection")
                    answers += more


def status(url, token):
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"})
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            return response.status
    except urllib.error.HTTPError as error:
        return error.code


def token_name(token):
    payload = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))["jti"]
