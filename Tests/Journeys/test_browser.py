"""A real Chromium through the demo, as `make run` shows it."""

import re
import subprocess

import pytest
from playwright.sync_api import expect

from signet import Signet

PATIENCE = 30_000


@pytest.fixture
def page(chromium):
    context = chromium.new_context(viewport={"width": 1280, "height": 900}, ignore_https_errors=True)
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    page.faults = []
    page.on("pageerror", lambda error: page.faults.append(str(error)))
    page.on("console", lambda message: page.faults.append(message.text) if "Content Security" in message.text else None)
    yield page
    context.close()


def sign_in(page):
    page.get_by_label(re.compile("username", re.IGNORECASE)).fill("demo")
    page.get_by_label(re.compile("^password", re.IGNORECASE)).fill("correct horse")
    page.get_by_role("button", name=re.compile("^sign in", re.IGNORECASE)).click()


def open_demo(page, demo):
    page.goto(demo.application)
    page.locator("#sign-in").click()


def test_sign_in_see_tokens_call_refresh_reload_sign_out(page, demo):
    open_demo(page, demo)
    page.wait_for_url(lambda url: url.startswith(demo.issuer + "/sign-in"))
    sign_in(page)
    page.get_by_role("button", name=re.compile("^allow", re.IGNORECASE)).click()
    page.locator("#signed-in").wait_for(state="visible")
    assert page.url.startswith(demo.application)
    expect(page.locator("#token")).to_contain_text("at+jwt", timeout=PATIENCE)
    expect(page.locator("#hello")).to_contain_text("Demo Person", timeout=PATIENCE)

    log, notice = page.locator("#log"), page.locator("#notice")
    shown = page.locator("#token").inner_text()
    page.locator("[data-action=userinfo]").click()
    expect(log).to_contain_text("demo@example.org", timeout=PATIENCE)
    page.locator("[data-action=orders]").click()
    expect(notice).to_have_text(re.compile(r"sent [1-9]\d* orders"), timeout=PATIENCE)
    page.locator("[data-action=refresh]").click()
    expect(notice).to_contain_text("A new access token.", timeout=PATIENCE)
    assert page.locator("#token").inner_text() != shown, "another access token is shown"
    page.locator("[data-action=orders]").click()
    expect(notice).to_have_text(re.compile(r"sent [1-9]\d* orders"), timeout=PATIENCE)
    expect(page.locator("#problem")).to_be_hidden()

    # FIELD: the access token lives in memory only, the refresh token where no script finds it; the demo looks for itself.
    stored = page.evaluate(
        "() => JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie])")
    assert stored == '[{},{},""]'
    assert page.evaluate("async () => (await indexedDB.databases()).length") == 0
    page.get_by_role("tab", name="Refresh").click()
    assert page.locator("#token .value").all_inner_texts() == ["empty"] * 4
    assert "signet_rt_" not in page.content()
    assert [cookie["httpOnly"] for cookie in page.context.cookies() if cookie["value"].startswith("signet_rt_")] == [True]

    page.reload()
    expect(page.locator("#hello")).to_contain_text("Demo Person", timeout=PATIENCE)
    expect(log).to_contain_text("Refresh by the cookie")

    # What the API refuses is put right: revoked, refused, refreshed, answered.
    page.locator("[data-action=revoke]").click()
    expect(notice).to_contain_text("Revoked.", timeout=PATIENCE)
    page.wait_for_timeout(1500)
    page.locator("[data-action=orders]").click()
    expect(notice).to_contain_text("fetched another and asked again", timeout=PATIENCE)
    expect(page.locator("#problem")).to_be_hidden()

    other = page.context.new_page()
    other.goto(demo.application)
    expect(other.locator("#hello")).to_contain_text("Demo Person", timeout=PATIENCE)
    page.locator("#sign-out").click()
    page.locator("#sign-in").wait_for(state="visible")
    assert page.url == demo.application + "/"
    expect(notice).to_contain_text("signed out, here and at the provider")
    expect(other.locator("#sign-in")).to_be_visible(timeout=PATIENCE)
    expect(other.locator("#notice")).to_contain_text("Signed out")
    # The session is gone: signing in asks for the password again.
    page.locator("#sign-in").click()
    expect(page.get_by_label(re.compile("^password", re.IGNORECASE))).to_be_visible(timeout=PATIENCE)
    assert page.faults == []


def test_wrong_password_says_so_and_the_right_one_then_works(page, demo):
    open_demo(page, demo)
    page.get_by_label(re.compile("username", re.IGNORECASE)).fill("demo")
    page.get_by_label(re.compile("^password", re.IGNORECASE)).fill("wrong horse")
    page.get_by_role("button", name=re.compile("^sign in", re.IGNORECASE)).click()
    expect(page.get_by_role("alert")).to_be_visible(timeout=PATIENCE)
    sign_in(page)
    expect(page.get_by_role("button", name=re.compile("^allow", re.IGNORECASE))).to_be_visible(timeout=PATIENCE)
    assert page.faults == []


def test_denied_consent_comes_back_as_an_error(page, demo):
    open_demo(page, demo)
    sign_in(page)
    page.locator("button[value=deny]").click()
    expect(page.locator("#problem")).to_contain_text("access_denied", timeout=PATIENCE)
    assert page.url.startswith(demo.application)


def test_pages_work_without_javascript_and_on_a_phone(chromium, demo):
    context = chromium.new_context(java_script_enabled=False, viewport={"width": 390, "height": 844})
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    page.goto(
        demo.issuer + "/authorize?response_type=code&client_id=demo-app&scope=openid&state=s"
        + f"&redirect_uri={demo.application}/callback&code_challenge_method=S256"
        + "&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM")
    box = page.locator("form").bounding_box()
    assert box["x"] >= 0 and box["x"] + box["width"] <= 390, "nothing is cut off on a phone"
    sign_in(page)
    page.locator("button[value=allow]").click()
    page.wait_for_url(re.compile(re.escape(demo.application)))
    assert "code=" in page.url and "state=s" in page.url and "iss=" in page.url
    context.close()


def test_session_fixation_the_cookie_changes_at_sign_in(page, demo):
    """CVE-2026-7507, CVE-2024-7341: what was there before the sign-in is not what is signed in afterwards."""
    open_demo(page, demo)
    before = {cookie["name"]: cookie["value"] for cookie in page.context.cookies(demo.issuer)}
    sign_in(page)
    page.get_by_role("button", name=re.compile("^allow", re.IGNORECASE)).wait_for()
    after = {cookie["name"]: cookie["value"] for cookie in page.context.cookies(demo.issuer)}
    fresh = {name: value for name, value in after.items() if before.get(name) != value}
    assert fresh, "signing in sets a new cookie"
    for cookie in page.context.cookies(demo.issuer):
        assert cookie["httpOnly"] and cookie["sameSite"] == "Lax" and not cookie["name"].startswith("__Host-")


def test_over_tls_the_cookies_are_host_locked(binary, data_dir, chromium, tmp_path):
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
         "-keyout", str(key), "-out", str(certificate), "-days", "2", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"],
        check=True, capture_output=True)
    with Signet(binary, data_dir, tls=(str(certificate), str(key))) as server:
        server.create_user("demo", "correct horse")
        server.run(
            "client", "create", "--id", "app", "--name", "App", "--type", "public",
            "--redirect-uri", "http://127.0.0.1/callback", "--scope", "openid")
        context = chromium.new_context(ignore_https_errors=True)
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        response = page.goto(
            server.issuer + "/authorize?response_type=code&client_id=app&scope=openid&state=s"
            + "&redirect_uri=http://127.0.0.1:9/callback&code_challenge_method=S256"
            + "&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM")
        assert "max-age" in response.headers["strict-transport-security"]
        sign_in(page)
        page.locator("button[value=allow]").wait_for()
        cookies = context.cookies(server.issuer)
        assert cookies
        for cookie in cookies:
            assert cookie["name"].startswith("__Host-"), cookie["name"]
            assert cookie["secure"] and cookie["httpOnly"] and cookie["sameSite"] == "Lax" and cookie["path"] == "/"
        context.close()
