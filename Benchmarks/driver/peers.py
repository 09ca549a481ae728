"""The servers beside Signet: each starts on the core of servers, says what it can be asked (`plans`, by row), and shows first
that it answers rightly (`prove`)."""
import base64
import hashlib
import hmac
import json
import os
import secrets
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request

import httpload
from httpload import Plan, bearer, form, get
from servers import AUDIENCE, SCOPE, Fault, Server

CONTENDERS = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "contenders")
# How many tokens are used again and again where a contender has seen them before.
SEEN = 100
FAMILIES = 1000
STATIC_BYTES = 300


def basic(name, secret):
    return {"Authorization": "Basic " + base64.b64encode(f"{name}:{secret}".encode()).decode()}


def ask(url, fields=None, headers=None, body=None, method=None):
    """Status and text of an answer, whatever it is; redirects are not followed."""
    data = None
    if fields is not None:
        data = urllib.parse.urlencode(fields).encode()
    elif body is not None:
        data = json.dumps(body).encode()
    request = urllib.request.Request(url, data=data, headers=headers or {}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode(errors="replace")


def expect(what, found, *statuses):
    if found[0] not in statuses:
        raise Fault(f"{what}: answered {found[0]} {found[1][:120]}")
    return found[1]


def token_of(answer, name="access_token"):
    return json.loads(answer)[name]


def tampered(token):
    """Another signature: one character in its middle differs."""
    head, _, signature = token.rpartition(".")
    place = len(signature) // 2
    return f"{head}.{signature[:place]}{'A' if signature[place] != 'A' else 'B'}{signature[place + 1:]}"


class Peer(Server):
    """What every contender has: where it can be reached, and a client. `command` makes its command line, pinned, from it."""

    def __init__(self, name, command, environment=None):
        super().__init__(name)
        self.url = f"http://127.0.0.1:{self.port}"
        self.secret = secrets.token_urlsafe(32)
        self.client = ("bench", self.secret)
        try:
            self.start(command(self), environment)
            self.wait()
            self.prepare()
        except BaseException:
            self.stop()
            raise

    def wait(self):
        pass

    def prepare(self):
        pass

    def prove(self):
        """Raises Fault unless it answers rightly and refuses what it has to refuse."""

    def plans(self):
        """row -> Plan"""
        return {}

    def refuses_tokens(self, path, good):
        """A route that wants a token refuses a changed signature and none at all."""
        expect(f"{path} with a good token", ask(self.url + path, headers=bearer(good)), 200)
        expect(f"{path} with a changed signature", ask(self.url + path, headers=bearer(tampered(good))), 401)
        expect(f"{path} with no token", ask(self.url + path), 400, 401)

    def client_credentials(self, path, scope=SCOPE):
        fields = {"grant_type": "client_credentials", "scope": scope}
        expect("a wrong secret", ask(self.url + path, fields, basic(self.client[0], "wrong")), 400, 401, 403)
        return token_of(expect("client credentials", ask(self.url + path, fields, basic(*self.client)), 200))

    def client_plan(self, path, scope=SCOPE):
        fields = {"grant_type": "client_credentials", "scope": scope}
        return Plan(self.port, [form(path, fields, basic(*self.client), take="json:access_token")])


class Nginx(Peer):
    """300 bytes of JSON from a file: what HTTP on this machine costs at least."""

    def __init__(self, prefix):
        self.answer = json.dumps({"filler": "x" * (STATIC_BYTES - len('{"filler": ""}'))})
        super().__init__("nginx", lambda peer: [*prefix, "nginx", "-e", "stderr", "-p", peer.folder, "-c", peer.configuration()])

    def configuration(self):
        os.chmod(self.folder, 0o755)
        with open(os.path.join(self.folder, "static.json"), "w", encoding="utf-8") as file:
            file.write(self.answer)
        path = os.path.join(self.folder, "nginx.conf")
        scratch = "".join(
            f"{name}_temp_path {self.folder}/{name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        with open(path, "w", encoding="utf-8") as file:
            file.write(
                ("user root;\n" if os.getuid() == 0 else "")
                + f"daemon off; worker_processes 1; pid {self.folder}/pid; error_log stderr crit;\n"
                "events { worker_connections 1024; }\n"
                f"http {{ access_log off; keepalive_requests 100000000; default_type application/json; {scratch}\n"
                f"server {{ listen 127.0.0.1:{self.port}; root {self.folder}; open_file_cache max=10; }} }}\n"
            )
        return path

    def prove(self):
        if expect("the file", ask(self.url + "/static.json"), 200) != self.answer:
            raise Fault("nginx serves something else")
        expect("a file that is not there", ask(self.url + "/missing.json"), 404)

    def plans(self):
        static = Plan(self.port, [get("/static.json")])
        return {row: static for row in ("static", "discovery", "jwks")}


class Node(Peer):
    """Benchmarks/contenders/server-node; its Redis runs beside the load generator, which is to its advantage."""

    def __init__(self, prefix, entry, redis, is_prepared):
        self.keys = {"access": secrets.token_hex(32), "refresh": secrets.token_hex(32)}
        self.password = secrets.token_urlsafe(12)
        environment = {
            "NODE_PATH": "/usr/share/nodejs", "NODE_ENV": "production", "ACCESS_SECRET": self.keys["access"],
            "REFRESH_SECRET": self.keys["refresh"], "PASSWORD": self.password,
            "SIGNET_BENCH_PREPARED": "1" if is_prepared else "0",
        }
        super().__init__("node", lambda peer: [*prefix, *entry, str(peer.port), str(redis.port)], environment)

    def signed(self, kind, lifetime=900):
        """A token of its own, signed here: what a thousand logins would give."""
        now = int(time.time())
        claims = {
            "scope": SCOPE, "iss": self.url, "sub": "ada", "aud": AUDIENCE if kind == "access" else self.url,
            "jti": secrets.token_hex(16), "iat": now, "exp": now + lifetime,
        }
        parts = [{"alg": "HS256", "typ": "JWT"}, claims]
        message = ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts)
        code = hmac.new(self.keys[kind].encode(), message.encode(), hashlib.sha256).digest()
        return f"{message}.{base64.urlsafe_b64encode(code).rstrip(b'=').decode()}"

    def prove(self):
        login = {"username": "ada", "password": self.password}
        expect("a wrong password", ask(self.url + "/login", {**login, "password": "wrong"}), 401)
        first = expect("a login", ask(self.url + "/login", login), 200)
        refresh = token_of(first, "refresh_token")
        second = expect("a refresh", ask(self.url + "/token", {"refresh_token": refresh}), 200)
        expect("a used refresh token", ask(self.url + "/token", {"refresh_token": refresh}), 400)
        expect("an expired refresh token", ask(self.url + "/token", {"refresh_token": self.signed("refresh", -60)}), 400)
        good = token_of(second)
        self.refuses_tokens("/me", good)
        self.refuses_tokens("/me", self.signed("access"))
        expect("an expired token", ask(self.url + "/me", headers=bearer(self.signed("access", -60))), 401)
        expect("logging out", ask(self.url + "/logout", {}, bearer(good)), 200)
        expect("a revoked token", ask(self.url + "/me", headers=bearer(good)), 401)

    def plans(self):
        return {
            "refresh": Plan(
                self.port, [form("/token", {"refresh_token": "{value}"}, take="json:refresh_token")],
                carried=[self.signed("refresh", 7 * 86400) for _ in range(FAMILIES)],
            ),
            "me.cached": Plan(self.port, [get("/me", bearer())], values=[self.signed("access", 86400) for _ in range(SEEN)]),
            "revocation": Plan(
                self.port, [form("/logout", {}, bearer())], mint=httpload.writing(lambda: self.signed("access"))
            ),
            "login": Plan(
                self.port, [form("/login", {"username": "ada", "password": self.password})], connections=16
            ),
        }


class Authlib(Peer):
    """Benchmarks/contenders/server-python on gunicorn with its standard worker."""

    def __init__(self, prefix, gunicorn):
        super().__init__("authlib", lambda peer: [
            *prefix, *gunicorn, "--bind", f"127.0.0.1:{peer.port}", "--chdir", os.path.join(CONTENDERS, "server-python"),
            "--no-control-socket", "--log-level", "error", "server:app"])

    def start(self, command, environment=None):
        key = os.path.join(self.folder, "rsa.pem")
        self.signing_key = generate("RSA", "rsa_keygen_bits:2048", key)
        super().start(command, {
            "SIGNET_BENCH_ISSUER": self.url, "SIGNET_BENCH_KEY": key, "SIGNET_BENCH_CLIENT": self.client[0],
            "SIGNET_BENCH_SECRET": self.client[1], "PYTHONDONTWRITEBYTECODE": "1",
        })

    def prove(self):
        self.refuses_tokens("/me", self.client_credentials("/token"))

    def plans(self):
        good = self.client_credentials("/token")
        return {
            "client_credentials.rs256": self.client_plan("/token"),
            "me.cached": Plan(self.port, [get("/me", bearer())], values=[good]),
        }


class SwiftService(Peer):
    """Benchmarks/contenders/server-swift: jwt-kit behind Hummingbird."""

    def __init__(self, prefix, command):
        super().__init__("swift", lambda peer: [*prefix, *command, str(peer.port), *peer.client])

    def prove(self):
        for algorithm in ("es256", "rs256", "eddsa"):
            self.refuses_tokens("/me", self.client_credentials(f"/{algorithm}/token"))

    def plans(self):
        rows = {f"client_credentials.{name}": self.client_plan(f"/{name}/token") for name in ("es256", "rs256", "eddsa")}
        good = [self.client_credentials("/es256/token") for _ in range(SEEN)]
        return rows | {"me.cached": Plan(self.port, [get("/me", bearer())], values=good)}


def generate(algorithm, option, path):
    """A private key in PEM and its public key, from the system's OpenSSL."""
    words = ["openssl", "genpkey", "-quiet", "-algorithm", algorithm, "-out", path]
    subprocess.run([*words, *(["-pkeyopt", option] if option else [])], check=True)
    public = subprocess.run(["openssl", "pkey", "-in", path, "-pubout"], check=True, capture_output=True, text=True).stdout
    with open(path, encoding="utf-8") as file:
        return file.read(), public
