#!/usr/bin/env python3
"""Three Signet nodes on one PostgreSQL and one Redis behind nginx, as plain processes: what a compose file would start.

Everything lies in one folder: the database, the master key (which every node has a copy of), the configuration of nginx.
SIGHUP restarts the nodes one after the other while requests go on; Ctrl-C ends everything, in the reverse order.
"""

import argparse
import os
import pathlib
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

NODES = 3  # ports are laid out for so many
HERE = pathlib.Path(__file__).resolve().parent
# How long a node that was asked to stop goes on listening: longer than nginx keeps an idle connection to it.
SHUTDOWN_DELAY = "3s"


def say(text):
    print(f"cluster: {text}", file=sys.stderr, flush=True)


def find(program, *folders):
    """A program on the PATH or where Debian keeps it."""
    found = shutil.which(program) or next((str(f / program) for f in map(pathlib.Path, folders) if (f / program).exists()), None)
    if found is None:
        sys.exit(f"cluster: {program} is not installed: apt install postgresql nginx-light redis-server (or the like of your system)")
    return found


def postgres_folder():
    """Where initdb and postgres are: the newest that Debian has, or the PATH."""
    versions = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))
    return versions[-1].parent if versions else pathlib.Path(find("postgres")).parent


def wait_until(what, holds, process=None, patience=60):
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        if holds():
            return
        if process is not None and process.poll() is not None:
            sys.exit(f"cluster: {what} ended with code {process.returncode}")
        time.sleep(0.05)
    sys.exit(f"cluster: {what} did not come up within {patience} s")


def listens(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def is_ready(port):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=2) as answer:
            return answer.status == 200
    except OSError:
        return False


class Cluster:
    def __init__(self, signet, data, port, nodes=NODES):
        self.signet, self.data, self.port = signet, data, port
        self.issuer = f"http://localhost:{port}"
        self.node_ports = [port + number for number in range(1, nodes + 1)]
        self.postgres_port = port + NODES + 1
        self.store = f"postgres://signet@127.0.0.1:{self.postgres_port}/postgres"
        self.redis_port = port + NODES + 2
        self.postgres = self.redis = self.nginx = None
        self.nodes = [None] * nodes

    def folder(self, name):
        path = self.data / name
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        return path

    # PostgreSQL

    def start_postgres(self):
        folder, programs = self.folder("postgres"), postgres_folder()
        # PostgreSQL refuses to run as root.
        user = {}
        if os.geteuid() == 0:
            account = pwd.getpwnam("postgres")
            user = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
            os.chown(folder, account.pw_uid, account.pw_gid)
            for parent in folder.parents:
                if not os.access(parent, os.X_OK) or not parent.stat().st_mode & 0o001:
                    # Only what is ours: the folder of the example, and those that it was made in.
                    if parent == self.data or self.data in parent.parents:
                        parent.chmod(0o711)
        if not (folder / "data" / "PG_VERSION").exists():
            say("making a database")
            subprocess.run(
                [programs / "initdb", "--pgdata", folder / "data", "--username", "signet", "--auth", "trust",
                 "--encoding", "UTF8", "--no-instructions"],
                check=True, stdout=subprocess.DEVNULL, cwd="/", **user)
        self.postgres = subprocess.Popen(
            [programs / "postgres", "-D", folder / "data", "-p", str(self.postgres_port), "-k", "",
             "-c", "listen_addresses=127.0.0.1", "-c", "log_min_messages=fatal"],
            cwd="/", start_new_session=True, **user)
        wait_until("PostgreSQL", lambda: listens(self.postgres_port), self.postgres)

    # Redis, for what may be lost: people on their way to a page, counters of failed attempts

    def start_redis(self):
        self.redis = subprocess.Popen(
            [find("redis-server"), "--port", str(self.redis_port), "--bind", "127.0.0.1", "--dir", self.folder("redis"),
             "--appendonly", "yes", "--save", "", "--loglevel", "warning"],
            start_new_session=True)
        wait_until("Redis", lambda: listens(self.redis_port), self.redis)

    # Nodes

    def start_node(self, number):
        folder = self.folder(f"node{number + 1}")
        key, first = folder / "master.key", self.data / "node1" / "master.key"
        if number > 0 and not key.exists():
            # Every node needs the key that the signing keys in the database are sealed with.
            key.touch(mode=0o600)
            key.write_bytes(first.read_bytes())
        port = self.node_ports[number]
        environment = {**os.environ, "SIGNET_SHUTDOWN_DELAY": SHUTDOWN_DELAY}
        if self.redis:
            environment["SIGNET_REDIS_ADDRESS"] = f"redis://127.0.0.1:{self.redis_port}/0"
        self.nodes[number] = subprocess.Popen(
            [self.signet, "serve", "--issuer", self.issuer, "--listen", f"127.0.0.1:{port}", "--data-dir", str(folder),
             "--store", self.store, "--trusted-proxy", "127.0.0.1", "--log-level", "warning"],
            env=environment, stdout=subprocess.DEVNULL, start_new_session=True)
        wait_until(f"node {number + 1}", lambda: is_ready(port), self.nodes[number])

    def restart_nodes(self):
        """One after the other, so that two are always there."""
        for number in range(len(self.nodes)):
            say(f"restarting node {number + 1}")
            self.end(self.nodes[number])
            self.start_node(number)
        say("every node was restarted")

    # nginx

    def start_nginx(self):
        folder = self.folder("nginx")
        nodes = "\n".join(f"        server 127.0.0.1:{port} max_fails=1 fail_timeout=1s;" for port in self.node_ports)
        text = (HERE / "nginx.conf").read_text()
        text = text.replace("${FOLDER}", str(folder)).replace("${PORT}", str(self.port)).replace("${NODES}", nodes)
        (folder / "nginx.conf").write_text(text)
        self.nginx = subprocess.Popen(
            [find("nginx", "/usr/sbin"), "-e", "stderr", "-p", str(folder), "-c", str(folder / "nginx.conf")],
            start_new_session=True)
        wait_until("nginx", lambda: listens(self.port), self.nginx)

    # All of it

    def start(self):
        self.start_postgres()
        self.start_redis()
        say("starting the nodes")
        for number in range(len(self.nodes)):
            self.start_node(number)
        self.start_nginx()
        say(f"{self.issuer} is served by {len(self.nodes)} nodes (ports {self.node_ports[0]} to {self.node_ports[-1]})")
        say(f"restart them while it serves: kill -HUP {os.getpid()}")
        say("commands: Examples/run cluster signet client list")

    def end(self, process):
        if process is None or process.poll() is not None:
            return
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def stop(self):
        self.end(self.nginx)
        for node in self.nodes:
            if node is not None and node.poll() is None:
                # Nobody is sent to them any more: a second signal ends the waiting.
                node.terminate()
                time.sleep(0.05)
                node.terminate()
        for node in self.nodes:
            self.end(node)
        if self.postgres is not None and self.postgres.poll() is None:
            # Fast shutdown: connections are ended, nothing is lost.
            self.postgres.send_signal(signal.SIGINT)
            self.postgres.wait()
        self.end(self.redis)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--signet", required=True, help="a built signet")
    parser.add_argument("--data", required=True, type=pathlib.Path, help="the folder for everything")
    parser.add_argument("--port", required=True, type=int, 
                        help="nginx listens here; the nodes, PostgreSQL and Redis on the next five")
    arguments = parser.parse_args()
    cluster = Cluster(arguments.signet, arguments.data.resolve(), arguments.port)
    wanted = []
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda received, _: wanted.append(received))
    try:
        cluster.start()
        while True:
            if wanted and wanted[0] == signal.SIGHUP:
                cluster.restart_nodes()
                del wanted[0]
            elif wanted:
                break
            else:
                time.sleep(0.1)
    finally:
        cluster.stop()


if __name__ == "__main__":
    main()
