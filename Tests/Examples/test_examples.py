"""Every example does what Examples/README.md says."""

import re
import socket
import time

import requests
import zxingcpp
from playwright.sync_api import expect

from signet import Person

PATIENCE = 60_000
# How late a feed may be on a machine that does other things meanwhile, in seconds: far less than a token lives. How late it
# is on a quiet one is measured, not asserted: Benchmarks/results/revocation.json.
LATE = 30


def sign_in(page):
    page.get_by_label(re.compile("username", re.IGNORECASE)).fill("ada")
    page.get_by_label(re.compile("^password", re.IGNORECASE)).fill("correct battery")
    page.get_by_role("button", name=re.compile("^sign in", re.IGNORECASE)).click()
    page.get_by_role("button", name=re.compile("^allow", re.IGNORECASE)).click()


def is_closed(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def test_orders_refuses_a_revoked_token_by_the_feed_and_asks_nobody(example):
    orders = example("orders")
    began, _ = orders.wait_for("orders-service: .*orders came")
    orders.wait_for("orders-api: .*200 accepted", after=began)
    orders.signet("revoke", "--client", "orders-service")
    revoked = max(moment for moment, _ in orders.lines)
    refused, _ = orders.wait_for("orders-api: .*401 refused: the access token was revoked", after=revoked)
    assert refused - revoked < LATE
    orders.wait_for("orders-service: .*401 .*the access token was revoked", after=revoked)
    again, _ = orders.wait_for("orders-service: .*asks for another token", after=refused)
    assert not orders.matching("orders-api: .*accepted", after=refused, until=again)
    orders.wait_for("orders-api: .*200 accepted", after=again)

    decisions = orders.matching("orders-api: .*(accepted|refused)")
    counts = {re.search(r"requests to the issuer=(.*) since the start", line).group(1) for line in decisions}
    assert len(counts) == 1 and next(iter(counts)).startswith("0 now, "), counts
    staleness = [int(re.search(r"staleness of the feed=(\d+) ms", line).group(1)) for line in decisions]
    assert max(staleness) < LATE * 1000, staleness


def test_orders_begins_again_where_it_was_ended_and_ends_with_ctrl_c(example):
    for _ in range(2):
        orders = example("orders")
        orders.wait_for("orders-service: .*orders came")
        assert orders.interrupt() == 130
        assert all(is_closed(orders.port + number) for number in range(2)), orders.output()


def test_orders_api_says_where_its_tokens_come_from(example):
    orders = example("orders")
    orders.wait_for("orders-service: .*orders came")
    answer = requests.get(orders.api + "/orders", timeout=30)
    assert answer.status_code == 401
    metadata = re.search('resource_metadata="([^"]+)"', answer.headers["WWW-Authenticate"]).group(1)
    assert requests.get(metadata, timeout=30).json()["authorization_servers"] == [orders.issuer]


def test_spa_signs_in_calls_the_api_stays_signed_in_and_signs_out_in_every_tab(example, page):
    spa = example("spa")
    spa.wait_for("example: open ")
    page.goto(spa.page + "/")
    page.locator("#sign-in").click()
    sign_in(page)
    expect(page.locator("#state")).to_have_text("Signed in as Ada Lovelace.", timeout=PATIENCE)
    assert page.url == spa.page + "/", "the code is out of the address bar"
    page.locator("#orders").click()
    expect(page.locator("#answer")).to_contain_text("Sealing wax", timeout=PATIENCE)

    page.reload()
    expect(page.locator("#state")).to_have_text("Signed in as Ada Lovelace.", timeout=PATIENCE)
    page.locator("#orders").click()
    expect(page.locator("#answer")).to_contain_text("200 ", timeout=PATIENCE)
    stored = page.evaluate("() => JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie])")
    assert stored == '[{},{},""]'

    other = page.context.new_page()
    other.goto(spa.page + "/")
    expect(other.locator("#state")).to_have_text("Signed in as Ada Lovelace.", timeout=PATIENCE)
    page.locator("#sign-out").click()
    for tab in (other, page):
        expect(tab.locator("#state")).to_have_text("Nobody is signed in.", timeout=PATIENCE)
    assert page.url == spa.page + "/"
    page.locator("#sign-in").click()
    expect(page.get_by_label(re.compile("^password", re.IGNORECASE))).to_be_visible(timeout=PATIENCE)
    assert page.faults == []


def test_spa_takes_no_answer_that_it_did_not_ask_for(example, page):
    spa = example("spa")
    spa.wait_for("example: open ")
    page.goto(f"{spa.page}/?code=stolen&state=forged&iss={spa.issuer}")
    expect(page.locator("#state")).to_contain_text("state_mismatch", timeout=PATIENCE)
    expect(page.locator("#sign-in")).to_be_visible()


def test_web_shows_the_orders_of_who_signed_in_and_nothing_after_signing_out(example, page):
    web = example("web")
    web.wait_for("example: open ")
    page.goto(web.page + "/")
    page.get_by_role("link", name="My orders").click()
    sign_in(page)
    expect(page.get_by_role("heading")).to_have_text("Hello, Ada Lovelace", timeout=PATIENCE)
    assert page.url == web.page + "/account"
    expect(page.locator("#orders")).to_contain_text("Signet ring")
    assert page.evaluate("() => document.cookie") == "", "no script reads the session"
    cookies = {cookie["name"]: cookie for cookie in page.context.cookies(web.page)}
    session = cookies[f"session-{web.port + 2}"]
    assert session["httpOnly"] and session["sameSite"] == "Lax"
    assert not any(name.startswith("login-") for name in cookies), "the sign-in's own cookie is gone"

    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url(web.page + "/", timeout=PATIENCE)
    expect(page.get_by_text("Nobody is signed in.")).to_be_visible()
    page.goto(web.page + "/account")
    expect(page.get_by_label(re.compile("^password", re.IGNORECASE))).to_be_visible(timeout=PATIENCE)
    assert page.faults == []


def test_tv_shows_a_code_that_a_camera_reads_and_the_orders_once_it_was_allowed(example, page):
    tv = example("tv")
    tv.wait_for("example: open ")
    page.goto(tv.page + "/")
    code = page.locator("#code").inner_text(timeout=PATIENCE)
    address = f"{tv.issuer}/device?user_code={code}"
    assert camera(page.locator("svg").evaluate("picture => picture.outerHTML")) == address
    phone = page.context.browser.new_page()
    phone.goto(address)
    phone.get_by_label(re.compile("username", re.IGNORECASE)).fill("ada")
    phone.get_by_label(re.compile("^password", re.IGNORECASE)).fill("correct battery")
    phone.get_by_role("button", name=re.compile("^sign in", re.IGNORECASE)).click()
    phone.get_by_role("button", name="Continue").click()
    expect(phone.locator("main")).to_contain_text("Orders TV", timeout=PATIENCE)
    phone.get_by_role("button", name="Allow", exact=True).click()
    expect(phone.locator("main")).to_contain_text("Go back to your device", timeout=PATIENCE)
    expect(page.locator("#orders")).to_contain_text("Signet ring", timeout=PATIENCE)
    phone.close()


def camera(svg):
    """What a decoder that we did not write reads in the picture."""
    side = int(re.search(r'viewBox="0 0 (\d+) ', svg).group(1))
    scale = 4
    pixels = bytearray(b"\xff" * (side * scale) ** 2)
    for column, row in re.findall(r"M(\d+),(\d+)h1v1h-1z", svg):
        for line in range(int(row) * scale, (int(row) + 1) * scale):
            start = line * side * scale + int(column) * scale
            pixels[start:start + scale] = b"\0" * scale
    image = memoryview(bytes(pixels)).cast("B", shape=[side * scale, side * scale])
    return zxingcpp.read_barcodes(image, formats=zxingcpp.BarcodeFormat.QRCode)[0].text


def test_web_is_signed_out_when_its_person_signs_out_elsewhere_and_by_no_forged_token(example, page):
    web = example("web")
    web.wait_for("example: open ")
    page.goto(web.page + "/account")
    sign_in(page)
    expect(page.get_by_role("heading")).to_have_text("Hello, Ada Lovelace", timeout=PATIENCE)
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    for forged in ("", "logout_token=", "logout_token=eyJhbGciOiJub25lIn0.e30.", "logout_token=a.b.c", "x" * 40_000):
        answer = requests.post(web.page + "/backchannel-logout", data=forged, headers=form, timeout=30)
        assert answer.status_code == 400 and answer.headers["Cache-Control"] == "no-store", forged[:40]
    page.goto(web.page + "/")
    expect(page.get_by_text("Signed in as")).to_be_visible()

    # Another tab, at the issuer: the shop hears of it behind the browser's back.
    tab = page.context.new_page()
    tab.goto(web.issuer + "/logout")
    tab.get_by_role("button", name="Sign out", exact=True).click()
    expect(tab.get_by_role("heading", name="You’re signed out")).to_be_visible(timeout=PATIENCE)
    deadline = time.monotonic() + 60
    while page.get_by_text("Nobody is signed in.").count() == 0:
        assert time.monotonic() < deadline, "the shop was not told"
        time.sleep(0.2)
        page.goto(web.page + "/")
    assert page.faults == []


def test_cli_signs_in_through_the_browser_and_is_refused_after_revoking(example):
    tool = example("cli")
    _, address = tool.wait_for(r"^\s+(http://localhost:\d+/\S+)$")
    answer = Person("ada", "correct battery").visit(address.group(1), stop_at="http://127.0.0.1:")
    assert "go back to the terminal" in requests.get(answer, timeout=30).text
    tool.wait_for(r"^200 .*Sealing wax")
    _, later = tool.wait_for(r"revoked, and (\d+) ms later: 401 .*the access token was revoked")
    assert int(later.group(1)) < LATE * 1000
    assert tool.process.wait(timeout=60) == 0


def test_python_verifier_refuses_by_the_status_list(example):
    python = example("python-verifier")
    accepted, _ = python.wait_for("verifier.py: accepted, from orders-service with orders:read")
    python.signet("revoke", "--client", "orders-service")
    # The list may be kept for its ttl.
    refused, _ = python.wait_for("verifier.py: refused: its status is 1: revoked", after=accepted)
    python.wait_for("verifier.py: refused", after=refused)
    assert not python.matching("verifier.py: accepted", after=refused)
