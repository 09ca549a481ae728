"""What every journey starts from: the real executable on a fresh data folder and free ports."""

import os
import pathlib
import tempfile

import pytest
from playwright.sync_api import sync_playwright

import scenes
from postgres import database, folder, pair  # noqa: F401 (fixtures: a PostgreSQL of one's own)
from signet import Signet
from web_app import API, Application


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


# ---- a single-page application on signet.js, in a browser (web_app.py)


@pytest.fixture(scope="module")
def issuer(binary, tmp_path_factory):
    """A server for all tests of one file, with two people."""
    with Signet(binary, tmp_path_factory.mktemp("signet-js") / "data") as started:
        started.create_user("ada", "correct battery", name="Ada Lovelace")
        started.create_user("bob", "correct battery", name="Bob")
        yield started


@pytest.fixture(scope="module")
def api():
    api = API()
    yield api
    api.close()


@pytest.fixture(scope="module")
def stranger():
    """On another host, as browsers see it."""
    stranger = API("127.0.0.1")
    yield stranger
    stranger.close()


@pytest.fixture(scope="module")
def app(issuer, api, stranger):
    app = Application(issuer.issuer)
    app.apis = [api.origin]
    app.register(issuer)
    # The page may talk to the stranger: what keeps the token from it has to be signet.js.
    app.policy = f"default-src 'none'; script-src 'self' {issuer.issuer}; connect-src *"
    yield app
    app.close()


@pytest.fixture
def context(chromium, api, stranger):
    for other in (api, stranger):
        other.requests.clear()
        other.refuses, other.redirects_to = (lambda token: False), None
    context = chromium.new_context()
    context.set_default_timeout(scenes.PATIENCE)
    yield context
    context.close()


@pytest.fixture
def page(context):
    return context.new_page()
