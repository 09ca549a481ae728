"""Browser sessions in a real Chromium: session mode without scripts, two tabs that refresh at once, what the browser keeps."""

import contextlib
import os
import pathlib
import re
import shlex
import subprocess
import sys
import time

import pytest
import requests
from playwright.sync_api import expect

from session_peer import pages
from signet import HTTP_SECONDS, START_SECONDS, Signet, free_ports

PATIENCE = 30_000
GUIDE = pathlib.Path(__file__).parents[2] / "Docs/guides/a-server-rendered-app-with-sessions.md"
PASSWORD = "correct battery"

POST = """async ([issuer, path, members]) => {
    const answer = await fetch(issuer + path, {method: "POST", credentials: "include",
        headers: {"Content-Type": "application/json", "Signet-CSRF": "1"}, body: JSON.stringify(members)});
    const text = await answer.text();
    return {status: answer.status, body: text ? JSON.parse(text) : {}};
}"""


@contextlib.contextmanager
def application_of_the_guide(server, folder):
    """The application that the guide shows, as it stands there."""
    code = re.search(r"```python\n(.*?)```", GUIDE.read_text(), re.DOTALL).group(1)
    here = f"http://localhost:{free_ports(1)}"
    script = folder / "notes.py"
    script.write_text(code)
    [command] = re.findall(r"^    signet (client create (?:.*\\\n)*.*)$", GUIDE.read_text(), re.MULTILINE)
    server.run(*shlex.split(command.replace("\\\n", " ").replace("http://localhost:3000", here)))
    process = subprocess.Popen([sys.executable, str(script)], env={**os.environ, "ISSUER": server.issuer, "HERE": here},
                               stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and process.poll() is None:
            with contextlib.suppress(requests.RequestException):
                requests.get(here, timeout=HTTP_SECONDS)
                break
            time.sleep(0.05)
        yield here
    finally:
        process.terminate()
        process.wait(timeout=30)


def sign_in(page, username="ada", password=PASSWORD):
    page.get_by_label("Username").fill(username)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()


def test_the_guides_application_signs_in_and_out_without_scripts(server, chromium, tmp_path):
    server.create_user(name="Ada Lovelace")
    with application_of_the_guide(server, tmp_path) as here:
        context = chromium.new_context(java_script_enabled=False)
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        page.goto(here)
        sign_in(page, password="wrong")
        expect(page.get_by_role("alert")).to_have_text("That did not work.", timeout=PATIENCE)
        sign_in(page)
        expect(page.get_by_role("heading")).to_have_text("Hello, Ada Lovelace", timeout=PATIENCE)
        assert page.url == here + "/"
        page.reload()
        expect(page.get_by_role("heading")).to_have_text("Hello, Ada Lovelace", timeout=PATIENCE)
        page.get_by_role("button", name="Sign out").click()
        expect(page.get_by_label("Username")).to_be_visible(timeout=PATIENCE)
        context.close()


def test_session_mode_is_over_with_the_very_next_request(server, chromium, tmp_path):
    person = server.create_user(name="Ada Lovelace")
    with application_of_the_guide(server, tmp_path) as here:
        here_context, elsewhere_context = chromium.new_context(), chromium.new_context()
        here_page, elsewhere = here_context.new_page(), elsewhere_context.new_page()
        for page in (here_page, elsewhere):
            page.set_default_timeout(PATIENCE)
            page.goto(here)
            sign_in(page)
            expect(page.get_by_role("heading")).to_have_text("Hello, Ada Lovelace", timeout=PATIENCE)
        stolen = {cookie["name"]: cookie["value"] for cookie in here_context.cookies(server.issuer)}
        state = server.issuer + "/session?client_id=notes"
        assert requests.get(state, cookies=stolen, timeout=HTTP_SECONDS).json()["active"]

        # Signing out in one browser ends what was copied from it, at once, and nothing of the other.
        here_page.get_by_role("button", name="Sign out").click()
        expect(here_page.get_by_label("Username")).to_be_visible(timeout=PATIENCE)
        assert not requests.get(state, cookies=stolen, timeout=HTTP_SECONDS).json()["active"]
        elsewhere.reload()
        expect(elsewhere.get_by_role("heading")).to_have_text("Hello, Ada Lovelace", timeout=PATIENCE)

        # The operator's act counts with the next page.
        server.run("user", "disable", person["username"])
        elsewhere.reload()
        expect(elsewhere.get_by_label("Username")).to_be_visible(timeout=PATIENCE)
        here_context.close()
        elsewhere_context.close()


@pytest.fixture
def single_page(server):
    """An origin with a client in token mode."""
    server.create_user(name="Ada Lovelace")
    with pages("localhost") as origin:
        server.run(
            "client", "create", "--id", "spa", "--type", "public", "--first-party", "--browser-session", "tokens",
            "--origin", origin)
        yield origin


def log_in(page, server):
    answer = page.evaluate(POST, [server.issuer, "/session/login", {
        "client_id": "spa", "username": "ada", "password": PASSWORD, "scope": "openid"}])
    assert answer["status"] == 200 and "refresh_token" not in answer["body"], answer
    return answer["body"]["access_token"]


def test_two_tabs_that_refresh_at_once_stay_signed_in_and_a_copied_cookie_does_not(server, chromium, single_page):
    context = chromium.new_context()
    first, second = context.new_page(), context.new_page()
    for page in (first, second):
        page.goto(single_page)
    log_in(first, server)
    copied = {cookie["name"]: cookie["value"] for cookie in context.cookies(server.issuer)}

    # Both are on their way before either is answered.
    start = """([issuer, path, members]) => { window.answers = Promise.all([1, 2, 3].map(() =>
        fetch(issuer + path, {method: "POST", credentials: "include",
            headers: {"Content-Type": "application/json", "Signet-CSRF": "1"}, body: JSON.stringify(members)})
        .then((answer) => answer.status))); }"""
    for page in (first, second):
        page.evaluate(start, [server.issuer, "/session/refresh", {"client_id": "spa"}])
    statuses = [status for page in (first, second) for status in page.evaluate("() => window.answers")]
    assert statuses and set(statuses) <= {200, 409} and 200 in statuses, statuses
    for page in (first, second):
        answer = page.evaluate(POST, [server.issuer, "/session/refresh", {"client_id": "spa"}])
        assert answer["status"] == 200, answer
    token = answer["body"]["access_token"]

    # No script of the page sees any of it.
    seen = first.evaluate("() => JSON.stringify([document.cookie, {...localStorage}, {...sessionStorage}])")
    assert "signet" not in seen, seen

    # Whoever copied the cookie before and uses it after its window ends the family for both.
    time.sleep(11)
    thief = requests.post(
        server.issuer + "/session/refresh", json={"client_id": "spa"}, cookies=copied, timeout=HTTP_SECONDS,
        headers={"Origin": single_page, "Signet-CSRF": "1"})
    assert thief.status_code == 401 and thief.json()["error"] == "login_required"
    assert first.evaluate(POST, [server.issuer, "/session/refresh", {"client_id": "spa"}])["status"] == 401
    assert context.cookies(server.issuer) == [], "the browser's own cookie is cleared"
    refused = requests.get(
        server.issuer + "/userinfo", headers={"Authorization": f"Bearer {token}"}, timeout=HTTP_SECONDS)
    assert refused.status_code == 401
    explained = server.run("explain", thief.json()["trace_id"])
    assert "reuse" in str(explained), explained
    context.close()


def test_over_tls_the_browser_keeps_the_cookie_to_one_host_and_from_every_script(binary, data_dir, chromium, tmp_path):
    certificate, key = tmp_path / "server.pem", tmp_path / "server.key"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", str(key), "-out",
         str(certificate)], check=True, capture_output=True)
    with Signet(binary, data_dir, tls=(str(certificate), str(key))) as server:
        server.create_user()
        server.run("client", "create", "--id", "spa", "--type", "public", "--first-party",
                   "--browser-session", "tokens")
        context = chromium.new_context(ignore_https_errors=True, bypass_csp=True)
        page = context.new_page()
        page.goto(server.issuer + "/")
        log_in(page, server)
        kept = [cookie for cookie in context.cookies() if "signet-client-" in cookie["name"]]
        assert len(kept) == 1
        cookie = kept[0]
        assert cookie["name"].startswith("__Host-signet-client-") and cookie["domain"] == "localhost"
        assert cookie["secure"] and cookie["httpOnly"] and cookie["sameSite"] == "Strict" and cookie["path"] == "/"
        assert page.evaluate(POST, [server.issuer, "/session/refresh", {"client_id": "spa"}])["status"] == 200
        assert page.evaluate(POST, [server.issuer, "/session/logout", {"client_id": "spa"}])["status"] == 204
        assert not [cookie for cookie in context.cookies() if "signet-client-" in cookie["name"]]
        context.close()
