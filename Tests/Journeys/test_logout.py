"""Logout everywhere it has to arrive: at applications that are down, in frames, in other browsers, at the next refresh.

OpenID Connect RP-Initiated Logout 1.0, Back-Channel Logout 1.0, Front-Channel Logout 1.0; FIELD A6, F22, I28, K34."""

import http.server
import re
import threading
import time
import urllib.parse

import jwt as pyjwt
import pytest
import requests
from playwright.sync_api import expect

from application import LOGOUT_EVENT, Application
from signet import HTTP_SECONDS, Form, Person, free_ports
from test_browser import PATIENCE

# Seconds: many times what it takes on a slow machine.
SOON = 90


def until(what, patience=SOON):
    """Waits until it is true; what it was."""
    deadline = time.monotonic() + patience
    while True:
        found = what()
        if found:
            return found
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.1)


@pytest.fixture
def applications():
    started = []

    def make(*arguments, **metadata):
        started.append(Application(*arguments, **metadata).start())
        return started[-1]

    yield make
    for application in started:
        application.stop()


@pytest.fixture
def ada(server):
    server.create_user("ada", "correct battery")
    return Person("ada", "correct battery")


def sign_out(person, application, name, decision=None):
    """As the application asks for it, with its ID token; the answer."""
    query = urllib.parse.urlencode({
        "id_token_hint": application.tokens[name]["id_token"], "post_logout_redirect_uri": application.origin + "/"})
    address = f"{application.issuer}/logout" + ("" if decision else f"?{query}")
    answer = person.http.get(address, allow_redirects=False, timeout=HTTP_SECONDS)
    if decision is None:
        return answer
    form = Form(answer)
    form.fields["decision"] = decision
    return person.http.post(form.action, data=form.fields, allow_redirects=False, timeout=HTTP_SECONDS)


def deliveries(server):
    return server.run("logout-deliveries", "list")


# The back channel

def test_an_application_that_was_down_is_told_when_it_is_back_although_the_server_was_killed(
        server, applications, ada):
    shop = applications(server, "shop", backchannel_logout_uri="/backchannel")
    name = shop.sign_in(ada)
    shop.stop()
    answer = sign_out(ada, shop, name)
    assert answer.status_code == 303 and answer.headers["Location"] == shop.origin + "/"
    failing = until(lambda: [row for row in deliveries(server) if row["attempts"] >= 2])[0]
    assert failing["client_id"] == "shop" and failing["state"] == "retrying" and failing["failed_at"] is None
    assert "no connection" in failing["last_error"] and failing["next_attempt_at"]

    server.kill()
    server.start()
    kept = deliveries(server)
    assert [row["delivery"] for row in kept] == [failing["delivery"]] and kept[0]["attempts"] >= 2
    assert shop.is_signed_in(name) and shop.posts == []

    shop.start()
    until(lambda: not shop.is_signed_in(name))
    until(lambda: deliveries(server) == [])
    assert len(shop.posts) == 1 and shop.posts[0]["events"] == {LOGOUT_EVENT: {}}
    log = server.output()
    assert re.search(r"could not be told.*attempt=1.*client=shop", log), log
    assert re.search(r"was told.*client=shop", log)
    assert "eyJ" not in log and shop.posts[0]["sid"] not in log and "logout_token" not in log


def test_every_application_of_the_session_is_told_and_a_second_library_agrees(server, applications, ada):
    shop = applications(server, "shop", backchannel_logout_uri="/backchannel")
    news = applications(server, "news", backchannel_logout_uri="/backchannel")
    quiet = applications(server, "quiet")
    other = Person("ada", "correct battery")
    names = [(application, application.sign_in(ada)) for application in (shop, news, quiet)]
    elsewhere = shop.sign_in(other)
    tokens = []
    judge = news.judge
    news.judge = lambda text: tokens.append(text) or judge(text)
    sign_out(ada, shop, names[0][1])
    until(lambda: not shop.is_signed_in(names[0][1]) and not news.is_signed_in(names[1][1]))
    until(lambda: deliveries(server) == [])
    # Another session of the same person goes on, and who registered nothing is not asked.
    assert shop.is_signed_in(elsewhere) and quiet.is_signed_in(names[2][1])
    keys = pyjwt.PyJWKClient(server.issuer + "/jwks.json")
    claims = pyjwt.decode(
        tokens[0], keys.get_signing_key_from_jwt(tokens[0]).key, algorithms=["RS256"], audience="news",
        issuer=server.issuer, options={"require": ["exp", "iat", "jti", "sub", "sid", "events"]})
    assert pyjwt.get_unverified_header(tokens[0])["typ"] == "logout+jwt" and "nonce" not in claims
    # FIELD F22, GHSA-7fpj-9hr8-28vh: it opens nothing here.
    bearer = {"Authorization": f"Bearer {tokens[0]}"}
    assert requests.get(server.issuer + "/userinfo", headers=bearer, timeout=HTTP_SECONDS).status_code == 401
    hinted = other.http.get(
        server.issuer + "/logout", params={"id_token_hint": tokens[0]}, allow_redirects=False, timeout=HTTP_SECONDS)
    assert hinted.status_code == 400
    assert shop.refresh(elsewhere).status_code == 200


def test_what_an_application_refuses_is_shown_and_can_be_sent_again(server, applications, ada):
    shop = applications(server, "shop", backchannel_logout_uri="/backchannel")
    name = shop.sign_in(ada)
    shop.answer = (400,)
    sign_out(ada, shop, name)
    failed = until(lambda: [row for row in deliveries(server) if row["state"] == "failed"])[0]
    assert failed["last_error"].startswith("the application answered 400") and failed["attempts"] == 1
    assert failed["next_attempt_at"] is None and failed["failed_at"]
    assert "refused to hear" in server.output()
    shop.answer = None
    server.run("logout-deliveries", "retry", failed["delivery"])
    until(lambda: not shop.is_signed_in(name))
    until(lambda: deliveries(server) == [])


@pytest.mark.parametrize("act", ["password", "disable", "revoke"])
def test_what_an_operator_ends_reaches_the_applications_too(server, applications, ada, act):
    shop = applications(server, "shop", backchannel_logout_uri="/backchannel")
    name = shop.sign_in(ada)
    if act == "password":
        server.run("user", "set-password", "ada", "--password-stdin", standard_input="another battery\n")
    elif act == "disable":
        server.run("user", "disable", "ada")
    else:
        server.run("revoke", "--user", "ada")
    until(lambda: not shop.is_signed_in(name))
    assert shop.refresh(name).status_code == 400


def test_a_redirect_is_not_followed_and_metadata_addresses_are_never_asked(server, applications, ada):
    """FIELD I28, CVE-2026-4874."""
    shop = applications(server, "shop", backchannel_logout_uri="/backchannel")
    cloud = applications(server, "cloud")
    server.run("client", "update", "cloud", "--backchannel-logout-uri", "https://169.254.169.254/latest/meta-data")
    visited = []

    class Inside(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            visited.append(self.path)
            self.send_response(200)
            self.end_headers()

        do_GET = do_POST

        def log_message(self, *_):
            pass

    inside = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Inside)
    threading.Thread(target=inside.serve_forever, daemon=True).start()
    shop.answer = (307, "", )
    reply = f"http://127.0.0.1:{inside.server_port}/stolen"
    handler = shop.listener.RequestHandlerClass
    original = handler.reply
    handler.reply = lambda self, status, text="", **headers: original(self, status, text, Location=reply, **headers)
    name = shop.sign_in(ada)
    cloud.sign_in(ada)
    sign_out(ada, shop, name)
    errors = until(lambda: (rows := {row["client_id"]: row["last_error"] or "" for row in deliveries(server)})
                   and len(rows) == 2 and all(rows.values()) and rows)
    assert errors["shop"] == "the application answered 307: redirects are not followed"
    assert "link-local" in errors["cloud"] and visited == []
    inside.shutdown()
    inside.server_close()


@pytest.mark.parametrize("address", [
    "http://app.example/backchannel", "javascript:alert(1)", "data:text/plain,x", "https://${host}/backchannel",
    "https://{client}.example/", "https://u:p@app.example/", "https://app.example/#f", "//app.example/", "file:///etc",
    "https://app.example\\@evil.example/", "com.example.app:/logout", "ftp://app.example/",
])
def test_addresses_that_nobody_may_be_told_at_are_not_registered(server, binary, address):
    """FIELD A3, I28, CVE-2026-4874: a placeholder or another scheme."""
    for option in ("--backchannel-logout-uri", "--frontchannel-logout-uri"):
        with pytest.raises(AssertionError, match="logout-uri"):
            server.run("client", "create", "--id", "c", "--redirect-uri", "https://app.example/cb", option, address)


# Sessions and refresh

def test_a_session_that_ended_is_over_at_the_next_refresh(server, applications, ada):
    shop = applications(server, "shop", scope="openid offline_access")
    news = applications(server, "news", scope="openid")
    offline, online = shop.sign_in(ada), news.sign_in(ada)
    assert shop.refresh(offline).status_code == 200 and news.refresh(online).status_code == 200
    sign_out(ada, shop, offline)
    assert news.refresh(online).json()["error"] == "invalid_grant"
    # Back-Channel Logout §2.7: offline access is for when nobody is there.
    assert shop.refresh(offline).status_code == 200


def test_the_hint_of_another_session_asks_and_a_foreign_address_is_never_visited(server, applications, ada):
    """FIELD A6, K34."""
    shop = applications(server, "shop")
    name = shop.sign_in(Person("ada", "correct battery"))
    mine = shop.sign_in(ada)
    asked = sign_out(ada, shop, name)
    assert asked.status_code == 200 and "sign-out-everywhere" in asked.text
    for address in ("https://evil.example/", shop.origin + "//evil.example", "javascript:alert(1)"):
        refused = ada.http.get(server.issuer + "/logout", allow_redirects=False, timeout=HTTP_SECONDS, params={
            "id_token_hint": shop.tokens[mine]["id_token"], "post_logout_redirect_uri": address})
        assert refused.status_code == 400 and "Location" not in refused.headers
        assert re.search(r"[0-9a-f]{32}", refused.text), "a trace id for the person to quote"
    assert shop.refresh(mine).status_code == 200


# Browsers

@pytest.fixture
def browser(chromium):
    contexts = []

    def open_browser(**options):
        contexts.append(chromium.new_context(**options))
        page = contexts[-1].new_page()
        page.set_default_timeout(PATIENCE)
        page.faults = []
        page.on("pageerror", lambda error: page.faults.append(str(error)))
        page.on("console", lambda line: page.faults.append(line.text) if "Content Security" in line.text else None)
        return page

    yield open_browser
    for context in contexts:
        context.close()


def enter(page, application):
    """Signs in at an application, with the password where it is asked for."""
    page.goto(application.origin + "/login")
    if page.url.startswith(application.issuer):
        page.get_by_label(re.compile("username", re.IGNORECASE)).fill("ada")
        page.get_by_label(re.compile("^password", re.IGNORECASE)).fill("correct battery")
        page.get_by_role("button", name=re.compile("^sign in", re.IGNORECASE)).click()
    # Offline access always asks.
    allow = page.get_by_role("button", name=re.compile("^allow", re.IGNORECASE))
    expect(allow.or_(page.get_by_text(re.compile("^signed in as")))).to_be_visible(timeout=PATIENCE)
    if allow.count():
        allow.click()
    page.wait_for_url(application.origin + "/")
    expect(page.get_by_text("signed in as")).to_be_visible(timeout=PATIENCE)


def leave(page, application, **query):
    page.goto(application.issuer + "/logout?" + urllib.parse.urlencode(query))


def is_signed_in(page, application):
    page.goto(application.origin + "/")
    return page.get_by_text("signed in as").count() == 1


@pytest.mark.parametrize("scripts", [True, False])
def test_the_signed_out_page_signs_the_other_applications_of_the_browser_out(
        server, applications, ada, browser, scripts):
    shop = applications(server, "shop", frontchannel_logout_uri="/bye")
    news = applications(server, "news", frontchannel_logout_uri="/bye")
    page, other = browser(java_script_enabled=scripts), browser()
    for application in (shop, news):
        enter(page, application)
    enter(other, news)
    leave(page, shop, client_id="shop", post_logout_redirect_uri=shop.origin + "/", state="s")
    page.get_by_role("button", name="Sign out", exact=True).click()
    page.get_by_role("heading", name="You’re signed out").wait_for()
    if scripts:
        page.wait_for_url(shop.origin + "/?state=s")
    else:
        until(lambda: shop.frames and news.frames)
        page.get_by_role("link", name="Back to Shop").click()
        page.wait_for_url(shop.origin + "/?state=s")
    assert not is_signed_in(page, shop) and not is_signed_in(page, news)
    assert is_signed_in(other, news), "another browser is another session"
    for application in (shop, news):
        assert {frame["iss"] for frame in application.frames} == {server.issuer}
        assert all(frame["sid"] for frame in application.frames)
    assert page.faults == []


def test_signing_out_everywhere_ends_both_browsers_every_application_and_offline_access(
        server, applications, ada, browser):
    shop = applications(
        server, "shop", scope="openid offline_access", backchannel_logout_uri="/backchannel",
        frontchannel_logout_uri="/bye")
    desk, phone = browser(), browser(viewport={"width": 390, "height": 844})
    enter(desk, shop)
    enter(phone, shop)
    names = list(shop.sessions)
    assert len(names) == 2 and shop.refresh(names[1]).status_code == 200
    leave(desk, shop)
    desk.get_by_role("button", name="Sign out everywhere").click()
    desk.get_by_role("heading", name="You’re signed out").wait_for()
    until(lambda: shop.sessions == {})
    assert not is_signed_in(phone, shop)
    assert [shop.refresh(name).json()["error"] for name in names] == ["invalid_grant"] * 2
    # The session at the issuer is over too: both have to type the password.
    for page in (desk, phone):
        page.goto(shop.origin + "/login")
        expect(page.get_by_label(re.compile("^password", re.IGNORECASE))).to_be_visible(timeout=PATIENCE)
    # And whoever types it is back: nothing that comes late ends the new session.
    enter(phone, shop)
    until(lambda: deliveries(server) == [])
    assert is_signed_in(phone, shop)


def test_no_page_of_another_origin_signs_a_person_out(server, applications, ada, browser):
    """FIELD K34, CVE-2020-10734, in a real browser: GETs, forms, frames, and a form token that leaked."""
    shop = applications(server, "shop")
    victim = browser()
    enter(victim, shop)
    leave(victim, shop)
    token = victim.locator("input[name=form_token]").get_attribute("value")
    port = free_ports(2)
    forms = "".join(
        f'<form method="post" action="{server.issuer}/logout" id="{number}" target="frame">'
        f'<input name="decision" value="{decision}">{field}</form>'
        for number, (decision, field) in enumerate([
            ("sign-out", ""), ("sign-out-everywhere", ""),
            ("sign-out", f'<input name="form_token" value="{token}">'),
            ("sign-out-everywhere", f'<input name="form_token" value="{token}">'),
        ]))
    page = f"""<!doctype html><title>hostile</title><iframe name="frame"></iframe>
        <img src="{server.issuer}/logout?decision=sign-out"><iframe src="{server.issuer}/logout"></iframe>{forms}"""

    class Hostile(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(page.encode())

        def log_message(self, *_):
            pass

    hostile = http.server.ThreadingHTTPServer(("127.0.0.1", port), Hostile)
    threading.Thread(target=hostile.serve_forever, daemon=True).start()
    # Two hosts: one that is another site, and one whose cookies are sent along because it is the same site.
    for host in ("127.0.0.1", "localhost"):
        for number in range(4):
            # Afresh each time: a frame that is still busy with one form may drop the next.
            victim.goto(f"http://{host}:{port}/")
            with victim.expect_response(re.compile("/logout$")):
                victim.evaluate(f"document.getElementById('{number}').submit()")
        # Its answer is kept from the page, which therefore sees a failure; the request was sent all the same.
        victim.evaluate("fetch('%s/logout', {method: 'POST', mode: 'no-cors', credentials: 'include', "
                        "body: new URLSearchParams({decision: 'sign-out', form_token: '%s'})}).catch(() => 0)"
                        % (server.issuer, token))
    leave(victim, shop)
    expect(victim.get_by_role("heading", name="Sign out?")).to_be_visible(timeout=PATIENCE)
    # The twin: the person's own press of the same button.
    victim.get_by_role("button", name="Sign out", exact=True).click()
    victim.get_by_role("heading", name="You’re signed out").wait_for()
    hostile.shutdown()
    hostile.server_close()
