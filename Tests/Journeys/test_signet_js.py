"""signet.js in a real Chromium, against the real server: what it keeps, shares between tabs, sends and puts right."""

import threading

import pytest
from playwright.sync_api import expect

import scenes
from signet import Signet
from web_app import Application, begin, events, run, sign_in, started, token, user, wait_for_event

# Looks wherever a script could find a text. Nothing of the page is on `window`, so that what is found there was put there.
FIND = """async (wanted) => {
    const found = [];
    const look = (place, value) => { if (String(value).includes(wanted)) found.push(place); };
    look("cookie", document.cookie);
    look("address", location.href);
    look("document", document.documentElement.outerHTML);
    look("history", JSON.stringify(history.state));
    look("name", window.name);
    look("localStorage", JSON.stringify({...localStorage}));
    look("sessionStorage", JSON.stringify({...sessionStorage}));
    for (const { name } of await indexedDB.databases()) {
        const database = await new Promise((done) => { indexedDB.open(name).onsuccess = (e) => done(e.target.result); });
        for (const store of database.objectStoreNames) {
            const all = await new Promise((done) => {
                database.transaction(store).objectStore(store).getAll().onsuccess = (e) => done(e.target.result);
            });
            look("IndexedDB", JSON.stringify(all));
        }
        database.close();
    }
    for (const name of await caches.keys()) {
        const cache = await caches.open(name);
        for (const request of await cache.keys()) look("caches", await (await cache.match(request)).text());
    }
    for (const entry of performance.getEntries()) look("performance", JSON.stringify(entry));
    const seen = new Set();
    const walk = (place, value, depth) => {
        if (typeof value === "string") return look(place, value);
        if (value === null || !["object", "function"].includes(typeof value) || seen.has(value) || depth > 4) return;
        seen.add(value);
        for (const key of Reflect.ownKeys(value)) {
            let inner;
            try { inner = value[key]; } catch { continue; }
            walk(`${place}.${String(key)}`, inner, depth + 1);
        }
    };
    walk("window", window, 0);
    return found;
}"""


# ---- what is kept


@pytest.mark.parametrize("library", ["served", "readable"])
def test_reload_keeps_the_person_signed_in_with_no_token_in_any_storage(issuer, chromium, library):
    """The minified file that is served, and the source that it is made of, do the same."""
    app = Application(issuer.issuer, client=f"app-{library}", library=None if library == "served" else "/signet.js")
    app.register(issuer)
    context = chromium.new_context()
    page = context.new_page()
    page.set_default_timeout(scenes.PATIENCE)
    faults = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda message: faults.append(message.text) if "Content Security" in message.text else None)
    ada = sign_in(page, app)
    assert ada["sub"] and events(page) == ["signedin"]
    tokens = [token(page)]
    for _ in range(2):
        page.reload()
        assert started(page)["value"]["sub"] == ada["sub"]
        tokens.append(token(page))
    assert len(set(tokens)) == 3, "each load has a token of its own"

    assert faults == []
    for secret in [*tokens, *(part for one in tokens for part in one.split(".")[1:]), "signet_rt_"]:
        assert page.evaluate(FIND, secret) == []
    assert page.evaluate("() => [localStorage.length, sessionStorage.length, document.cookie]") == [0, 0, ""]
    assert page.evaluate("async () => [(await indexedDB.databases()).length, (await caches.keys()).length]") == [0, 0]
    [cookie] = [one for one in context.cookies(issuer.issuer) if one["value"].startswith("signet_rt_")]
    assert cookie["httpOnly"] and cookie["sameSite"] == "Strict" and cookie["path"] == "/"
    context.close()
    app.close()


def test_the_twin_the_search_finds_what_lies_about(page, app):
    page.goto(app.origin + "/")
    started(page)
    page.evaluate("""async (text) => {
        localStorage.a = sessionStorage.a = text;
        document.cookie = "a=" + text;
        history.replaceState({ text }, "");
        window.deep = { down: { here: text } };
        await (await caches.open("c")).put("/x", new Response(text));
        await new Promise((done) => {
            const opening = indexedDB.open("d");
            opening.onupgradeneeded = () => opening.result.createObjectStore("s", { autoIncrement: true }).add({ text });
            opening.onsuccess = () => { opening.result.close(); done(); };
        });
    }""", "planted")
    found = set(page.evaluate(FIND, "planted"))
    assert {"cookie", "history", "localStorage", "sessionStorage", "IndexedDB", "caches", "window.deep.down.here"} <= found


def test_only_the_pending_sign_in_waits_in_session_storage_and_its_answer_deletes_it(page, app):
    begin(page, app, path="/orders?of=today#top")
    [pending] = page.evaluate("() => Object.values(sessionStorage).map((text) => JSON.parse(text))")
    assert sorted(pending) == ["nonce", "returnTo", "state", "verifier"]
    assert page.evaluate("() => localStorage.length") == 0

    sign_in(page, app)
    assert page.url == app.origin + "/orders?of=today#top", "the code is out of the address, and the person is back"
    assert page.evaluate("() => sessionStorage.length") == 0


# ---- two tabs


@pytest.mark.parametrize("locks", ["with locks", "without locks"])
def test_two_tabs_refresh_together_and_stay_signed_in(context, app, locks):
    """Web Locks let them take turns; a browser without has the server's idempotent families."""
    if locks == "without locks":
        context.add_init_script("Object.defineProperty(Navigator.prototype, 'locks', { get: () => undefined })")
    tabs = [context.new_page() for _ in range(3)]
    ada = sign_in(tabs[0], app)
    for tab in tabs[1:]:
        tab.goto(app.origin + "/")
        assert started(tab)["value"]["sub"] == ada["sub"]
    assert tabs[0].evaluate("() => typeof navigator.locks") == ("object" if locks == "with locks" else "undefined")
    for _ in range(4):
        for tab in tabs:
            run(tab, "app.kept.flight = app.settled(app.client.refresh())")
        for tab in tabs:
            assert run(tab, "return app.kept.flight") == {"value": True}
    assert len({token(tab) for tab in tabs}) == 3
    for tab in tabs:
        assert "signedout" not in events(tab) and "error" not in events(tab)
        tab.reload()
        assert started(tab)["value"]["sub"] == ada["sub"]


def test_a_hundred_callers_in_one_tab_are_one_refresh(page, app):
    sign_in(page, app)
    sent = []
    page.on("request", lambda request: sent.append(request) if request.url.endswith("/session/refresh")
            and request.method == "POST" else None)
    assert run(page, "return Promise.all(Array.from({ length: 100 }, () => app.client.refresh()))") == [True] * 100
    assert len(sent) == 1


def test_sign_out_in_one_tab_is_noticed_in_the_other(context, app):
    first, second = context.new_page(), context.new_page()
    sign_in(first, app)
    second.goto(app.origin + "/")
    assert started(second)["value"]
    spent = token(second)
    asked = []
    first.on("request", lambda request: asked.append(request.url))
    run(first, "app.client.signOut()")
    wait_for_event(second, "signedout")
    assert user(second) is None and token(second) is None
    first.wait_for_url(app.origin + "/")
    [logout] = [url for url in asked if url.startswith(app.issuer + "/logout")]
    assert "id_token_hint=" in logout
    for tab in (first, second):
        tab.reload()
        assert started(tab) == {"value": None}
    assert not [one for one in context.cookies(app.issuer) if one["value"].startswith("signet_rt_")]
    # What the token was good for is over, and the provider asks for the password again.
    told = second.evaluate(
        "async ([url, token]) => (await fetch(url, { headers: { Authorization: `Bearer ${token}` } })).status",
        [app.issuer + "/userinfo", spent])
    assert told == 401
    run(second, "await app.client.signIn()")
    expect(second.get_by_label("Password")).to_be_visible(timeout=scenes.PATIENCE)


def test_sign_in_in_one_tab_is_noticed_in_the_other(context, app):
    first, second = context.new_page(), context.new_page()
    second.goto(app.origin + "/")
    assert started(second) == {"value": None}
    ada = sign_in(first, app)
    wait_for_event(second, "signedin")
    assert user(second)["sub"] == ada["sub"] and token(second) != token(first)


def test_somebody_else_in_another_tab_never_acts_for_the_first(context, app, api):
    """CVE-2025-12390 seen from an application: the screen of one person, the token of the next."""
    first, second = context.new_page(), context.new_page()
    ada = sign_in(first, app)
    spent, changed = token(first), threading.Event()
    # A request of Ada's that is answered with a refusal once Bob is there.
    api.refuses = lambda authorization: authorization == f"Bearer {spent}" and changed.wait(60)
    run(first, "app.kept.flight = app.client.fetch(rest[0], { method: 'POST', body: 'for Ada' })", api.origin)
    bob = sign_in(second, app, "bob")
    assert bob["sub"] != ada["sub"]
    wait_for_event(first, "signedin", 2)
    changed.set()
    assert run(first, "return (await app.kept.flight).status") == 401
    assert api.tokens() == [f"Bearer {spent}"], "not sent again with the token of somebody else"
    assert events(first) == ["signedin", "signedout", "signedin"] and user(first)["sub"] == bob["sub"]
    assert run(first, "return (await app.client.fetch(rest[0])).status", api.origin) == 200


def test_a_request_of_one_person_is_not_repeated_as_the_next(context, app, api):
    """The twin of the above where no news travels: the refusal of the first one's token finds the second one's cookie."""
    context.add_init_script("BroadcastChannel.prototype.postMessage = () => {}")
    first, second = context.new_page(), context.new_page()
    sign_in(first, app)
    spent = token(first)
    sign_in(second, app, "bob")
    api.refuses = lambda authorization: authorization == f"Bearer {spent}"
    status = run(first, "return (await app.client.fetch(rest[0], { method: 'POST', body: 'for Ada' })).status", api.origin)
    assert status == 401
    assert api.tokens() == [f"Bearer {spent}"], "not sent again with the token of somebody else"
    wait_for_event(first, "signedout")
    assert user(first) is None


# ---- fetch


def test_fetch_attaches_the_token_and_repeats_once_after_a_refresh(page, app, api):
    sign_in(page, app)
    first = token(page)
    assert run(page, "return (await app.client.fetch(rest[0])).text()", api.origin + "/orders") == "orders"
    assert api.tokens() == [f"Bearer {first}"]
    api.requests.clear()
    api.refuses = lambda authorization: authorization == f"Bearer {first}"
    body = run(page, """return (await app.client.fetch(rest[0], {
        method: 'PUT', body: 'three rings', headers: { 'Content-Type': 'text/plain' } })).text()""", api.origin + "/orders")
    assert body == "three rings", "the body is there the second time as well"
    second = token(page)
    assert second != first and api.tokens() == [f"Bearer {first}", f"Bearer {second}"]
    assert "refreshed" in events(page)


def test_fetch_repeats_once_and_not_more(page, app, api):
    sign_in(page, app)
    api.refuses = lambda authorization: True
    assert run(page, "return (await app.client.fetch(rest[0])).status", api.origin) == 401
    assert len(api.tokens()) == 2 and len(set(api.tokens())) == 2


def test_fetch_without_anybody_signed_in_sends_no_token(page, app, api):
    page.goto(app.origin + "/")
    started(page)
    assert run(page, "return (await app.client.fetch(rest[0])).status", api.origin) == 200
    assert api.tokens() == [None]


def test_tokens_are_never_sent_to_another_origin(page, app, api, stranger):
    sign_in(page, app)
    for url in [stranger.origin, stranger.origin + "/?" + api.origin, app.origin + "/orders", "/orders"]:
        assert run(page, "return (await app.client.fetch(rest[0])).status", url) == 200
    # An origin that only begins like the one that is allowed cannot be reached here; that it is another is decided before.
    lookalike = api.origin.replace("localhost", "localhost.evil.example")
    asked = []
    page.route("**/*", lambda route: (asked.append(route.request.headers), route.abort())
               if "evil.example" in route.request.url else route.continue_())
    for url in [lookalike, api.origin.replace("http://", "http://user@evil.example:80/"), api.origin.replace("localhost", "evil.example")]:
        run(page, "return app.client.fetch(rest[0]).catch(() => 0)", url)
    assert asked and not any("authorization" in headers for headers in asked)
    assert set(stranger.tokens()) == {None}
    assert not any("authorization" in headers for _, _, headers, _ in app.requests)


def test_a_redirect_of_the_api_does_not_take_the_token_along(page, app, api, stranger):
    sign_in(page, app)
    api.redirects_to = stranger.origin + "/collect"
    told = run(page, "return app.settled(app.client.fetch(rest[0]))", api.origin)
    assert "error" in told and stranger.requests == [] and len(api.tokens()) == 1


# ---- the server is down, and comes back


def test_a_server_that_is_down_is_said_clearly_and_what_was_begun_goes_on_when_it_is_back(
        binary, tmp_path, context, page, api):
    with Signet(binary, tmp_path / "data") as server:
        server.create_user("ada", "correct battery")
        app = Application(server.issuer, library="/signet.js")
        app.apis = [api.origin]
        app.register(server)
        ada = sign_in(page, app)
        server.stop()
        told = run(page, "return app.settled(app.client.refresh())")["error"]
        assert told["code"] == "unreachable" and server.issuer in told["description"] and told["status"] == 0
        # The token is still good, and the person still signed in.
        assert run(page, "return (await app.client.fetch(rest[0])).status", api.origin) == 200
        assert user(page)["sub"] == ada["sub"] and "signedout" not in events(page)
        told = run(page, "return app.settled(app.client.signOut())")["error"]
        assert told["code"] == "unreachable" and user(page), "a sign-out that did not happen is not pretended"
        other = context.new_page()
        other.goto(app.origin + "/")
        assert started(other)["error"]["code"] == "unreachable"

        server.start()
        assert run(page, "return app.settled(app.client.refresh())") == {"value": True}
        assert run(other, "return app.settled(app.client.start())")["value"]["sub"] == ada["sub"]
        app.close()


def test_a_session_that_the_server_ended_is_told_as_signed_out(page, app, issuer):
    sign_in(page, app)
    issuer.run("revoke", "--client", app.client)
    assert run(page, "return app.client.refresh()") is False
    assert user(page) is None and events(page)[-1] == "signedout"
    # The client may be used again: what was issued ended, not the client.
    assert sign_in(page, app)["sub"]


def test_the_token_is_renewed_before_it_ends_without_being_asked(binary, tmp_path, page):
    with Signet(binary, tmp_path / "data", environment={"SIGNET_LIFETIMES_ACCESS_TOKEN": "60s"}) as server:
        server.create_user("ada", "correct battery")
        app = Application(server.issuer)
        app.register(server)
        page.clock.install()
        sign_in(page, app)
        first = token(page)
        page.clock.run_for(46_000)
        wait_for_event(page, "refreshed")
        assert token(page) != first
        app.close()
