"""A single-page application on signet.js, an API that it calls and another that it should not: each on its own origin.

The page is a module, and nothing of it is on `window`: tests import it, and get what the page has.
"""

import http.server
import json
import pathlib
import threading

import scenes

ROOT = pathlib.Path(__file__).resolve().parents[2]
SOURCE = ROOT / "Sources" / "Pages" / "BrowserLibrary" / "signet.js"

PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>App</title>
<script type="module" src="/app.js"></script><main>App</main></html>"""

SCRIPT = """
import { createClient } from "%(library)s";
export const events = [];
export const client = createClient(%(options)s);
for (const type of ["signedin", "refreshed", "signedout", "error"]) {
  client.on(type, (detail) => {
    events.push([type, detail?.code ?? detail?.sub ?? null]);
    document.dispatchEvent(new Event("seen"));
  });
}
/** Waits until there were so many events of a type. */
export const seen = (type, count) => new Promise((resolve, reject) => {
  const look = () => events.filter(([one]) => one === type).length >= count && resolve();
  document.addEventListener("seen", look);
  look();
  setTimeout(() => reject(new Error(`no ${type}: ${JSON.stringify(events)}`)), %(patience)s);
});
const told = ({ code, description, traceId, status }) => ({ code, description, traceId, status });
export const settled = (work) => work.then((value) => ({ value: value ?? null }), (error) => ({ error: told(error) }));
export const started = settled(client.start());
export const kept = {};
"""


class Origin:
    """A web server on a free port of loopback: `answer(handler)` decides, every request is remembered."""

    def __init__(self, host="localhost"):
        self.requests = []
        owner = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_one(self):
                length = int(self.headers.get("Content-Length") or 0)
                self.content = self.rfile.read(length).decode()
                headers = {name.lower(): value for name, value in self.headers.items()}
                owner.requests.append((self.command, self.path, headers, self.content))
                status, headers, body = owner.answer(self)
                body = body.encode()
                self.send_response(status)
                for name, value in {"Content-Length": str(len(body)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST = do_PUT = do_OPTIONS = handle_one

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.origin = f"http://{host}:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def answer(self, handler):
        return 404, {}, ""

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class Application(Origin):
    """The page, under the Content-Security-Policy that the guide recommends."""

    def __init__(self, issuer, client="app", scope="openid profile offline_access", library=None):
        super().__init__()
        self.issuer, self.client, self.scope = issuer, client, scope
        self.library = library or f"{issuer}/assets/signet.js"
        self.apis = []
        # Of the test's own, instead of the usual ones.
        self.policy = self.script = ""

    @property
    def callback(self):
        return self.origin + "/callback"

    def register(self, server, **more):
        flags = [part for name, value in more.items() for part in (f"--{name.replace('_', '-')}", value)]
        server.run(
            "client", "create", "--id", self.client, "--name", "App", "--type", "public", "--token-delivery", "cookie",
            "--grant", "authorization_code", "--grant", "refresh_token", "--redirect-uri", self.callback,
            "--post-logout-redirect-uri", self.origin + "/", "--origin", self.origin, "--scope", self.scope, *flags)

    def answer(self, handler):
        path = handler.path.split("?")[0]
        policy = "; ".join([
            "default-src 'none'", f"script-src 'self' {self.issuer}",
            f"connect-src 'self' {self.issuer} {' '.join(self.apis)}", "base-uri 'none'", "form-action 'none'",
            "frame-ancestors 'none'", "require-trusted-types-for 'script'"])
        headers = {"Content-Security-Policy": self.policy or policy, "Cache-Control": "no-store"}
        if path == "/app.js" and self.script:
            return 200, {"Content-Type": "text/javascript", **headers}, self.script
        if path == "/app.js":
            options = json.dumps({
                "issuer": self.issuer, "clientId": self.client, "redirectURI": self.callback, "scope": self.scope,
                "postLogoutRedirectURI": self.origin + "/", "apis": self.apis})
            text = SCRIPT % {"library": self.library, "options": options, "patience": scenes.PATIENCE}
            return 200, {"Content-Type": "text/javascript", **headers}, text
        if path == "/signet.js":
            return 200, {"Content-Type": "text/javascript", **headers}, SOURCE.read_text()
        if path in ("/", "/callback", "/orders"):
            return 200, {"Content-Type": "text/html; charset=utf-8", **headers}, PAGE
        return 404, headers, ""


class API(Origin):
    """Lets every origin read, and refuses whatever `refuses` says."""

    def __init__(self, host="localhost"):
        super().__init__(host)
        self.refuses = lambda token: False
        self.redirects_to = None

    def tokens(self):
        """The Authorization header of each request that was no preflight."""
        return [headers.get("authorization") for method, _, headers, _ in self.requests if method != "OPTIONS"]

    def answer(self, handler):
        cors = {
            "Access-Control-Allow-Origin": "*", "Access-Control-Allow-Headers": "Authorization, Content-Type",
            "Access-Control-Allow-Methods": "GET, POST, PUT"}
        if handler.command == "OPTIONS":
            return 204, cors, ""
        if self.redirects_to:
            return 307, {**cors, "Location": self.redirects_to}, ""
        if self.refuses(handler.headers.get("Authorization")):
            return 401, {**cors, "WWW-Authenticate": 'Bearer error="invalid_token"'}, ""
        return 200, {**cors, "Content-Type": "text/plain"}, handler.content or "orders"


# ---- what a test asks of the page


def run(page, code, *arguments):
    """Runs code with the page's module in `app`."""
    return page.evaluate(f"async (rest) => {{ const app = await import('/app.js'); {code} }}", list(arguments))


def started(page):
    return run(page, "return app.started")


def user(page):
    return run(page, "return app.client.user")


def token(page):
    return run(page, "return app.client.accessToken()")


def events(page):
    return [kind for kind, _ in run(page, "return app.events")]


def sign_in(page, app, username="ada", path="/orders?of=today#top"):
    page.goto(app.origin + path)
    started(page)
    run(page, "await app.client.signIn({ prompt: 'login' })")
    page.wait_for_url(lambda url: url.startswith(app.issuer))
    scenes.sign_in(page, username, "correct battery")
    allow = scenes.button(page, "Allow")
    page.wait_for_function(
        "origin => location.origin === origin || document.querySelector('button[value=allow]')", arg=app.origin)
    if not page.url.startswith(app.origin):
        allow.click()
    page.wait_for_url(app.origin + path)
    answer = started(page)
    assert "error" not in answer, answer
    return answer["value"]


def wait_for_event(page, kind, count=1):
    run(page, "await app.seen(...rest)", kind, count)


def begin(page, app, options=None, path="/"):
    """Begins a sign-in and stays on the page, so that it can be looked at; the address that was to be visited."""
    page.goto(app.origin + path)
    started(page)
    page.route("**/authorize?*", lambda route: route.fulfill(status=204))
    with page.expect_response("**/authorize?*") as answer:
        run(page, "await app.client.signIn(rest[0])", options or {})
    page.unroute("**/authorize?*")
    return answer.value.url
