"""The account pages in a real Chromium: what a person sees there, ends there, and finds ended elsewhere."""

import re

import pytest
import requests
from playwright.sync_api import expect

import scenes
from scenes import PATIENCE, button, heading, sign_in
from signet import HTTP_SECONDS

ADA = ("ada", "correct battery")


@pytest.fixture
def world(demo):
    scenes.prepare(demo)
    return demo


@pytest.fixture
def browse(chromium):
    """Makes browsers, each with cookies of its own."""
    contexts = []

    def open_page(**options):
        context = chromium.new_context(**options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        return page

    yield open_page
    for context in contexts:
        context.close()


def account(page, server, section=""):
    page.goto(f"{server.issuer}/account{section}")


def signed_in(page, server, username="demo", password="correct horse", section=""):
    account(page, server, section)
    sign_in(page, username, password)
    expect(page.get_by_role("navigation", name="Account")).to_be_visible(timeout=PATIENCE)


def asks_to_sign_in(page):
    expect(page.get_by_label(re.compile("^password", re.IGNORECASE))).to_be_visible(timeout=PATIENCE)


def told(page, words):
    expect(page.get_by_role("status")).to_contain_text(words, timeout=PATIENCE)


def entry(page, text):
    return page.locator(".items > li").filter(has_text=text)


def test_an_application_that_is_disconnected_cannot_refresh_and_its_token_is_refused(browse, world):
    page = browse()
    page.goto(world.application)
    page.locator("#sign-in").click()
    sign_in(page)
    scenes.allow_if_asked(page, page.locator("#hello"))
    page.locator("[data-action=orders]").click()
    expect(page.locator("#notice")).to_have_text(re.compile(r"sent [1-9]\d* orders"), timeout=PATIENCE)

    settings = page.context.new_page()
    account(settings, world, "/applications")
    expect(entry(settings, "Demo application")).to_contain_text("Last used just now", timeout=PATIENCE)
    entry(settings, "Demo application").get_by_role("button", name="Disconnect").click()
    told(settings, "disconnected")
    expect(entry(settings, "Demo application")).to_have_count(0)

    # The access token has not expired; the API hears of its end by the feed, and the refresh that follows fails.
    answers = []
    page.on("response", lambda answer: answers.append((answer.url.rsplit("/", 1)[1], answer.status)))
    for _ in range(40):
        if page.locator("#sign-in").is_visible():
            break
        page.locator("[data-action=orders]").dispatch_event("click")
        page.wait_for_timeout(300)
    else:
        pytest.fail("the API kept taking the token of a disconnected application")
    assert ("orders", 401) in answers and ("refresh", 401) in answers

    # It may ask again, and is asked about again.
    page.goto(world.application)
    page.locator("#sign-in").click()
    expect(button(page, "Allow")).to_be_visible(timeout=PATIENCE)


def test_a_command_line_that_was_allowed_by_a_code_is_listed_and_cut_off(browse, world):
    def post(path, **form):
        return requests.post(world.issuer + path, data={"client_id": "signet-cli", **form}, timeout=HTTP_SECONDS)

    asked = post("/device_authorization", scope="openid profile offline_access orders:read").json()
    page = browse()
    page.goto(asked["verification_uri_complete"])
    sign_in(page, *ADA)
    button(page, "Continue").or_(button(page, "Allow")).first.wait_for()
    if button(page, "Continue").is_visible():
        button(page, "Continue").click()
    button(page, "Allow").click()
    expect(page.locator("main")).to_contain_text("Go back to your device", timeout=PATIENCE)
    tokens = post(
        "/token", grant_type="urn:ietf:params:oauth:grant-type:device_code", device_code=asked["device_code"]).json()
    assert "refresh_token" in tokens, tokens

    account(page, world, "/applications")
    expect(entry(page, "Signet command line")).to_contain_text("See your orders", timeout=PATIENCE)
    entry(page, "Signet command line").get_by_role("button", name="Disconnect").click()
    told(page, "disconnected")
    refused = post("/token", grant_type="refresh_token", refresh_token=tokens["refresh_token"]).json()
    assert refused["error"] == "invalid_grant"
    info = requests.get(
        world.issuer + "/userinfo", headers={"Authorization": f"Bearer {tokens['access_token']}"}, timeout=HTTP_SECONDS)
    assert info.status_code == 401


def test_a_password_change_signs_other_browsers_out_and_this_one_stays(browse, world):
    here, elsewhere = browse(), browse()
    signed_in(here, world, *ADA, section="/password")
    signed_in(elsewhere, world, *ADA)
    before = {cookie["name"]: cookie["value"] for cookie in here.context.cookies(world.issuer)}

    here.get_by_label("Current password").fill("wrong battery")
    here.get_by_label("New password", exact=True).fill("a longer battery")
    here.get_by_label("New password again").fill("a longer battery")
    button(here, "Change password").click()
    expect(here.get_by_role("alert")).to_contain_text("not right", timeout=PATIENCE)
    expect(here.get_by_label("Current password")).to_be_focused()

    here.get_by_label("Current password").fill("correct battery")
    here.get_by_label("New password", exact=True).fill("a longer battery")
    here.get_by_label("New password again").fill("a longer battery")
    button(here, "Change password").click()
    told(here, "Your password was changed")
    after = {cookie["name"]: cookie["value"] for cookie in here.context.cookies(world.issuer)}
    assert before["signet-session"] != after["signet-session"]
    here.reload()
    heading(here, "Password")

    elsewhere.reload()
    asks_to_sign_in(elsewhere)
    sign_in(elsewhere, *ADA)
    expect(elsewhere.get_by_role("alert")).to_be_visible(timeout=PATIENCE)
    sign_in(elsewhere, "ada", "a longer battery")
    heading(elsewhere, "Your profile")


def test_sessions_are_told_apart_and_ended(browse, world):
    here = browse()
    other = browse(user_agent="Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0")
    third = browse(user_agent="Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 "
                              "(KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1")
    for page in (here, other, third):
        signed_in(page, world, *ADA)
    account(here, world, "/sessions")
    expect(page.locator(".items > li")).to_have_count(0)
    expect(here.locator(".items > li")).to_have_count(3)
    expect(entry(here, "This browser")).to_have_count(1)
    assert entry(here, "This browser").get_by_role("button").count() == 0
    entry(here, "Firefox on Linux").get_by_role("button", name="End session").click()
    told(here, "session has ended")
    other.reload()
    asks_to_sign_in(other)
    third.reload()
    heading(third, "Your profile")
    button(here, "Sign out everywhere else").click()
    told(here, "everywhere else")
    third.reload()
    asks_to_sign_in(third)
    button(here, "Sign out everywhere").click()
    heading(here, "signed out")
    account(here, world)
    asks_to_sign_in(here)


def test_one_browser_signed_in_as_two_people_stays_two_sessions(browse, world):
    page = browse()
    signed_in(page, world)
    button(page, "Sign in with another account").click()
    sign_in(page, *ADA)
    heading(page, "Your profile")
    expect(page.get_by_label("Name")).to_have_value("Ada Lovelace")
    expect(entry(page, "Demo Person")).to_have_count(1)
    cookies = {cookie["name"]: cookie["value"] for cookie in page.context.cookies(world.issuer)}
    assert cookies["signet-session"].count(".") == 1
    # Each sees one session: the other's is somebody else's.
    account(page, world, "/sessions")
    expect(page.locator(".items > li")).to_have_count(1)
    account(page, world)
    entry(page, "Demo Person").get_by_role("button").click()
    told(page, "switched")
    expect(page.get_by_label("Name")).to_have_value("Demo Person")

    # An application that names its person gets that one, whoever is current; else the current one.
    for hint, name in (("ada", "Ada Lovelace"), ("demo", "Demo Person"), (None, "Demo Person")):
        page.goto(scenes.authorize(world, **({"login_hint": hint} if hint else {})))
        expect(page.locator("main")).to_contain_text(f"You are signed in as {name}", timeout=PATIENCE)

    # Signing one out leaves the other.
    page.goto(world.issuer + "/logout")
    expect(page.locator("main")).to_contain_text("Demo Person", timeout=PATIENCE)
    button(page, "Sign out").click()
    heading(page, "signed out")
    account(page, world)
    expect(page.get_by_label("Name")).to_have_value("Ada Lovelace")


def test_the_chooser_offers_everybody_and_goes_on_with_who_is_chosen(browse, world):
    page = browse()
    signed_in(page, world)
    button(page, "Sign in with another account").click()
    sign_in(page, *ADA)
    heading(page, "Your profile")
    page.goto(scenes.authorize(world, prompt="select_account"))
    heading(page, "Choose an account")
    expect(page.locator(".accounts li")).to_have_count(3)
    page.get_by_role("button", name=re.compile("Demo Person")).click()
    expect(page.locator("main")).to_contain_text("You are signed in as Demo Person", timeout=PATIENCE)
    page.goto(scenes.authorize(world, prompt="select_account"))
    page.get_by_role("button", name="Use another account").click()
    asks_to_sign_in(page)


def test_the_pages_work_without_javascript_and_on_a_phone(browse, world):
    page = browse(java_script_enabled=False, viewport={"width": 390, "height": 844})
    signed_in(page, world, *ADA)
    links = {"Password": "Password", "Sessions": "Where you’re signed in", "Applications": "Connected applications",
             "Profile": "Your profile"}
    for label, title in links.items():
        page.get_by_role("navigation", name="Account").get_by_role("link", name=label).click()
        heading(page, title)
        box = page.locator("main").bounding_box()
        assert box["x"] >= 0 and box["x"] + box["width"] <= 390, "nothing is cut off on a phone"
    page.get_by_label("Name").fill("Countess of Lovelace")
    page.get_by_label("Name").press("Enter")
    told(page, "name was changed")
    expect(page.locator("main")).to_contain_text("Signed in as Countess of Lovelace")


def test_the_welcome_page_leads_to_the_account(browse, world):
    page = browse()
    page.goto(world.issuer + "/")
    page.get_by_role("link", name="Your account").click()
    asks_to_sign_in(page)
    assert "account page" in world.output()


FORMS = """() => [...document.querySelectorAll("form")].map(form => ({
    action: form.action,
    fields: [...form.elements].filter(field => field.name).map(field => [field.name, field.value]),
}))"""


@pytest.mark.parametrize("origin", ["same site", "another site"])
def test_a_hostile_page_changes_nothing_even_with_forms_that_it_saw(browse, world, origin):
    """CVE-2020-10734: the forms of the victim's own pages, tokens and all, posted from elsewhere."""
    page, elsewhere = browse(), browse()
    for browser in (page, elsewhere):
        signed_in(browser, world, *ADA)
    button(page, "Sign in with another account").click()
    sign_in(page)
    heading(page, "Your profile")
    # Another port of this machine is the same site: cookies come along, and only what the server asks stands in the way.
    hostile = (world.application if origin == "same site" else "http://evil.example") + "/hostile"
    page.route("**/hostile", lambda route: route.fulfill(body="<!doctype html><title>x</title>", content_type="text/html"))
    forms = []
    for section in ("", "/password", "/sessions"):
        account(page, world, section)
        forms += [form for form in page.evaluate(FORMS) if "/account" in form["action"]]
    assert len(forms) >= 5
    for form in forms:
        page.goto(hostile)
        with page.expect_navigation(url=form["action"]) as navigation:
            page.evaluate("""({action, fields}) => {
                const form = document.createElement("form");
                form.method = "post";
                form.action = action;
                for (const [name, value] of fields) {
                    const field = document.createElement("input");
                    field.name = name;
                    field.value = value || "a new password";
                    form.append(field);
                }
                document.body.append(form);
                HTMLFormElement.prototype.submit.call(form);
            }""", form)
        assert navigation.value.status == 403, form
        heading(page, "came from elsewhere")
    account(page, world)
    expect(page.get_by_label("Name")).to_have_value("Demo Person")
    expect(entry(page, "Ada Lovelace")).to_have_count(1)
    elsewhere.reload()
    heading(elsewhere, "Your profile")
    # The twin: the same form from the page itself does what it says.
    entry(page, "Ada Lovelace").get_by_role("button").click()
    told(page, "switched")
