#!/usr/bin/env python3
"""What a request costs a node and the database, with one node and with three on one PostgreSQL.

On a machine with few cores three nodes are no faster than one, so that a rate would say nothing. What says something is the
processor time that a request takes of a node and of PostgreSQL, what it writes into the log, and whether three nodes make a
request dearer than one does: from that follows where the next limit is.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(HERE), str(ROOT / "Examples" / "cluster"), str(ROOT / "Tests" / "Torture"), str(ROOT / "Tests" / "Journeys")]

import results  # noqa: E402
from cluster import Cluster, postgres_folder  # noqa: E402
from signet import free_ports  # noqa: E402
from processes import children, processor_seconds  # noqa: E402
from journeys import REDIRECT, sign_in  # noqa: E402
from web import Caller  # noqa: E402

PASSWORD = "correct battery staple"
THREADS = 8
IDLE_SECONDS = 4


class Bench:
    def __init__(self, signet, folder, nodes):
        self.signet = signet
        self.cluster = Cluster(signet, folder, free_ports(6), nodes=nodes)
        self.cluster.start_postgres()
        for number in range(nodes):
            self.cluster.start_node(number)
        # What the callers of Tests/Torture ask of a cluster.
        self.issuer = self.origin = self.cluster.issuer
        self.ports = dict(enumerate(self.cluster.node_ports))
        self.secret = json.loads(self.command(
            "client", "create", "--id", "service", "--grant", "client_credentials", "--scope", "read", "--json"))["client_secret"]
        self.command("client", "create", "--id", "app", "--type", "public", "--auth-method", "none",
                     "--grant", "authorization_code", "--grant", "refresh_token", "--scope", "openid",
                     "--scope", "offline_access", "--redirect-uri", REDIRECT)

    def command(self, *arguments, text=None):
        return subprocess.run(
            [self.signet, *arguments, "--data-dir", str(self.cluster.data / "node1"), "--store", self.cluster.store],
            check=True, capture_output=True, text=True, input=text).stdout

    def stop(self):
        self.cluster.stop()

    # What was used

    def usage(self):
        nodes = sum(processor_seconds(node.pid) for node in self.cluster.nodes)
        postmaster = self.cluster.postgres.pid
        database = processor_seconds(postmaster) + sum(processor_seconds(child) for child in children(postmaster))
        sql = "SELECT pg_current_wal_lsn() - '0/0'::pg_lsn, (SELECT xact_commit FROM pg_stat_database WHERE datname = 'postgres')"
        answer = subprocess.run(
            [postgres_folder() / "psql", "-h", "127.0.0.1", "-p", str(self.cluster.postgres_port), "-U", "signet", "-Atc", sql, "postgres"],
            check=True, capture_output=True, text=True).stdout
        written, _ = answer.strip().split("|")
        return nodes, database, float(written)

    def measure(self, act, count):
        """Runs `act` about `count` times from several threads, each at its own node; returns costs of one.

        Each thread has done it once before anything is measured, so that no sign-in is in what a refresh costs.
        """
        done = [0] * THREADS
        faults = []
        gate = threading.Barrier(THREADS + 1)

        def run(number):
            caller = Caller(self)
            state = {}
            node = number % len(self.ports)
            try:
                act(caller, node, number, state)
                gate.wait()
                gate.wait()
                for _ in range(count // THREADS):
                    act(caller, node, number, state)
                    done[number] += 1
            except Exception as error:  # noqa: BLE001 (reported below)
                faults.append(error)
                gate.abort()
            caller.close()

        threads = [threading.Thread(target=run, args=(number,)) for number in range(THREADS)]
        for thread in threads:
            thread.start()
        try:
            gate.wait()
            before, began = self.usage(), time.monotonic()
            gate.wait()
        except threading.BrokenBarrierError:
            raise next(fault for fault in faults if not isinstance(fault, threading.BrokenBarrierError)) from None
        for thread in threads:
            thread.join()
        seconds, after = time.monotonic() - began, self.usage()
        if faults:
            raise faults[0]
        total = sum(done)
        node, database, written = ((b - a) / total for a, b in zip(before, after))
        return {"node": node * 1e6, "postgres": database * 1e6, "log": written, "rate": total / seconds}

    def idle(self):
        """What a second costs in which nobody asks for anything."""
        before = self.usage()
        time.sleep(IDLE_SECONDS)
        node, database, written = ((b - a) / IDLE_SECONDS for a, b in zip(before, self.usage()))
        return {"node": node * 1e6, "postgres": database * 1e6, "log": written}

    # Acts

    def token(self, caller, node, number, state):
        answer = caller.post(node, "/token", {"grant_type": "client_credentials"}, ("service", self.secret))
        assert answer.status == 200, answer.body
        state["token"] = answer.json["access_token"]

    def introspect(self, caller, node, number, state):
        if "token" not in state:
            self.token(caller, node, number, state)
        answer = caller.post(node, "/introspect", {"token": state["token"]}, ("service", self.secret))
        assert answer.json.get("active") is True, answer.body

    def login(self, caller, node, number, state):
        answer = sign_in(caller, node, "app", "openid offline_access", f"user{number}", PASSWORD)
        state["refresh"] = answer["refresh_token"]

    def refresh(self, caller, node, number, state):
        if "refresh" not in state:
            self.login(caller, node, number, state)
        answer = caller.post(
            node, "/token", {"grant_type": "refresh_token", "client_id": "app", "refresh_token": state["refresh"]})
        assert answer.status == 200, answer.body
        state["refresh"] = answer.json["refresh_token"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--signet", required=True, help="a release build")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--requests", type=int, default=4000, help="of each kind in a round (logins: a twentieth)")
    parser.add_argument("--output", default=results.path("nodes.json"))
    arguments = parser.parse_args()
    acts = [("idle", None), ("token", 1), ("introspect", 1), ("refresh", 1), ("login", 20)]
    found = {}
    load = os.getloadavg()[0]
    for nodes in (1, 3):
        with tempfile.TemporaryDirectory(prefix="signet-nodes-") as folder:
            os.chmod(folder, 0o711)
            bench = Bench(arguments.signet, pathlib.Path(folder), nodes)
            try:
                for number in range(THREADS):
                    bench.command("user", "create", "--username", f"user{number}", "--password-stdin", text=PASSWORD + "\n")
                for round_number in range(arguments.rounds + 1):
                    for name, divisor in acts:
                        if divisor is None:
                            costs = bench.idle()
                        else:
                            costs = bench.measure(getattr(bench, name), arguments.requests // divisor)
                        results.note(f"{nodes} nodes, round {round_number}, {name}: " + ", ".join(
                            f"{key} {value:.0f}" for key, value in costs.items()))
                        if round_number:
                            found.setdefault((name, nodes), []).append(costs)
            finally:
                bench.stop()
    rows = []
    units = {"node": "µs of a node", "postgres": "µs of PostgreSQL", "log": "bytes of log", "rate": "a second"}
    for (name, nodes), costs in found.items():
        for key, unit in units.items():
            if key not in costs[0]:
                continue
            values = [cost[key] for cost in costs]
            rows.append(results.row(f"nodes.{name}.{key}", f"{nodes} node{'s' if nodes > 1 else ''}", values, unit))
    print("| request | nodes | µs of a node | µs of PostgreSQL | bytes of its log |\n|---|---|---|---|---|")
    for (name, nodes) in found:
        medians = [next(row["median"] for row in rows if row["row"] == f"nodes.{name}.{key}" and row["contender"].startswith(f"{nodes} "))
                   for key in ("node", "postgres", "log")]
        print(f"| {name} | {nodes} | " + " | ".join(f"{value:,.0f}" for value in medians) + " |")
    sys.exit(results.write(arguments.output, results.machine(load, None), rows, [], []))


if __name__ == "__main__":
    main()
