"""What every journey starts from: the real executable on a fresh data folder and free ports."""

import os
import pathlib
import tempfile

import pytest
from playwright.sync_api import sync_playwright

from signet import Signet


def pytest_terminal_summary(terminalreporter):
    """The line that scripts/test.sh reads."""
    def count(*names):
        return sum(len(terminalreporter.stats.get(name, [])) for name in names)

    terminalreporter.write_line(f"{count('passed')} passed, {count('failed', 'error')} failed")


@pytest.fixture(scope="session")
def binary():
    path = os.environ.get("SIGNET_BIN")
    if not path:
        pytest.exit("SIGNET_BIN must name the signet executable: run 'make test'", returncode=2)
    return path


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
def data_dir():
    with tempfile.TemporaryDirectory(prefix="signet-journey-") as folder:
        yield pathlib.Path(folder) / "data"


@pytest.fixture
def demo(binary, data_dir):
    """`signet serve --dev`, as `make run` starts it."""
    with Signet(binary, data_dir, dev=True) as server:
        yield server


@pytest.fixture
def server(binary, data_dir):
    """A server of one's own: loopback, explicit issuer, nothing of the demo."""
    with Signet(binary, data_dir) as started:
        yield started
