"""A hostile page in a real Chromium against every state-changing address below /session and /token.

Each defence is looked at by itself, the others switched off (`SessionPeer`). The first test has none: there the hostile page
must succeed, or the others would show nothing. The hostile page is once on another site (127.0.0.1 against localhost) and
once on the same site and another origin (another port of localhost), where SameSite is no help.
"""

import base64
import hashlib
import re
import secrets
import urllib.parse

import pytest

from session_peer import SessionPeer, pages
from signet import Person

PATIENCE = 30_000
ALL = ("same-site", "origin", "custom-header", "form-token")
OTHER_SITE, SIBLING = "127.0.0.1", "localhost"

# What the application's own page does: JSON, the header, and the token of the form beside it.
OWN = """async ([issuer, path, members]) => {
    const state = await (await fetch(`${issuer}/session?client_id=${members.client_id}`, {credentials: "include"})).json();
    const answer = await fetch(issuer + path, {method: "POST", credentials: "include",
        headers: {"Content-Type": "application/json", "Signet-CSRF": "1"},
        body: JSON.stringify({...members, csrf_token: state.csrf_token})});
    const text = await answer.text();
    return {status: answer.status, body: text ? JSON.parse(text) : {}};
}"""
STATE = """async ([issuer, client]) =>
    (await fetch(`${issuer}/session?client_id=${client}`, {credentials: "include"})).json()"""
# A form that the browser sends as a navigation, as any page of any site can have it do.
FORM = """([url, fields]) => {
    const form = document.createElement("form");
    Object.assign(form, {method: "post", action: url});
    for (const [name, value] of Object.entries(fields)) {
        const input = document.createElement("input");
        Object.assign(input, {type: "hidden", name, value});
        form.append(input);
    }
    document.body.append(form);
    setTimeout(() => form.submit());
}"""
# What fetch sends without asking first: a form, and JSON that calls itself text.
SIMPLE = """async ([url, body, type]) => {
    try {
        await fetch(url, {method: "POST", mode: "no-cors", credentials: "include", headers: {"Content-Type": type}, body});
    } catch {}
}"""
# The application's own request, to the letter: it wants a preflight.
COPIED = """async ([url, members]) => {
    try {
        const answer = await fetch(url, {method: "POST", credentials: "include",
            headers: {"Content-Type": "application/json", "Signet-CSRF": "1"}, body: JSON.stringify(members)});
        return answer.status;
    } catch { return "blocked"; }
}"""


class Stage:
    """A person's browser with the application's page and a hostile one, before a server with some defences."""

    def __init__(self, chromium, server, application, hostile):
        self.server, self.application, self.hostile = server, application, hostile
        self.context = chromium.new_context()
        self.context.set_default_timeout(PATIENCE)
        self.page = self.context.new_page()
        self.page.goto(application)

    def own(self, path, client, **members):
        return self.page.evaluate(OWN, [self.server.issuer, path, {"client_id": client, **members}])

    def login(self, client):
        answer = self.own("/session/login", client, username="alice", password="alice's own password")
        assert answer["status"] == 200, answer
        assert self.state(client)["active"], "the application's own page signs its person in"

    def state(self, client):
        return self.page.evaluate(STATE, [self.server.issuer, client])

    def cookies(self):
        return sorted(
            (cookie["name"], cookie["value"]) for cookie in self.context.cookies(self.server.issuer)
            if cookie["name"].startswith("signet-client-") and not cookie["name"].endswith(".form"))

    def attack(self, script, *arguments):
        page = self.context.new_page()
        page.goto(self.hostile)
        page.evaluate(script, list(arguments))
        page.wait_for_load_state("load")
        page.close()

    def attack_by_form(self, path, **fields):
        page = self.context.new_page()
        page.goto(self.hostile)
        # The browser keeps or refuses cookies when the head of the answer comes.
        with page.expect_response(lambda response: response.url == self.server.issuer + path) as answered:
            page.evaluate(FORM, [self.server.issuer + path, fields])
        # A 204 leaves the page where it is.
        if answered.value.status != 204:
            page.wait_for_url(self.server.issuer + path)
        page.close()

    def close(self):
        self.context.close()


@pytest.fixture
def stage(chromium, request):
    defences, host = request.param
    with pages("localhost") as application, pages(host) as hostile, SessionPeer(defences, application) as server:
        stage = Stage(chromium, server, application, hostile)
        yield stage
        stage.close()


def forced_logout(stage):
    """Whether a form of the hostile page signed the person out."""
    stage.login("web")
    stage.attack_by_form("/session/logout", client_id="web")
    return not stage.state("web")["active"]


def forced_logout_by_fetch(stage):
    stage.login("web")
    stage.attack(SIMPLE, stage.server.issuer + "/session/logout", "client_id=web", "application/x-www-form-urlencoded")
    return not stage.state("web")["active"]


def forced_refresh(stage):
    """Whether the hostile page had the browser spend its refresh token."""
    stage.login("spa")
    before = stage.cookies()
    stage.attack_by_form("/session/refresh", client_id="spa")
    return stage.cookies() != before


def forced_login(stage):
    """Whether the hostile page signed its own person in, to see what ours types from then on."""
    stage.attack_by_form(
        "/session/login", client_id="web", username="mallory", password="mallory's own password")
    return stage.state("web")["active"]


def forced_code(stage):
    """Whether the hostile page had the browser redeem a code of its own person."""
    verifier = secrets.token_urlsafe(32)
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    callback = stage.application + "/callback"
    answer = Person("mallory", "mallory's own password").visit(
        stage.server.issuer + "/authorize?" + urllib.parse.urlencode({
            "response_type": "code", "client_id": "code", "redirect_uri": callback, "scope": "openid", "state": "s",
            "nonce": "n", "code_challenge": challenge, "code_challenge_method": "S256"}),
        stop_at=callback)
    code = re.search(r"[?&]code=([^&]+)", answer).group(1)
    stage.attack_by_form(
        "/token", grant_type="authorization_code", client_id="code", code=code, redirect_uri=callback,
        code_verifier=verifier)
    return stage.state("code")["active"]


ATTACKS = (forced_logout, forced_refresh, forced_login, forced_code)
# Browsers of these years send no cookies with the fetch of another site at all; with a sibling's they do.
SIBLING_ATTACKS = (*ATTACKS, forced_logout_by_fetch)


def attacks(stage):
    return SIBLING_ATTACKS if SIBLING in stage.hostile else ATTACKS


def names(attacks):
    return {attack.__name__ for attack in attacks}


def succeed(stage):
    outcomes = {}
    for attack in attacks(stage):
        stage.context.clear_cookies()
        outcomes[attack.__name__] = attack(stage)
    return {name for name, done in outcomes.items() if done}


@pytest.mark.parametrize("stage", [((), OTHER_SITE), ((), SIBLING)], indirect=True)
def test_without_any_defence_the_hostile_page_succeeds(stage):
    assert succeed(stage) == names(attacks(stage))


@pytest.mark.parametrize("stage", [(("same-site",), OTHER_SITE)], indirect=True)
def test_same_site_alone_stops_what_needs_the_cookie(stage):
    # A login needs none, and a browser keeps the Set-Cookie of a navigation: why there are four.
    assert succeed(stage) == {"forced_login", "forced_code"}


@pytest.mark.parametrize("stage", [(("same-site",), SIBLING)], indirect=True)
def test_same_site_is_no_help_against_a_sibling(stage):
    assert succeed(stage) == names(attacks(stage))


@pytest.mark.parametrize("stage", [(("origin",), OTHER_SITE), (("origin",), SIBLING)], indirect=True)
def test_the_origin_alone_stops_everything(stage):
    assert succeed(stage) == set()


@pytest.mark.parametrize("stage", [(("custom-header",), OTHER_SITE), (("custom-header",), SIBLING)], indirect=True)
def test_the_header_alone_stops_everything_below_session(stage):
    assert succeed(stage) == {"forced_code"}


@pytest.mark.parametrize("stage", [(("form-token",), OTHER_SITE), (("form-token",), SIBLING)], indirect=True)
def test_the_form_token_alone_stops_everything_below_session(stage):
    assert succeed(stage) == {"forced_code"}


@pytest.mark.parametrize("stage", [(ALL, OTHER_SITE), (ALL, SIBLING)], indirect=True)
def test_with_all_defences_a_hostile_page_fails_at_every_state_changing_address(stage):
    assert succeed(stage) == set()
    stage.context.clear_cookies()
    stage.login("web")
    stage.login("spa")
    before = stage.cookies()
    for path in ("/session/logout", "/session/refresh"):
        for client in ("web", "spa"):
            url, json = stage.server.issuer + path, '{"client_id":"%s"}' % client
            stage.attack(SIMPLE, url, json, "text/plain")
            stage.attack(COPIED, url, {"client_id": client})
    stage.attack(COPIED, stage.server.issuer + "/session/login", {
        "client_id": "web", "username": "mallory", "password": "mallory's own password"})
    assert stage.cookies() == before
    assert stage.state("web")["active"] and stage.state("spa")["active"]
    # The twin: the same requests from the application's own page.
    assert stage.own("/session/refresh", "spa")["status"] == 200
    assert stage.cookies() != before
    assert stage.own("/session/logout", "web")["status"] == 204
    assert not stage.state("web")["active"]
