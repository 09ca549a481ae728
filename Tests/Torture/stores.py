"""PostgreSQL and Redis of our own, on spare ports of the loopback and in temporary folders; never a system's instance."""

import contextlib
import os
import pathlib
import pwd
import shutil
import signal
import socket
import subprocess
import time

import powerloss

START_SECONDS = 60


def postgres_binaries():
    for folder in sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin"), reverse=True):
        if (folder / "postgres").exists():
            return folder
    found = shutil.which("postgres")
    return pathlib.Path(found).parent if found else None


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def children_of(pid):
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                if int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1]) == pid:
                    found.append(int(entry.name))
    return found


class Process:
    """A program that can be killed and paused whole: PostgreSQL's processes make sessions of their own, so that no process
    group has them all."""

    def __init__(self):
        self.process = None

    def launch(self, command, log, **options):
        with open(log, "ab") as output:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True, **options)

    @property
    def is_running(self):
        return self.process is not None and self.process.poll() is None

    def signal(self, number):
        """To the program first, so that it makes no more children, and then to these."""
        pid = self.process.pid
        family = []
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGSTOP if number == signal.SIGKILL else number)
            family = children_of(pid)
        for child in family:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, number)
        if number == signal.SIGKILL:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
        return family

    def pause(self):
        self.signal(signal.SIGSTOP)

    def resume(self):
        self.signal(signal.SIGCONT)

    def kill(self):
        """SIGKILL for all of it, and waits until nothing is left."""
        if self.process is None or self.process.poll() is not None:
            return
        family = self.signal(signal.SIGKILL)
        self.process.wait(timeout=30)
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline and any(os.path.exists(f"/proc/{pid}/maps") and self.lives(pid)
                                                  for pid in family):
            time.sleep(0.005)

    @staticmethod
    def lives(pid):
        with contextlib.suppress(OSError):
            return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
        return False


class PostgreSQL(Process):
    """`durable=False` is a server with fsync=off; `power` runs it so that its power can be cut (powerloss.py)."""

    def __init__(self, folder, durable=True, power=True):
        super().__init__()
        self.folder = pathlib.Path(folder)
        self.data = self.folder / "pg"
        self.log = self.folder / "postgres.log"
        self.port = free_port()
        self.durable = durable
        self.user = pwd.getpwnam("postgres") if os.geteuid() == 0 else None
        self.bin = postgres_binaries()
        # Whose power is not cut need not wait for a disk before its first start.
        self.making = [] if power else ["--no-sync"]
        self.options = {"user": self.user.pw_uid, "group": self.user.pw_gid, "extra_groups": []} if self.user else {}
        self.prepare()
        self.power = powerloss.PowerLoss(self.folder, self.data, self.user) if power else None

    def prepare(self):
        self.folder.mkdir(parents=True, exist_ok=True)
        if self.user:
            os.chown(self.folder, self.user.pw_uid, self.user.pw_gid)
        subprocess.run(
            [self.bin / "initdb", "--pgdata", self.data, "--username", "signet", "--auth", "trust", "--encoding",
             "UTF8", "--no-locale", *self.making], check=True, capture_output=True, cwd="/", **self.options)

    def start(self):
        settings = {
            "port": self.port, "listen_addresses": "127.0.0.1", "unix_socket_directories": "", "max_connections": 100,
            "wal_sync_method": "fdatasync", "fsync": "on" if self.durable else "off", "shared_buffers": "64MB",
            "checkpoint_timeout": "30s", "max_wal_size": "256MB", "log_min_messages": "warning",
            # A node that has gone, or is cut off, must not keep what it locked for ever.
            "tcp_keepalives_idle": 5, "tcp_keepalives_interval": 2, "tcp_keepalives_count": 3,
        }
        command = [str(self.bin / "postgres"), "-D", str(self.data)]
        for name, value in settings.items():
            command += ["-c", f"{name}={value}"]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        if self.power:
            environment |= self.power.arm()
        self.launch(command, self.log, env=environment, cwd="/", **self.options)
        self.wait()

    def wait(self):
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self.is_running:
            if subprocess.run([self.bin / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port)]).returncode == 0:
                return
            time.sleep(0.05)
        raise RuntimeError(f"PostgreSQL did not start:\n{self.log.read_text(errors='replace')[-3000:]}")

    def sql(self, text, database="postgres"):
        return subprocess.run(
            [self.bin / "psql", "-X", "-q", "-A", "-t", "-h", "127.0.0.1", "-p", str(self.port), "-U", "signet", "-d",
             database, "-v", "ON_ERROR_STOP=1", "-c", text], check=True, capture_output=True, text=True, cwd="/",
            timeout=60).stdout.strip()

    def url(self, port=None):
        return f"postgres://signet@127.0.0.1:{port or self.port}/signet"

    def kill_backend(self, dice):
        """kill -9 for one of the processes that serve connections; PostgreSQL then restarts all of them."""
        try:
            pids = self.sql("SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' "
                            "AND pid <> pg_backend_pid() ORDER BY pid").split()
        except subprocess.SubprocessError:
            return
        if pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(dice.choice(pids)), signal.SIGKILL)

    def lose_power(self, everything, seed):
        """Everything that was not synced is lost, wholly or in part; what is left is what the next start finds."""
        self.power.cut(everything, seed, self.kill)
        # Written without a sync and only a hint: a machine that starts anew clears it away.
        (self.data / "postmaster.pid").unlink(missing_ok=True)

    def stop(self):
        if self.is_running:
            self.resume()
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                self.kill()


class Redis(Process):
    def __init__(self, folder):
        super().__init__()
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self.log = self.folder / "redis.log"

    def start(self):
        self.launch([shutil.which("redis-server"), "--port", str(self.port), "--bind", "127.0.0.1", "--dir",
                     str(self.folder), "--appendonly", "yes", "--appendfsync", "everysec", "--save", "",
                     "--daemonize", "no"], self.log)
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self.is_running:
            if self.ask("PING") == "+PONG":
                return
            time.sleep(0.02)
        raise RuntimeError(f"Redis did not start:\n{self.log.read_text(errors='replace')[-3000:]}")

    def ask(self, *words):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=2) as link:
            parts = "".join(f"${len(word)}\r\n{word}\r\n" for word in words)
            link.sendall(f"*{len(words)}\r\n{parts}".encode())
            return link.recv(4096).decode().strip()

    def flush(self):
        return self.ask("FLUSHALL")

    def remember(self):
        """Keeps what it has now, for `go_back`. A log that is copied while it is written lacks its end, which Redis takes."""
        shutil.rmtree(self.folder / "older", ignore_errors=True)
        shutil.copytree(self.folder / "appendonlydir", self.folder / "older")

    def go_back(self):
        """Starts anew with what it had then, as a replica that was behind, or a copy that was restored."""
        self.kill()
        shutil.rmtree(self.folder / "appendonlydir")
        shutil.copytree(self.folder / "older", self.folder / "appendonlydir")
        self.start()

    def lose_everything(self):
        """As without appendonly: what comes up next knows nothing."""
        self.kill()
        shutil.rmtree(self.folder / "appendonlydir", ignore_errors=True)

    def drop(self, pattern):
        """As an eviction does: these keys are gone, the others stay. How many there were."""
        return self.ask("EVAL", "local names = redis.call('KEYS', ARGV[1]) for _, name in ipairs(names) do "
                        "redis.call('DEL', name) end return #names", "0", pattern)

    def url(self, port=None):
        return f"redis://127.0.0.1:{port or self.port}/0"

    def stop(self):
        if self.is_running:
            self.resume()
            self.process.terminate()
            self.process.wait(timeout=30)
