"""What every example starts from: `Examples/run`, free ports, a folder of its own, a browser."""

import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

import pytest
from playwright.sync_api import sync_playwright

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "Tests" / "Journeys"))

from signet import free_ports  # noqa: E402 (the journeys' own helpers)

PATIENCE = 60


def pytest_terminal_summary(terminalreporter):
    """The line that scripts/test.sh reads."""
    def count(*names):
        return sum(len(terminalreporter.stats.get(name, [])) for name in names)

    terminalreporter.write_line(f"{count('passed')} passed, {count('failed', 'error')} failed")


class Example:
    """A running `Examples/run NAME`, with the moment at which each line came."""

    def __init__(self, name, data, port):
        self.name, self.port = name, port
        self.issuer, self.api, self.page = (f"http://localhost:{port + number}" for number in range(3))
        self.environment = {**os.environ, "EXAMPLES_PORT": str(port), "EXAMPLES_DATA": str(data)}
        self.command = [str(ROOT / "Examples" / "run"), name]
        self.lines = []
        self.process = None

    def start(self):
        # A process group of its own: Ctrl-C in a terminal reaches all of them.
        self.process = subprocess.Popen(
            self.command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True,
            env=self.environment, start_new_session=True,
            # Where the tests themselves run in the background, SIGINT is ignored, and no shell below could change that.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()
        return self

    def read(self):
        for line in self.process.stdout:
            self.lines.append((time.monotonic(), line.rstrip("\n")))

    def output(self):
        return "\n".join(line for _, line in self.lines)

    def wait_for(self, pattern, after=0.0, patience=PATIENCE):
        """The first line that came after a moment and matches: its moment, and the match."""
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            for moment, line in list(self.lines):
                match = re.search(pattern, line)
                if moment > after and match:
                    return moment, match
            if self.process.poll() is not None:
                self.reader.join(5)
                if not any(moment > after and re.search(pattern, line) for moment, line in self.lines):
                    break
            time.sleep(0.02)
        raise AssertionError(f"no line like {pattern!r}:\n{self.output()}")

    def matching(self, pattern, after=0.0, until=float("inf")):
        return [line for moment, line in list(self.lines) if after < moment < until and re.search(pattern, line)]

    def signet(self, *arguments):
        """The second terminal."""
        subprocess.run(
            [*self.command, "signet", *arguments], check=True, capture_output=True, env=self.environment, timeout=60)

    def interrupt(self):
        """Ctrl-C; the exit code once every process of the example has ended."""
        os.killpg(self.process.pid, signal.SIGINT)
        code = self.process.wait(timeout=PATIENCE)
        self.reader.join(PATIENCE)
        assert not self.reader.is_alive(), "a part of the example still holds the terminal"
        return code

    def end(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)


@pytest.fixture
def example():
    """Starts examples by name; ends what a test leaves."""
    folder = tempfile.mkdtemp(prefix="signet-example-")
    port = free_ports(3)
    started = []

    def start(name):
        started.append(Example(name, folder, port).start())
        return started[-1]

    yield start
    for one in started:
        one.end()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def chromium():
    path = os.environ.get("SIGNET_CHROMIUM")
    if not path:
        pytest.exit("SIGNET_CHROMIUM must name a Chromium: run 'make test'", returncode=2)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def page(chromium):
    context = chromium.new_context()
    page = context.new_page()
    page.set_default_timeout(PATIENCE * 1000)
    page.faults = []
    page.on("pageerror", lambda error: page.faults.append(str(error)))
    page.on("console", lambda message: page.faults.append(message.text) if "Content Security" in message.text else None)
    yield page
    context.close()
