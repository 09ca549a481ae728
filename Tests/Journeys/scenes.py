"""Every page that people see, and how to get there: what the accessibility journey checks and screenshots show.

A scene begins in a browser without cookies, at a server of `serve --dev` that `prepare` has visited before. Whoever adds a
page adds a scene: the accessibility journey fails for a template that no scene shows.
"""

import dataclasses
import re
import typing
import urllib.parse

import requests
from playwright.sync_api import expect

PATIENCE = 30_000
# Of a verifier that nobody needs: these sign-ins are looked at, not finished.
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
LONG_NAME = "The Society for the Preservation of Sealing Wax, Signet Rings and Handwritten Correspondence"

SCENES = []


@dataclasses.dataclass
class Scene:
    name: str
    # The templates of Sources/Pages/Templates that it shows; none for pages that are no templates.
    templates: tuple
    show: typing.Callable


def scene(name, *templates):
    def register(show):
        SCENES.append(Scene(name, templates, show))
        return show
    return register


def prepare(server):
    """Records that the demo does not have."""
    server.create_user("ada", "correct battery", name="Ada Lovelace", email="ada@example.org")
    server.run(
        "client", "create", "--id", "shop", "--name", "Corner Shop", "--type", "public", "--scope", "openid",
        "--scope", "profile", "--redirect-uri", callback(server), "--frontchannel-logout-uri", server.application + "/bye",
        "--post-logout-redirect-uri", server.application + "/")
    server.run(
        "client", "create", "--id", "news", "--name", "Evening News", "--type", "public", "--scope", "openid",
        "--redirect-uri", callback(server), "--frontchannel-logout-uri", server.application + "/signed-out")
    server.run(
        "client", "create", "--id", "society", "--name", LONG_NAME, "--type", "public", "--scope", "openid",
        "--scope", "profile", "--scope", "email", "--scope", "offline_access", "--scope", "orders:read",
        "--redirect-uri", callback(server), "--post-logout-redirect-uri", server.application + "/")


    # One that is never answered, and one whose sign-in page is known without asking.
    server.run(
        "upstream", "create", "elsewhere", "--field", "display_name=Elsewhere", "--field", "issuer=http://127.0.0.1:9",
        "--field", "client_id=here", "--field", "allow_private_network=true", "--client-secret-stdin",
        standard_input="nobody-knows\n")
    server.run(
        "upstream", "create", "github", "--field", "preset=github", "--field", "client_id=here", "--client-secret-stdin",
        standard_input="nobody-knows\n")


def callback(server):
    return server.application + "/callback"


def authorize(server, client="shop", **parameters):
    return server.issuer + "/authorize?" + urllib.parse.urlencode({
        "response_type": "code", "client_id": client, "redirect_uri": callback(server), "scope": "openid profile",
        "state": "s", "code_challenge": CHALLENGE, "code_challenge_method": "S256", **parameters})


def sign_in(page, username="demo", password="correct horse"):
    page.get_by_label(re.compile("username", re.IGNORECASE)).fill(username)
    page.get_by_label(re.compile("^password", re.IGNORECASE)).fill(password)
    page.locator("button[value=sign-in]").click()


def signed_in(page, server, username="demo", password="correct horse"):
    """A browser with a session, standing at a consent page."""
    page.goto(authorize(server))
    sign_in(page, username, password)
    button(page, "Allow").wait_for()


def button(page, name):
    return page.get_by_role("button", name=name, exact=True)


def allow_if_asked(page, then):
    """Consent is asked for once for each person and application."""
    allow = button(page, "Allow")
    allow.or_(then).first.wait_for()
    if allow.is_visible():
        allow.click()
    then.wait_for()


def heading(page, text):
    expect(page.get_by_role("heading", level=1)).to_have_text(re.compile(text), timeout=PATIENCE)


@scene("welcome", "welcome")
def welcome(page, server):
    page.goto(server.issuer + "/")
    heading(page, "is running")


@scene("sign-in", "sign-in")
def sign_in_page(page, server):
    page.goto(authorize(server))
    heading(page, "Sign in")


@scene("sign-in-problem", "sign-in", "alert")
def sign_in_problem(page, server):
    page.goto(authorize(server, client="society"))
    sign_in(page, password="wrong horse")
    expect(page.get_by_role("alert")).to_be_visible(timeout=PATIENCE)


@scene("sign-in-again", "sign-in")
def sign_in_again(page, server):
    signed_in(page, server)
    page.goto(authorize(server, prompt="login"))
    heading(page, "Confirm")


@scene("consent", "consent")
def consent(page, server):
    page.goto(authorize(server, client="demo-app", scope="openid profile email offline_access orders:read"))
    sign_in(page)
    heading(page, "Allow Demo application")


@scene("consent-long-name", "consent")
def consent_long_name(page, server):
    page.goto(authorize(server, client="society", scope="openid profile email offline_access orders:read"))
    sign_in(page)
    heading(page, "Allow The Society")


@scene("consent-sign-in-only", "consent")
def consent_sign_in_only(page, server):
    page.goto(authorize(server, scope="openid"))
    sign_in(page)
    heading(page, "Allow Corner Shop")


@scene("account-chooser", "account-chooser")
def account_chooser(page, server):
    signed_in(page, server)
    page.goto(server.issuer + "/account")
    button(page, "Sign in with another account").click()
    sign_in(page, "ada", "correct battery")
    heading(page, "Your profile")
    page.goto(authorize(server, client="society", prompt="select_account"))
    heading(page, "Choose an account")


@scene("error-unknown-application", "error")
def error_unknown_application(page, server):
    page.goto(authorize(server, client="nobody"))
    heading(page, "don’t know this application")


@scene("error-not-found", "error")
def error_not_found(page, server):
    page.goto(server.issuer + "/nothing-here")
    heading(page, "nothing here")


@scene("sign-out", "sign-out")
def sign_out(page, server):
    signed_in(page, server)
    page.goto(server.issuer + "/logout")
    heading(page, "Sign out")


@scene("signed-out", "signed-out")
def signed_out(page, server):
    sign_out(page, server)
    button(page, "Sign out").click()
    heading(page, "signed out")


@scene("signed-out-frames", "signed-out")
def signed_out_frames(page, server):
    """What stands there while other applications are told."""
    page.route("**/signed-out.js*", lambda route: route.abort())
    signed_in(page, server)
    button(page, "Allow").click()
    page.wait_for_url(lambda url: url.startswith(server.application))
    page.goto(server.issuer + "/logout?" + urllib.parse.urlencode({
        "client_id": "shop", "post_logout_redirect_uri": server.application + "/"}))
    button(page, "Sign out").click()
    heading(page, "signed out")
    expect(page.get_by_role("link", name="Back to Corner Shop")).to_be_visible(timeout=PATIENCE)


@scene("signed-out-telling", "signed-out")
def signed_out_telling(page, server):
    """With the frames in which applications hear of it."""
    page.goto(authorize(server, client="news", scope="openid"))
    sign_in(page)
    allow_if_asked(page, page.locator("#problem"))
    page.goto(server.issuer + "/logout")
    button(page, "Sign out").click()
    heading(page, "signed out")
    expect(page.locator("iframe")).to_have_count(1)


@scene("form-post", "form-post")
def form_post(page, server):
    # The script that sends the form at once is what a browser without JavaScript does not have either.
    page.route("**/form-post.js*", lambda route: route.abort())
    page.goto(authorize(server, response_mode="form_post", prompt="none"))
    heading(page, "One moment")


def device_code(server):
    """A device asks; the code that it shows."""
    answer = requests.post(
        server.issuer + "/device_authorization", timeout=30,
        data={"client_id": "signet-cli", "scope": "openid profile offline_access orders:read"})
    return answer.json()["user_code"]


@scene("device-code", "device-code")
def device_code_page(page, server):
    page.goto(server.issuer + "/device")
    sign_in(page)
    heading(page, "Connect a device")


@scene("device-code-filled-in", "device-code")
def device_code_filled_in(page, server):
    page.goto(f"{server.issuer}/device?user_code={device_code(server)}")
    sign_in(page)
    heading(page, "Connect a device")


@scene("device-code-problem", "device-code", "alert")
def device_code_problem(page, server):
    device_code_page(page, server)
    page.get_by_label(re.compile("code", re.IGNORECASE)).fill("no such code")
    button(page, "Continue").click()
    expect(page.get_by_role("alert")).to_be_visible(timeout=PATIENCE)


@scene("device-consent", "device-consent")
def device_consent(page, server):
    device_code_filled_in(page, server)
    button(page, "Continue").click()
    heading(page, "Connect Signet command line")


@scene("device-allowed", "device-answered")
def device_allowed(page, server):
    device_consent(page, server)
    button(page, "Allow").click()
    heading(page, "All set")


@scene("device-denied", "device-answered")
def device_denied(page, server):
    device_consent(page, server)
    button(page, "Don’t allow").click()
    heading(page, "Not connected")


@scene("demo-signed-out")
def demo_signed_out(page, server):
    page.goto(server.application)
    expect(page.locator("#sign-in")).to_be_visible(timeout=PATIENCE)


@scene("demo")
def demo(page, server):
    demo_signed_out(page, server)
    page.locator("#sign-in").click()
    sign_in(page)
    allow_if_asked(page, page.locator("#hello"))
    expect(page.locator("#hello")).to_contain_text("Demo Person", timeout=PATIENCE)


@scene("demo-orders")
def demo_orders(page, server):
    demo(page, server)
    page.locator("[data-action=orders]").click()
    expect(page.locator("#notice")).to_contain_text("orders", timeout=PATIENCE)
    for tab in page.get_by_role("tab").all():
        tab.click()


@scene("demo-problem")
def demo_problem(page, server):
    demo_signed_out(page, server)
    page.locator("#sign-in").click()
    # Somebody who has allowed it nothing yet.
    sign_in(page, "ada", "correct battery")
    page.locator("button[value=deny]").click()
    expect(page.locator("#problem")).to_contain_text("access_denied", timeout=PATIENCE)


def account_page(page, server, section, title, person=("ada", "correct battery")):
    page.goto(server.issuer + "/account" + section)
    sign_in(page, *person)
    heading(page, title)


@scene("account", "account-top", "account-form", "account-profile")
def account(page, server):
    account_page(page, server, "", "Your profile")


@scene("account-several", "account-profile", "account-form")
def account_several(page, server):
    account(page, server)
    button(page, "Sign in with another account").click()
    sign_in(page)
    expect(page.locator(".items")).to_contain_text("Ada Lovelace", timeout=PATIENCE)


@scene("account-renamed", "account-profile")
def account_renamed(page, server):
    account(page, server)
    button(page, "Save name").click()
    expect(page.get_by_role("status")).to_be_visible(timeout=PATIENCE)


@scene("account-password", "account-password")
def account_password(page, server):
    account_page(page, server, "/password", "Password")


@scene("account-password-problem", "account-password", "alert")
def account_password_problem(page, server):
    account_password(page, server)
    for label, text in (("Current password", "x"), ("New password", "a long one"), ("New password again", "another")):
        page.get_by_label(label, exact=True).fill(text)
    button(page, "Change password").click()
    expect(page.get_by_role("alert")).to_be_visible(timeout=PATIENCE)


@scene("account-sessions", "account-sessions", "account-paging")
def account_sessions(page, server):
    # Enough sessions for two pages, by a browser that forgets its cookies.
    pages = page.get_by_role("navigation", name="Pages")
    for _ in range(30):
        account_page(page, server, "/sessions", "signed in")
        if pages.is_visible():
            return
        page.context.clear_cookies()
    raise AssertionError("thirty sessions fit on one page")


@scene("account-applications", "account-applications")
def account_applications(page, server):
    for client in ("shop", "society"):
        page.goto(authorize(server, client=client, prompt="consent", scope="openid profile"))
        sign_in(page) if client == "shop" else None
        page.route("**/callback*", lambda route: route.fulfill(body="back"))
        button(page, "Allow").click()
        page.wait_for_url("**/callback*")
    page.goto(server.issuer + "/account/applications")
    expect(page.locator(".items")).to_contain_text("Corner Shop", timeout=PATIENCE)


@scene("account-no-applications", "account-applications")
def account_no_applications(page, server):
    account_page(page, server, "/applications", "Connected applications")


def with_upstreams(page, server):
    """The sign-in page with its buttons; a server that has just been told of its providers takes a second."""
    page.goto(authorize(server))
    elsewhere = button(page, "Continue with Elsewhere")
    for _ in range(60):
        if elsewhere.is_visible():
            return
        page.wait_for_timeout(500)
        page.reload()
    raise AssertionError("no button of an upstream provider")


@scene("sign-in-upstreams", "sign-in")
def sign_in_upstreams(page, server):
    with_upstreams(page, server)


@scene("upstream-problem", "upstream-problem")
def upstream_problem(page, server):
    with_upstreams(page, server)
    button(page, "Continue with Elsewhere").click()
    heading(page, "Elsewhere doesn’t answer")


@scene("continue", "continue")
def continue_page(page, server):
    with_upstreams(page, server)
    # No content: the browser stays where it is, as long as it takes to look.
    page.route("https://github.com/**", lambda route: route.fulfill(status=204))
    button(page, "Continue with GitHub").click()
    heading(page, "One moment")


@scene("linked-accounts", "linked-accounts")
def linked_accounts(page, server):
    with_upstreams(page, server)
    account_page(page, server, "/links", "Linked accounts")
    expect(button(page, "Link Elsewhere")).to_be_visible(timeout=PATIENCE)
