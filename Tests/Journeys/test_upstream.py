"""Log in with somebody else: a second Signet, Authlib's server, and what Apple documents, in a real Chromium."""

import contextlib
import json
import re
import secrets
import socket
import time

import pytest
import requests
from playwright.sync_api import expect

from authlib_issuer import Client, Issuer
from signet import HTTP_SECONDS, Form, Signet
from upstream import AppleLike, application, authorize_url, downstream, register_application

PATIENCE = 30_000


@pytest.fixture
def page(chromium):
    context = chromium.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    page.faults = []
    page.on("console", lambda message: page.faults.append(message.text) if "Content Security" in message.text else None)
    yield page
    context.close()


@contextlib.contextmanager
def two_signets(binary, folder, **policy):
    """A Signet at 127.0.0.1 with Ada, and one at localhost, another site, that lets people come from it."""
    secret = secrets.token_urlsafe(32)
    (folder / "upper.secret").write_text(secret + "\n")
    with Signet(binary, folder / "upper", host="127.0.0.1") as upper:
        upper.run(
            "user", "create", "--username", "ada", "--password-stdin", "--name", "Ada Lovelace",
            "--email", "ada@example.org", "--email-verified", standard_input="correct battery\n")
        fields = {
            "display_name": "Upper House", "issuer": upper.issuer, "client_id": "lower",
            "client_secret_file": str(folder / "upper.secret"), "allow_private_network": "true", **policy}
        with downstream(binary, folder, {"upper": fields}) as lower:
            upper.run(
                "client", "create", "--id", "lower", "--name", "Lower House", "--secret-stdin",
                "--redirect-uri", f"{lower.issuer}/upstream/upper/callback", "--scope", "openid profile email",
                standard_input=secret + "\n")
            register_application(lower)
            yield upper, lower


def sign_in(page, username="ada", password="correct battery"):
    page.get_by_label(re.compile("username", re.IGNORECASE)).fill(username)
    page.get_by_label(re.compile("^password", re.IGNORECASE)).fill(password)
    page.get_by_role("button", name=re.compile("^(sign in|confirm)$", re.IGNORECASE)).click()


def allow(page):
    page.get_by_role("button", name=re.compile("^allow", re.IGNORECASE)).click()


def arrives(page):
    page.wait_for_url(re.compile("^" + re.escape(application())))
    assert "code=" in page.url and "state=application-state" in page.url
    assert page.faults == []


def people(server):
    return server.run("user", "list")


def test_a_second_signet_end_to_end(binary, tmp_path, page):
    with two_signets(binary, tmp_path, sign_up="true", groups_claim="groups") as (upper, lower):
        page.goto(authorize_url(lower))
        page.get_by_role("button", name="Continue with Upper House").click()
        page.wait_for_url(lambda url: url.startswith(upper.issuer + "/sign-in"))
        sign_in(page)
        allow(page)
        # Back here: consent for the application, with the name that came from there.
        expect(page.get_by_text("Ada Lovelace")).to_be_visible(timeout=PATIENCE)
        allow(page)
        arrives(page)
        [person] = people(lower)
        assert person["email"] == "ada@example.org" and person["email_verified"] and person["name"] == "Ada Lovelace"
        assert person["preferred_username" if "preferred_username" in person else "username"].startswith("upper-")
        # The second time nobody is asked anything at either place but for the button, and it is the same person.
        page.context.clear_cookies(domain="localhost")
        page.goto(authorize_url(lower))
        page.get_by_role("button", name="Continue with Upper House").click()
        arrives(page)
        assert len(people(lower)) == 1


def test_newcomers_without_sign_up_get_a_page_and_can_go_back(binary, tmp_path, page):
    with two_signets(binary, tmp_path) as (upper, lower):
        page.goto(authorize_url(lower))
        page.get_by_role("button", name="Continue with Upper House").click()
        sign_in(page)
        allow(page)
        expect(page.get_by_role("heading", name="You don’t have an account here yet")).to_be_visible(timeout=PATIENCE)
        assert people(lower) == []
        page.get_by_role("link", name="Back to sign in").click()
        expect(page.get_by_label(re.compile("^password", re.IGNORECASE))).to_be_visible(timeout=PATIENCE)


def test_linking_after_a_local_login_then_signing_in_by_it_then_removing_it(binary, tmp_path, page):
    with two_signets(binary, tmp_path) as (upper, lower):
        lower.create_user("countess", "another battery")
        page.goto(lower.issuer + "/account/links")
        sign_in(page, "countess", "another battery")
        page.get_by_role("button", name="Link Upper House").click()
        sign_in(page)
        allow(page)
        expect(page.get_by_role("status")).to_contain_text("is linked", timeout=PATIENCE)
        expect(page.get_by_text("ada@example.org")).to_be_visible()
        page.context.clear_cookies(domain="localhost")
        page.goto(authorize_url(lower))
        page.get_by_role("button", name="Continue with Upper House").click()
        expect(page.get_by_text("countess")).to_be_visible(timeout=PATIENCE)
        allow(page)
        arrives(page)
        page.goto(lower.issuer + "/account/links")
        # Who has a password changes the ways in by it: the provider, where this browser is signed in, would ask nobody.
        page.get_by_label(re.compile("^password", re.IGNORECASE)).fill("another battery")
        page.get_by_role("button", name="Confirm").click()
        page.get_by_role("button", name=re.compile("^Remove Upper House")).click()
        expect(page.get_by_role("status")).to_contain_text("gone", timeout=PATIENCE)
        expect(page.get_by_text("No account at another provider is linked.")).to_be_visible()


def test_a_provider_that_is_switched_off_meanwhile_signs_nobody_in(binary, tmp_path, page):
    """CVE-2026-1486, CVE-2026-2603: a disabled identity provider is not accepted, also when its answer is under way."""
    with two_signets(binary, tmp_path) as (upper, lower):
        lower.run(
            "upstream", "create", "second", "--field", f"issuer={upper.issuer}", "--field", "client_id=lower",
            "--field", "sign_up=true", "--field", "allow_private_network=true", "--client-secret-stdin",
            standard_input=(tmp_path / "upper.secret").read_text())
        upper.run(
            "client", "update", "lower", "--redirect-uri", f"{lower.issuer}/upstream/second/callback")
        button = page.get_by_role("button", name="Continue with second")
        page.goto(authorize_url(lower))
        for _ in range(30):
            if button.count():
                break
            page.wait_for_timeout(500)
            page.reload()
        button.click()
        sign_in(page)
        expect(page.get_by_role("button", name=re.compile("^allow", re.IGNORECASE))).to_be_visible(timeout=PATIENCE)
        assert lower.run("upstream", "disable", "second")["state"] == "disabled"
        until_gone(lower, "/upstream/second/start")
        allow(page)
        expect(page.get_by_role("heading", name="second can’t be used here")).to_be_visible(timeout=PATIENCE)
        assert people(lower) == []


def until_gone(server, text):
    """The running server hears of it within its own second."""
    for _ in range(60):
        http = requests.Session()
        if text not in http.get(authorize_url(server), timeout=HTTP_SECONDS).text:
            return
        time.sleep(0.25)
    raise AssertionError(f"the sign-in page still says {text}")


def test_apple_answers_with_a_form_from_its_own_site(binary, tmp_path, page):
    """The cookies are SameSite=Lax, so that they do not come with the form; the login works and stays bound to them."""
    with AppleLike() as apple:
        (tmp_path / "apple.p8").write_text(apple.private_key_pem())
        fields = {
            "preset": "apple", "issuer": apple.url, "client_id": "org.example.signin", "team_id": apple.team,
            "key_id": apple.key_id, "private_key_file": str(tmp_path / "apple.p8"), "sign_up": "true",
            "allow_private_network": "true"}
        with downstream(binary, tmp_path, {"apple": fields}) as lower:
            register_application(lower)
            posted = []
            page.on("request", lambda request: posted.append(request) if request.method == "POST" else None)
            page.goto(authorize_url(lower))
            page.get_by_role("button", name="Continue with Apple").click()
            page.get_by_role("button", name="Continue as Ada").click()
            expect(page.get_by_text("Ada Lovelace")).to_be_visible(timeout=PATIENCE)
            allow(page)
            arrives(page)
            [answer] = [request for request in posted if request.url.endswith("/upstream/apple/callback")]
            headers = answer.all_headers()
            assert headers["origin"] == apple.url and "cookie" not in headers, "the form came without our cookies"
            [person] = people(lower)
            assert person["email"] == "x7k2@privaterelay.appleid.com" and person["name"] == "Ada Lovelace"
            assert apple.secrets, "the secret was a JWT that Apple's key verifies"


def test_another_browser_cannot_end_an_apple_login(binary, tmp_path, chromium, page):
    """Login CSRF: the answer counts in the browser that began the login, also when it comes as a form."""
    with AppleLike() as apple:
        (tmp_path / "apple.p8").write_text(apple.private_key_pem())
        fields = {
            "preset": "apple", "issuer": apple.url, "client_id": "org.example.signin", "team_id": apple.team,
            "key_id": apple.key_id, "private_key_file": str(tmp_path / "apple.p8"), "sign_up": "true",
            "allow_private_network": "true"}
        with downstream(binary, tmp_path, {"apple": fields}) as lower:
            register_application(lower)
            # The attacker stops before the form is sent, and gives it to the victim.
            page.goto(authorize_url(lower))
            page.get_by_role("button", name="Continue with Apple").click()
            page.get_by_role("button", name="Continue as Ada").wait_for()
            form = page.content()
            victim = chromium.new_context()
            theirs = victim.new_page()
            theirs.set_default_timeout(PATIENCE)
            theirs.route(apple.url + "/trap", lambda route: route.fulfill(body=form, content_type="text/html"))
            theirs.goto(apple.url + "/trap")
            theirs.get_by_role("button", name="Continue as Ada").click()
            expect(theirs.get_by_role("heading", name="This sign-in is over")).to_be_visible(timeout=PATIENCE)
            assert not [c for c in victim.cookies() if c["name"].endswith("signet-session")]
            assert people(lower) == []
            victim.close()


def test_a_provider_that_we_did_not_write(binary, tmp_path, page):
    """Authlib's authorization server: discovery, code, PKCE, an RS256 ID token, userinfo."""
    client = Client("lower", ["client_secret_basic"], ["authorization_code"], secret="s" * 40)
    with Issuer([client]) as issuer:
        (tmp_path / "authlib.secret").write_text("s" * 40)
        fields = {
            "display_name": "Authlib", "issuer": issuer.url, "client_id": "lower", "sign_up": "true",
            "client_secret_file": str(tmp_path / "authlib.secret"), "allow_private_network": "true"}
        with downstream(binary, tmp_path, {"authlib": fields}) as lower:
            client.redirect_uri = f"{lower.issuer}/upstream/authlib/callback"
            register_application(lower)
            page.goto(authorize_url(lower))
            page.get_by_role("button", name="Continue with Authlib").click()
            allow(page)
            arrives(page)
            assert len(people(lower)) == 1
            checked = lower.run("upstream", "test", "authlib", "--config", str(tmp_path / "signet.yaml"))
            assert checked["sound"], checked
        assert {"/authorize", "/token", "/jwks", "/userinfo"} <= set(issuer.seen)


def test_a_provider_that_is_down_gets_a_page_that_says_so(binary, tmp_path, page):
    fields = {
        "display_name": "Nobody", "issuer": "http://127.0.0.1:9", "client_id": "lower", "sign_up": "true",
        "client_secret_env": "NOBODYS_SECRET", "allow_private_network": "true"}
    with downstream(binary, tmp_path, {"nobody": fields}, environment={"NOBODYS_SECRET": "x" * 40}) as lower:
        register_application(lower)
        page.goto(authorize_url(lower))
        page.get_by_role("button", name="Continue with Nobody").click()
        expect(page.get_by_role("heading", name="Nobody doesn’t answer")).to_be_visible(timeout=PATIENCE)
        trace = page.locator("code").last.inner_text()
        assert trace in lower.output(), "the log has the trace that the page shows"
        page.get_by_role("link", name="Back to sign in").click()
        expect(page.get_by_label(re.compile("^password", re.IGNORECASE))).to_be_visible(timeout=PATIENCE)


def test_a_provider_that_says_nothing_gets_the_same_page(binary, tmp_path, page):
    """It takes the connection and then nothing comes for as long as anybody waits."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        fields = {
            "display_name": "Silence", "issuer": f"http://127.0.0.1:{silent.getsockname()[1]}", "client_id": "lower",
            "client_secret_env": "NOBODYS_SECRET", "allow_private_network": "true"}
        with downstream(binary, tmp_path, {"silence": fields}, environment={"NOBODYS_SECRET": "x" * 40}) as lower:
            register_application(lower)
            page.set_default_timeout(4 * PATIENCE)
            page.goto(authorize_url(lower))
            page.get_by_role("button", name="Continue with Silence").click()
            expect(page.get_by_role("heading", name="Silence doesn’t answer")).to_be_visible(timeout=4 * PATIENCE)
            assert re.search("no (complete )?response (in time|within)", lower.output()), lower.output()


def test_a_private_provider_is_refused_unless_the_operator_allows_it(binary, tmp_path):
    """FIELD I28: an issuer on loopback, by configuration alone."""
    fields = {"display_name": "Inside", "issuer": "http://127.0.0.1:9", "client_id": "lower",
              "client_secret_env": "NOBODYS_SECRET"}
    with downstream(binary, tmp_path, {"inside": fields}, environment={"NOBODYS_SECRET": "x" * 40}) as lower:
        register_application(lower)
        browser = requests.Session()
        response = browser.get(authorize_url(lower), timeout=HTTP_SECONDS)
        form = Form(response)
        answer = browser.post(
            f"{lower.issuer}/upstream/inside/start",
            data={name: form.fields[name] for name in ("interaction", "form_token")}, timeout=HTTP_SECONDS)
        assert answer.status_code == 503
        assert "not allowed (loopback)" in lower.output()
        shown = json.dumps(lower.run("config", "show", "--config", str(tmp_path / "signet.yaml")))
        assert "NOBODYS_SECRET" in shown and "x" * 40 not in shown
