"""Docs/guides/a-single-page-app.md does what it says: its command and its code are run as they are printed."""

import pathlib
import re
import shlex

from playwright.sync_api import expect

import scenes
from signet import Signet
from web_app import API, Application

GUIDE = pathlib.Path(__file__).resolve().parents[2] / "Docs" / "guides" / "a-single-page-app.md"


def test_the_guide_signs_in_calls_the_api_and_signs_out(binary, tmp_path, chromium):
    """Only the addresses are the test's own."""
    api = API()
    with Signet(binary, tmp_path / "data") as server:
        app = Application(server.issuer)

        def here(text):
            for name, origin in {"id": server.issuer, "shop": app.origin, "orders": api.origin}.items():
                text = text.replace(f"https://{name}.example.com", origin)
            return text

        guide = GUIDE.read_text()
        [command] = re.findall(r"^    signet (client create (?:.*\\\n)*.*)$", guide, re.MULTILINE)
        first, who, call, leave = re.findall(r"^```js\n(.*?)^```$", guide, re.DOTALL | re.MULTILINE)
        [policy] = re.findall(r"^    Content-Security-Policy: (.*(?:\n      .*)*)$", guide, re.MULTILINE)
        arguments = shlex.split(here(command).replace("\\\n", " "))
        arguments.remove("--config"), arguments.remove("signet.yaml")
        server.create_user("ada", "correct battery", name="Ada Lovelace")
        server.run("api", "create", "--audience", api.origin, "--name", "Orders", "--scope", "orders:read=See orders")
        server.run(*arguments)
        app.script, app.policy = here(first), " ".join(here(policy).split())

        context = chromium.new_context()
        page = context.new_page()
        page.set_default_timeout(scenes.PATIENCE)
        said, faults = [], []
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.goto(app.origin + "/orders")
        page.wait_for_url(lambda url: url.startswith(server.issuer))
        scenes.sign_in(page, "ada", "correct battery")
        with page.expect_console_message(lambda message: message.text.startswith("signed in:")):
            scenes.button(page, "Allow").click()
        expect(page).to_have_url(app.origin + "/orders")
        with page.expect_console_message(lambda message: message.text.startswith("signed in:")):
            page.reload()

        called = "async () => { const { client } = await import('/app.js'); %s }"
        assert page.evaluate(called % (here(who) + "return person.name;")) == "Ada Lovelace"
        assert page.evaluate(called % (here(call) + "return response.status;")) == 200
        [token] = api.tokens()
        assert token.startswith("Bearer ")
        # The address that is left in between is gone before it can be asked whether the code ended.
        page.evaluate("() => { import('/app.js').then(async ({ client }) => { %s }); }" % leave)
        # The page begins a sign-in when it finds nobody: which it does after signing out.
        expect(page.get_by_label("Password")).to_be_visible(timeout=scenes.PATIENCE)
        assert "nobody is signed in" in said
        assert faults == [] and not [text for text in said if "Content Security" in text]
        context.close()
        app.close()
    api.close()
