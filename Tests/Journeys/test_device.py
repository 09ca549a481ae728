"""Devices without a browser (RFC 8628): our command line on a terminal, other clients, and a person with a phone."""

import json
import os
import pathlib
import re
import stat
import subprocess
import threading
import time

import pytest
import requests
from playwright.sync_api import expect

from client_peer import ClientPeer, Refused, peer_binary
from signet import HTTP_SECONDS, Form, Person
from terminal import Terminal

DEVICE = "urn:ietf:params:oauth:grant-type:device_code"
PATIENCE = 30_000
CODE = r"\b([B-DF-HJ-NP-TV-XZ]{4}-[B-DF-HJ-NP-TV-XZ]{4})\b"


@pytest.fixture
def environment(tmp_path):
    clean = {name: value for name, value in os.environ.items() if not name.startswith("SIGNET_")}
    return {**clean, "XDG_CONFIG_HOME": str(tmp_path / "config"), "TERM": "xterm-256color"}


@pytest.fixture
def phone(chromium):
    """A phone without JavaScript: the pages need none."""
    context = chromium.new_context(
        viewport={"width": 390, "height": 844}, device_scale_factor=2, is_mobile=True, has_touch=True,
        java_script_enabled=False)
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    yield page
    context.close()


def signet(binary, environment, *arguments):
    return subprocess.run([binary, *arguments], env=environment, capture_output=True, text=True, timeout=120)


def sign_in(page, username="demo", password="correct horse"):
    page.get_by_label(re.compile("username", re.IGNORECASE)).fill(username)
    page.get_by_label(re.compile("^password", re.IGNORECASE)).fill(password)
    page.get_by_role("button", name=re.compile("^sign in", re.IGNORECASE)).click()


def fits(page):
    """Nothing is cut off on a phone."""
    for box in [page.locator("main").bounding_box(), page.locator("h1").bounding_box()]:
        assert box["x"] >= 0 and box["x"] + box["width"] <= 390, box


def orders(demo, token):
    return requests.get(demo.api + "/orders", headers={"Authorization": f"Bearer {token}"}, timeout=HTTP_SECONDS)


def test_signet_login_from_the_code_on_a_terminal_to_an_api_call_and_out_again(demo, binary, environment, phone):
    command = [binary, "login", "--issuer", demo.issuer, "--scope", "openid profile offline_access orders:read"]
    with Terminal(command, environment) as terminal:
        code = terminal.wait_for(CODE).group(1)
        terminal.wait_for("Ctrl-C gives up")
        assert f"{demo.issuer}/device\n" in terminal.text

        phone.goto(demo.issuer + "/device")
        sign_in(phone)
        fits(phone)
        field = phone.get_by_label(re.compile("code", re.IGNORECASE))
        field.fill("BBBBBBBB")
        phone.get_by_role("button", name="Continue").click()
        expect(phone.get_by_role("alert")).to_contain_text("doesn’t work", timeout=PATIENCE)
        field.fill(code.lower().replace("-", " "))
        phone.get_by_role("button", name="Continue").click()
        main = phone.locator("main")
        expect(main).to_contain_text("Connect Signet command line?", timeout=PATIENCE)
        for words in (code, "127.0.0.1", "less than a minute ago", "See your orders", "Stay connected"):
            expect(main).to_contain_text(words)
        fits(phone)
        phone.get_by_role("button", name="Allow", exact=True).click()
        expect(main).to_contain_text("Go back to your device", timeout=PATIENCE)

        terminal.wait_for(r"Signed in to \S+ as demo")
        assert terminal.end() == 0
        assert "eyJ" not in terminal.text and "signet_rt_" not in terminal.text, "no token on the screen"

    files = list(pathlib.Path(environment["XDG_CONFIG_HOME"]).rglob("*.json"))
    assert len(files) == 1 and stat.S_IMODE(files[0].stat().st_mode) == 0o600
    assert stat.S_IMODE(files[0].parent.stat().st_mode) == 0o700
    status = signet(binary, environment, "login", "status", "--json")
    shown = json.loads(status.stdout)
    assert shown[0]["issuer"] == demo.issuer and shown[0]["name"] == "demo" and shown[0]["refreshable"]
    assert "eyJ" not in status.stdout and "signet_rt_" not in status.stdout

    token = signet(binary, environment, "login", "token").stdout.strip()
    assert orders(demo, token).status_code == 200
    assert signet(binary, environment, "login", "token").stdout.strip() == token, "it is good for a while"

    # As if time had passed: the next one is bought with the refresh token.
    stored = json.loads(files[0].read_text())
    stored["tokens"]["expiresAt"] = stored["tokens"]["receivedAt"]
    files[0].write_text(json.dumps(stored))
    fresh = signet(binary, environment, "login", "token").stdout.strip()
    assert fresh != token and orders(demo, fresh).status_code == 200
    assert stat.S_IMODE(files[0].stat().st_mode) == 0o600
    kept = json.loads(files[0].read_text())["tokens"]

    out = signet(binary, environment, "logout")
    assert out.returncode == 0 and not files[0].exists()
    refused = requests.post(
        demo.issuer + "/token", timeout=HTTP_SECONDS,
        data={"grant_type": "refresh_token", "client_id": "signet-cli", "refresh_token": kept["refreshToken"]})
    assert refused.json()["error"] == "invalid_grant", "signing out ends the grant"
    assert signet(binary, environment, "login", "token").returncode == 67


def test_the_qr_code_on_the_terminal_leads_to_the_page_with_the_code_filled_in(demo, binary, environment, phone):
    with Terminal([binary, "login", "--issuer", demo.issuer, "--print-token"], environment) as terminal:
        code = terminal.wait_for(CODE).group(1)
        terminal.wait_for("Ctrl-C gives up")
        address = terminal.qr_code()
        assert address == f"{demo.issuer}/device?user_code={code}"
        phone.goto(address)
        sign_in(phone)
        # The address fills the code in and decides nothing.
        expect(phone.get_by_label(re.compile("code", re.IGNORECASE))).to_have_value(code, timeout=PATIENCE)
        expect(phone.locator("main")).to_contain_text("shows this very code")
        phone.get_by_role("button", name="Continue").click()
        expect(phone.locator("main")).to_contain_text(code, timeout=PATIENCE)
        phone.get_by_role("button", name="Allow", exact=True).click()
        token = terminal.wait_for(r"(eyJ[\w-]+\.[\w-]+\.[\w-]+)").group(1)
        assert terminal.end() == 0
    info = requests.get(
        demo.issuer + "/userinfo", headers={"Authorization": f"Bearer {token}"}, timeout=HTTP_SECONDS).json()
    assert info["preferred_username"] == "demo"


def test_denied_and_given_up(demo, binary, environment, phone):
    with Terminal([binary, "login", "--issuer", demo.issuer, "--no-qr"], environment) as terminal:
        code = terminal.wait_for(CODE).group(1)
        assert "█" not in terminal.text
        phone.goto(f"{demo.issuer}/device?user_code={code}")
        sign_in(phone)
        phone.get_by_role("button", name="Continue").click()
        phone.get_by_role("button", name="Don’t allow").click()
        expect(phone.locator("main")).to_contain_text("Not connected", timeout=PATIENCE)
        terminal.wait_for("denied on the page")
        assert terminal.end() == 77
    with Terminal([binary, "login", "--issuer", demo.issuer, "--no-qr"], environment) as terminal:
        terminal.wait_for("Ctrl-C gives up")
        terminal.interrupt()
        terminal.wait_for("given up: nothing was stored")
        assert terminal.end() == 130
    assert not list(pathlib.Path(environment["XDG_CONFIG_HOME"]).rglob("*"))


def test_what_is_wrong_is_said_with_what_to_do(server, binary, environment):
    unknown = signet(binary, environment, "login", "--issuer", server.issuer)
    assert unknown.returncode == 67 and "eyJ" not in unknown.stderr
    advice = re.search(r"signet (client create --id signet-cli --device)", unknown.stderr)
    assert advice, unknown.stderr
    created = server.run(*advice.group(1).split())
    assert created["grant_types"] == [DEVICE, "refresh_token"] and created["redirect_uris"] == []
    server.create_user()
    with Terminal([binary, "login", "--issuer", server.issuer, "--no-qr"], environment) as terminal:
        terminal.wait_for(CODE)

    server.run("client", "update", "signet-cli", "--grant", "authorization_code",
               "--redirect-uri", "https://app.example/callback")
    refused = signet(binary, environment, "login", "--issuer", server.issuer)
    assert refused.returncode == 67 and "--grant device_code" in refused.stderr
    scope = signet(binary, environment, "login", "--issuer", server.issuer, "--scope", "no:such")
    assert scope.returncode != 0 and "Traceback" not in scope.stderr
    silent = signet(binary, environment, "login", "--issuer", "http://localhost:9")
    assert silent.returncode == 69 and "does not answer" in silent.stderr
    plain = signet(binary, environment, "login", "--issuer", "http://id.example.org")
    assert plain.returncode == 64 and "https" in plain.stderr
    assert signet(binary, environment, "login", "token").returncode == 67
    assert signet(binary, environment, "logout").returncode == 67


class Television:
    """A client of RFC 8628 written from the RFC, with nothing of ours."""

    def __init__(self, server, client_id, scope):
        self.server = server
        self.client_id = client_id
        self.metadata = server.discover()
        answer = requests.post(
            self.metadata["device_authorization_endpoint"], data={"client_id": client_id, "scope": scope},
            timeout=HTTP_SECONDS)
        assert answer.status_code == 200 and answer.headers["Cache-Control"] == "no-store", answer.text
        self.codes = answer.json()
        self.interval = self.codes["interval"]

    def ask(self):
        return requests.post(
            self.metadata["token_endpoint"], timeout=HTTP_SECONDS,
            data={"grant_type": DEVICE, "device_code": self.codes["device_code"], "client_id": self.client_id})

    def wait(self):
        """RFC 8628 §3.5, to the letter."""
        while True:
            time.sleep(self.interval)
            answer = self.ask()
            error = None if answer.ok else answer.json()["error"]
            if error == "slow_down":
                self.interval += 5
            elif error != "authorization_pending":
                return answer


def connect(issuer, code, decision="allow", username="ada", password="correct battery"):
    """A person without JavaScript, who types the code."""
    person = Person(username, password)
    page = person.http.get(issuer + "/device", timeout=HTTP_SECONDS)
    form = Form(page)
    form.fields.update(username=username, password=password, decision="sign-in")
    form = Form(person.http.post(form.action, data=form.fields, timeout=HTTP_SECONDS))
    form.fields["user_code"] = code
    form = Form(person.http.post(form.action, data=form.fields, timeout=HTTP_SECONDS))
    form.fields["decision"] = decision
    return person.http.post(form.action, data=form.fields, timeout=HTTP_SECONDS)


@pytest.fixture
def television(server):
    server.run("client", "create", "--id", "tv", "--name", "Television", "--device")
    server.create_user()
    return lambda: Television(server, "tv", "openid offline_access")


def test_a_client_written_from_the_rfc(server, television):
    tv = television()
    codes = tv.codes
    assert re.fullmatch(CODE, codes["user_code"]) and codes["expires_in"] == 600 and codes["interval"] == 5
    assert codes["verification_uri"] == server.issuer + "/device"
    assert codes["verification_uri_complete"].endswith("?user_code=" + codes["user_code"])
    assert tv.ask().json()["error"] == "authorization_pending"
    assert tv.ask().json()["error"] == "slow_down"
    tv.interval += 5
    threading.Timer(1, connect, [server.issuer, codes["user_code"]]).start()
    answer = tv.wait().json()
    assert answer["token_type"] == "Bearer" and answer["refresh_token"] and answer["id_token"]
    assert answer["scope"] == "openid offline_access"
    again = tv.ask()
    assert again.status_code == 400 and again.json()["error"] == "invalid_grant"
    refreshed = requests.post(
        server.issuer + "/token", timeout=HTTP_SECONDS,
        data={"grant_type": "refresh_token", "client_id": "tv", "refresh_token": answer["refresh_token"]})
    assert refreshed.json()["error"] == "invalid_grant", "the code came twice: what it paid for is revoked"

    denied = television()
    page = connect(server.issuer, denied.codes["user_code"], "deny")
    assert page.status_code == 200 and "Not connected" in page.text
    assert denied.ask().json()["error"] == "access_denied"


def test_our_client_library_against_our_server(server, television):
    with ClientPeer(peer_binary(), server.issuer, "tv", "https://app.example/callback") as client:
        started = client.ask("device_start", scopes=["openid", "offline_access"])
        threading.Timer(1, connect, [server.issuer, started["user_code"]]).start()
        login = client.ask("device_wait", user_code=started["user_code"])
        assert login["claims"]["iss"] == server.issuer and "sid" not in login["claims"]
        fresh = client.ask("refresh", tokens=login["tokens"], sub=login["sub"], callers=20)
        assert len(fresh["access_tokens"]) == 1

        refused = client.ask("device_start", scopes=["openid"])
        connect(server.issuer, refused["user_code"], "deny")
        with pytest.raises(Refused) as no:
            client.ask("device_wait", user_code=refused["user_code"])
        assert no.value.details["error"] == "access_denied"


def test_guesses_are_slowed_down_and_told_nothing(server, television):
    """FIELD L36: five are free, the sixth waits, and what is said is the same for every code."""
    tv = television()
    person = Person("ada", "correct battery")
    form = Form(person.http.get(server.issuer + "/device", timeout=HTTP_SECONDS))
    form.fields.update(username="ada", password="correct battery", decision="sign-in")
    form = Form(person.http.post(form.action, data=form.fields, timeout=HTTP_SECONDS))
    answers = []
    for letter in "BCDFGHJK":
        answers.append(person.http.post(
            form.action, data={**form.fields, "user_code": letter * 8}, timeout=HTTP_SECONDS))
    assert [answer.status_code for answer in answers] == [400] * 5 + [429] * 3
    assert all("Retry-After" in answer.headers for answer in answers[5:])
    right = person.http.post(
        form.action, data={**form.fields, "user_code": tv.codes["user_code"]}, timeout=HTTP_SECONDS)
    assert right.status_code == 429, "who guessed waits, with a right code too"
    assert tv.ask().json()["error"] == "authorization_pending"


def test_a_hostile_page_cannot_answer_for_the_person(demo, phone):
    """FIELD K34: forms that another origin sends to the pages of a signed-in person change nothing."""
    tv = Television(demo, "signet-cli", "openid")
    phone.goto(tv.codes["verification_uri_complete"])
    sign_in(phone)
    expect(phone.get_by_role("button", name="Continue")).to_be_visible(timeout=PATIENCE)
    token = phone.locator("input[name=form_token]").get_attribute("value")
    for path, fields in [
        ("/device", {"user_code": tv.codes["user_code"]}),
        ("/device", {"user_code": tv.codes["user_code"], "form_token": token}),
        ("/device/answer", {"user_code": tv.codes["user_code"], "request": "x", "decision": "allow", "form_token": token}),
    ]:
        inputs = "".join(f'<input name="{name}" value="{value}">' for name, value in fields.items())
        phone.route("http://evil.localhost/", lambda route: route.fulfill(
            content_type="text/html",
            body=f'<form method="post" action="{demo.issuer}{path}">{inputs}<button>Win a prize</button></form>'))
        phone.goto("http://evil.localhost/")
        phone.get_by_role("button", name="Win a prize").click()
        phone.wait_for_url(lambda url: url.startswith(demo.issuer))
        expect(phone.locator("main")).not_to_contain_text("Connect Signet command line?")
        phone.unroute("http://evil.localhost/")
    assert tv.ask().json()["error"] == "authorization_pending"
