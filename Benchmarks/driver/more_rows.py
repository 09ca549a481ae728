"""What is not a rate of a saturated server: latency at a share of saturation, sign-ins, a storm of them, start, memory, size."""
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time

import servers
from processes import resident
from results import note, row
from signet_server import PASSWORD, Signet

HERE = os.path.dirname(os.path.abspath(__file__))
SHARES = {"50": 0.5, "90": 0.9}
# Of these rows the latency is measured, for whoever has them.
LATENCIES = ["client_credentials.es256", "client_credentials.rs256", "introspect.jwt.seen", "refresh", "me.cached"]
NOT_SERVERS = {"bare", "open"}
STORM_SHARE = 0.2
STORM_CONNECTIONS = 48
JOURNEY_THREADS = 8
STARTS = 11
SOAK_SHARE = 0.8
MEBIBYTE = 1024 * 1024


class MoreRows:
    def __init__(self, benchmark):
        self.benchmark = benchmark
        self.options = benchmark.options
        self.cast = benchmark.cast
        self.rows = []
        # What the thresholds look at, by name: one value a round, or one.
        self.found = {}

    def tell(self, name, contender, values, unit):
        self.rows.append(row(name, contender, values, unit))
        self.found[name, contender] = values

    def saturation(self, name, contender):
        rates = self.benchmark.rates.get(name, {}).get(contender)
        if rates:
            return statistics.median(rates)
        return self.cast.load.run(self.cast.rows[name][contender], seconds=3)["rate"]

    # Latency

    def latency(self):
        for name in LATENCIES:
            for contender, plan in self.cast.rows.get(name, {}).items():
                if contender in NOT_SERVERS or not self.benchmark.takes_part(name, contender):
                    continue
                saturated = self.saturation(name, contender)
                for label, share in SHARES.items():
                    note(f"latency of {contender} in {name} at {label} % of {saturated:.0f}/s")
                    self.offer(name, contender, plan, label, saturated * share)

    def offer(self, name, contender, plan, label, rate):
        runs = [
            self.cast.load.run(plan, seconds=self.options.seconds * 2, rate=rate, forgiving=True)
            for _ in range(max(3, self.options.rounds // 2))
        ]
        if any(each["failed"] for each in runs):
            self.benchmark.broken[f"{contender}: latency of {name}"] = f"{sum(each['failed'] for each in runs)} failed"
            return
        for quantile in ("p50", "p99", "p99.9"):
            self.tell(f"latency.{name}.{label}.{quantile}", contender, [each[quantile] for each in runs], "ms")

    # Sign-ins

    def people(self):
        """Logins, whole sign-ins, and what argon2 alone can do, in turns."""
        settings = self.settings()
        memory, passes, lanes = settings["argon2.memory"], settings["argon2.iterations"], settings["argon2.parallelism"]
        kibibytes = str(int(memory.removesuffix("MiB")) * 1024) if memory.endswith("MiB") else memory.removesuffix("KiB")
        seconds = max(2, self.options.seconds * 2)
        command = [*self.cast.server, self.cast.command("argon2")[0], kibibytes, passes, lanes, str(seconds)]
        self.benchmark.commands["argon2"] = " ".join(command)
        plan = self.cast.rows["login"]["signet"]
        found = {"argon2": [], "signet": [], "journeys": []}
        for number in range(self.options.rounds + 1):
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            each = {"argon2": json.loads(done.stdout)["rate"], "signet": self.cast.load.run(plan, seconds=seconds)["rate"],
                    "journeys": self.journeys(seconds)}
            for name, rate in each.items():
                if number > 0:
                    found[name].append(rate)
        self.tell("login", "argon2 alone", found["argon2"], "logins/s")
        self.tell("login", "signet", found["signet"], "logins/s")
        self.tell("journey", "argon2 alone", found["argon2"], "sign-ins/s")
        self.tell("journey", "signet", found["journeys"], "sign-ins/s")
        for contender, other in self.cast.rows["login"].items():
            if contender != "signet":
                rates = [self.cast.load.run(other, seconds=seconds)["rate"] for _ in range(self.options.rounds)]
                self.tell("login", f"{contender} (scrypt)", rates, "logins/s")

    def settings(self):
        signet = self.cast.signet
        said = subprocess.run([signet.signet, "config", "show", "--json", "--data-dir", signet.data], capture_output=True,
                              text=True, check=True).stdout
        return {name: each["value"] for name, each in json.loads(said).items()}

    def journeys(self, seconds):
        """Whole sign-ins a second: driver/journeys.py walks them as browsers do, beside the load generator."""
        signet = self.cast.signet
        material = {"issuer": signet.url, "port": signet.port, "app": "app", "scope": "openid profile", "people": signet.people,
                    "password": PASSWORD}
        path = self.cast.load.file("journeys.json", json.dumps(material))
        words = [*self.cast.elsewhere, sys.executable, os.path.join(HERE, "journeys.py"), path, str(JOURNEY_THREADS), str(seconds)]
        done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=120 + seconds)
        if done.returncode != 0:
            raise servers.Fault(f"journeys: {done.stdout[-300:]}{done.stderr[-300:]}")
        return json.loads(done.stdout)["rate"]

    def storm(self):
        """Client credentials at a fifth of their saturation, quiet and while 48 connections log in."""
        name = "client_credentials.es256"
        plan, logins = self.cast.rows[name]["signet"], self.cast.rows["login"]["signet"]
        rate = self.saturation(name, "signet") * STORM_SHARE
        seconds = max(5, self.options.seconds * 3)
        quiet, stormy, weather = [], [], []
        for number in range(self.options.rounds + 1):
            calm = self.cast.load.run(plan, seconds=seconds, rate=rate)["p99"]
            during, logged_in = self.while_logging_in(plan, logins, rate, seconds)
            if number > 0:
                quiet.append(calm)
                stormy.append(during)
                weather.append(logged_in)
        self.tell("storm.p99", "signet, quiet", quiet, "ms")
        self.tell("storm.p99", "signet, during a login storm", stormy, "ms")
        self.tell("storm.logins", "signet", weather, "logins/s")

    def while_logging_in(self, plan, logins, rate, seconds):
        outcome = {}
        logins = type(logins)(logins.port, logins.steps, values=logins.values, connections=STORM_CONNECTIONS)

        def storm():
            try:
                outcome["rate"] = self.cast.load.run(logins, seconds=seconds + 2, forgiving=True)["rate"]
            except servers.Fault as error:
                outcome["fault"] = error

        thread = threading.Thread(target=storm)
        thread.start()
        time.sleep(1)
        during = self.cast.load.run(plan, seconds=seconds, rate=rate, forgiving=True)
        thread.join()
        if "fault" in outcome:
            raise outcome["fault"]
        if during["failed"]:
            raise servers.Fault(f"{during['failed']} of client credentials failed in the storm: {during['statuses']}")
        return during["p99"], outcome["rate"]

    # Start, memory, size

    def start(self):
        """From the start of the process to the first whole answer, with everything that it had before in its folder."""
        paths = {"signet ES256": "/.well-known/openid-configuration", "nginx": "/static.json",
                 "glewlwyd": "/api/es256/.well-known/openid-configuration"}
        for name, server in self.cast.running.items():
            if name == "api" or name.startswith("signet") and name not in paths:
                continue
            times = []
            for _ in range(STARTS if name.startswith("signet") else 3):
                server.end()
                began = time.monotonic()
                server.launch()
                times.append((self.first_answer(server, paths.get(name, "/")) - began) * 1000)
            contender = "signet" if name.startswith("signet") else name
            self.tell("start", contender, times, "ms")
            time.sleep(2)
            self.tell("memory.idle", contender, [resident(server.process.pid) / MEBIBYTE], "MiB")

    @staticmethod
    def first_answer(server, path):
        request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode()
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            try:
                with socket.create_connection(("127.0.0.1", server.port), timeout=5) as connection:
                    connection.sendall(request)
                    if connection.recv(4096).startswith(b"HTTP/1.1 "):
                        return time.monotonic()
            except OSError:
                pass
            time.sleep(0.0005)
        raise servers.Fault(f"{server.name} gave no answer: {server.tail()}")

    def memory(self):
        """A server of its own: live sessions, each with a family of refresh tokens, then tokens, and what it holds then.

        Its passwords are cheap, so that a hundred thousand logins take minutes; its tokens and sessions are not.
        """
        cheap = {"SIGNET_ARGON2_MEMORY": "8MiB", "SIGNET_ARGON2_ITERATIONS": "1"}
        with Signet(self.cast.command("signet")[0], [], "ES256", settings=cheap) as signet:
            pid = signet.process.pid
            load = self.cast.load
            time.sleep(2)
            self.tell("memory.fresh", "signet", [resident(pid) / MEBIBYTE], "MiB")
            sessions = signet.plan(signet.login("single-page"), values=signet.people, connections=16)
            for what, plan, count in [
                ("sessions", sessions, self.options.sessions), ("tokens", signet.token_plan(), self.options.tokens),
            ]:
                note(f"memory: {count} {what}")
                while count > 0:
                    # A count at a time that is done within the load generator's patience.
                    load.run(plan, count=min(count, 20_000))
                    count -= 20_000
                self.tell(f"memory.{what}", "signet", [resident(pid) / MEBIBYTE], "MiB")
            self.benchmark.about["memory"] = {"sessions": self.options.sessions, "tokens": self.options.tokens}
            signet.end()
            began = time.monotonic()
            signet.launch()
            path = "/.well-known/openid-configuration"
            self.tell("start.loaded", "signet", [(self.first_answer(signet, path) - began) * 1000], "ms")
            time.sleep(2)
            self.tell("memory.restarted", "signet", [resident(signet.process.pid) / MEBIBYTE], "MiB")

    def size(self):
        program = self.cast.command("signet")[0]
        self.tell("size.binary", "signet", [os.path.getsize(program) / MEBIBYTE], "MiB")
        if shutil.which("strip"):
            with tempfile.TemporaryDirectory(prefix="signet-bench-size-") as folder:
                stripped = os.path.join(folder, "signet")
                subprocess.run(["strip", "-o", stripped, program], check=True)
                self.tell("size.stripped", "signet", [os.path.getsize(stripped) / MEBIBYTE], "MiB")

    def soak(self):
        """Client credentials at four fifths of their saturation: what the server holds at the start, and how it grows."""
        name = "client_credentials.es256"
        rate = self.saturation(name, "signet") * SOAK_SHARE
        pid = self.cast.signet.process.pid
        held = []
        steps = 10
        for number in range(steps + 1):
            note(f"soak: {number} of {steps}")
            self.cast.load.run(self.cast.rows[name]["signet"], seconds=self.options.soak / steps, rate=rate)
            held.append(resident(pid) / MEBIBYTE)
        # The first part fills caches and pools.
        self.tell("soak.memory", "signet", held[1:], "MiB")
        self.tell("soak.growth", "signet", [held[-1] - held[1]], "MiB")
