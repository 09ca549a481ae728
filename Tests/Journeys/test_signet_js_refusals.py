"""What signet.js refuses: answers that are not to its sign-in, tokens that are not for it, ways out of its origin."""

import base64
import json
import urllib.parse

import pytest

from web_app import begin, events, run, sign_in, started, token, user


FORGERIES = {
    "a forged state": lambda a: [("code", "c"), ("state", "forged"), ("iss", a["iss"])],
    "a longer state": lambda a: [("code", "c"), ("state", a["state"] + "x"), ("iss", a["iss"])],
    "no state that was asked": lambda a: [("code", "c"), ("state", ""), ("iss", a["iss"])],
    "two states": lambda a: [("code", "c"), ("state", a["state"]), ("state", "forged"), ("iss", a["iss"])],
    "a foreign iss": lambda a: [("code", "c"), ("state", a["state"]), ("iss", "https://evil.example")],
    "an iss with a slash": lambda a: [("code", "c"), ("state", a["state"]), ("iss", a["iss"] + "/")],
    "no iss": lambda a: [("code", "c"), ("state", a["state"])],
    "two iss": lambda a: [("code", "c"), ("state", a["state"]), ("iss", a["iss"]), ("iss", "https://evil.example")],
    "an error with a forged state": lambda a: [("error", "access_denied"), ("state", "forged"), ("iss", a["iss"])],
    "an error of a foreign iss": lambda a: [("error", "x"), ("state", a["state"]), ("iss", "https://evil.example")],
}


@pytest.mark.parametrize("name", FORGERIES)
def test_an_answer_that_is_not_ours_is_refused_and_no_code_is_sent(page, app, name):
    """Login CSRF by `state`; RFC 9207 mix-up by `iss` (FIELD P46)."""
    begin(page, app)
    # What a forger does not know, taken from the page for the cases in which it is right.
    state = json.loads(page.evaluate("() => Object.values(sessionStorage)[0]"))["state"]
    sent = []
    page.on("request", lambda request: sent.append(request.url))
    page.goto(f"{app.callback}?{urllib.parse.urlencode(FORGERIES[name](dict(iss=app.issuer, state=state)))}")
    answer = started(page)
    assert answer["error"]["code"] == ("issuer_mismatch" if "iss" in name else "state_mismatch")
    assert not any(url.startswith(app.issuer + "/token") for url in sent)
    assert user(page) is None
    assert page.evaluate("() => sessionStorage.length") == 0, "deleted on errors as well"
    assert page.url == app.origin + ("/"), "nothing of the answer stays in the address"


def test_the_twin_a_refusal_of_the_server_itself_is_told_with_its_code_and_trace(page, app):
    url = begin(page, app, {"prompt": "none"})
    page.goto(url)
    assert page.url == app.origin + "/"
    error = started(page)["error"]
    assert error["code"] == "login_required" and error["description"]


def test_an_answer_without_a_pending_sign_in_is_refused(page, app):
    page.goto(f"{app.callback}?code=stolen&state=s&iss={app.issuer}")
    assert started(page)["error"]["code"] == "state_mismatch"
    assert page.url == app.callback


def test_a_replayed_callback_is_refused_and_changes_nothing_for_who_is_signed_in(page, app):
    answers = []
    page.on("request", lambda r: answers.append(r.url) if r.url.startswith(app.callback + "?") else None)
    ada = sign_in(page, app)
    assert len(answers) == 1
    page.goto(answers[0])
    assert started(page)["error"]["code"] == "state_mismatch"
    assert run(page, "return app.settled(app.client.start())")["value"]["sub"] == ada["sub"]


def tampered(claims):
    """Answers of the token endpoint with other claims in the ID token."""
    def handle(route):
        response = route.fetch()
        body = response.json()
        header, payload, signature = body["id_token"].split(".")
        read = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        read.update(claims)
        read = {name: value for name, value in read.items() if value is not None}
        payload = base64.urlsafe_b64encode(json.dumps(read).encode()).decode().rstrip("=")
        body["id_token"] = f"{header}.{payload}.{signature}"
        route.fulfill(response=response, json=body)
    return handle


@pytest.mark.parametrize("claims, wrong", [
    ({"nonce": "another"}, "nonce"), ({"nonce": None}, "nonce"), ({"iss": "https://evil.example"}, "iss"),
    ({"aud": "another-app"}, "aud"), ({"aud": ["app", "another-app"]}, "aud"), ({"aud": None}, "aud"),
    ({"exp": 1_000_000_000}, "exp"), ({"exp": None}, "exp"), ({"exp": "later"}, "exp"), ({"sub": None}, "sub"),
], ids=str)
def test_an_id_token_that_is_not_for_this_sign_in_signs_nobody_in(page, app, claims, wrong):
    page.route("**/token", tampered(claims))
    with pytest.raises(AssertionError) as refused:
        sign_in(page, app)
    assert f"not for this sign-in: {wrong}." in str(refused.value)
    assert user(page) is None and token(page) is None


def test_the_twin_an_id_token_with_what_it_had_signs_in(page, app):
    page.route("**/token", tampered({"aud": ["app", "another-app"], "azp": "app"}))
    assert sign_in(page, app)["sub"]


@pytest.mark.parametrize("answer, code", [
    ({"access_token": "x", "token_type": "DPoP"}, "invalid_response"), ({"token_type": "Bearer"}, "invalid_response"),
    ({"access_token": "x", "token_type": "Bearer", "refresh_token": "signet_rt_x"}, "token_delivery"),
    ("<html>", "invalid_response"), ("null", "invalid_response"), ("[]", "invalid_response"), ("", "invalid_response"),
], ids=str)
def test_an_answer_that_is_none_signs_nobody_in(page, app, answer, code):
    body = answer if isinstance(answer, str) else json.dumps(answer)
    page.goto(app.origin + "/")
    started(page)
    page.route("**/session/refresh", lambda route: route.fulfill(
        status=200, body=body, headers={
            "Access-Control-Allow-Origin": app.origin, "Access-Control-Allow-Credentials": "true"}))
    assert run(page, "return app.settled(app.client.refresh())")["error"]["code"] == code
    assert user(page) is None


def test_a_return_to_another_origin_is_refused(page, app):
    page.goto(app.origin + "/")
    started(page)
    for target in ["https://evil.example/", "//evil.example", "javascript:alert(1)", app.origin.replace("localhost", "127.0.0.1")]:
        told = run(page, "return app.settled(app.client.signIn({ returnTo: rest[0] }))", target)
        assert told["error"]["code"] == "invalid_return", target
    assert page.evaluate("() => sessionStorage.length") == 0


def test_parameters_of_the_application_cannot_replace_those_of_the_protocol(page, app):
    url = begin(page, app, {
        "login_hint": "ada", "state": "mine", "code_challenge_method": "plain", "client_id": "another"})
    query = urllib.parse.parse_qs(urllib.parse.urlsplit(url).query)
    assert query["login_hint"] == ["ada"] and query["client_id"] == ["app"]
    assert query["code_challenge_method"] == ["S256"] and query["state"] != ["mine"] and len(query["state"]) == 1
