"""HTTP as the harness needs it: one connection a node, a plain outcome for whatever happens, and a browser without scripts."""

import base64
import dataclasses
import html
import http.client
import json
import re
import time
import urllib.parse

PATIENCE = 30.0


@dataclasses.dataclass
class Answer:
    begin: float
    end: float
    result: str
    status: int | None = None
    headers: dict = dataclasses.field(default_factory=dict)
    body: str = ""
    note: str = ""
    octets: bytes = b""

    @property
    def json(self):
        try:
            value = json.loads(self.body)
            return value if isinstance(value, dict) else {}
        except ValueError:
            return {}

    def refusal(self):
        """What a refusal says, for the record."""
        out = {"retry_after": self.headers.get("retry-after")}
        out |= {"error": self.json.get("error"), "description": self.json.get("error_description")}
        return {name: value for name, value in out.items() if value is not None}


def outcome(status):
    if status < 400:
        return "ok"
    if status in (503, 429):
        return "unavailable"
    return "refused" if status < 500 else "error"


class Caller:
    """Speaks to the nodes for one client; not shared between threads."""

    def __init__(self, cluster):
        self.cluster = cluster
        self.connections = {}

    def send(self, node, method, target, body=None, headers=None, patience=PATIENCE):
        """One request, sent at most once. `target` may be an address of the issuer, whoever answers it."""
        if target.startswith(self.cluster.issuer):
            target = target[len(self.cluster.issuer):] or "/"
        headers = {"Host": self.cluster.issuer.split("//")[1], **(headers or {})}
        begin = time.monotonic()
        connection = self.connections.pop(node, None)
        # A connection that was kept may have died since with its node; that is no fault of the node that is there now.
        stale = "" if connection is None else "kept connection: "
        try:
            if connection is None:
                connection = http.client.HTTPConnection("127.0.0.1", self.cluster.ports[node], timeout=patience)
                try:
                    connection.connect()
                except OSError as error:
                    return Answer(begin, time.monotonic(), "unsent", note=type(error).__name__)
            connection.request(method, target, body=body, headers=headers)
            response = connection.getresponse()
            octets = response.read()
        except TimeoutError:
            connection.close()
            return Answer(begin, time.monotonic(), "unknown", note="timeout")
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            return Answer(begin, time.monotonic(), "unknown", note=stale + type(error).__name__)
        end = time.monotonic()
        if response.will_close:
            connection.close()
        else:
            self.connections[node] = connection
        names = {}
        for name, value in response.getheaders():
            names.setdefault(name.lower(), value)
        names["set-cookies"] = response.headers.get_all("Set-Cookie") or []
        return Answer(begin, end, outcome(response.status), response.status, names, octets.decode(errors="replace"),
                      octets=octets)

    def post(self, node, path, fields, credentials=None, headers=None):
        headers = {"Content-Type": "application/x-www-form-urlencoded", **(headers or {})}
        if credentials:
            pair = ":".join(urllib.parse.quote(part, safe="") for part in credentials)
            headers["Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
        return self.send(node, "POST", path, urllib.parse.urlencode(fields), headers)

    def get(self, node, path, headers=None, patience=PATIENCE):
        return self.send(node, "GET", path, headers=headers, patience=patience)

    def close(self):
        for connection in self.connections.values():
            connection.close()


class Form:
    """A form of a page, as a browser without JavaScript finds it."""

    def __init__(self, attributes, content):
        self.action = html.unescape(re.search(r'action="([^"]*)"', attributes).group(1))
        self.fields, self.buttons = {}, []
        for tag in re.findall(r"<(?:input|button)\b[^>]*>", content):
            name, value = re.search(r'name="([^"]*)"', tag), re.search(r'value="([^"]*)"', tag)
            if name and tag.startswith("<input"):
                self.fields[html.unescape(name.group(1))] = html.unescape(value.group(1)) if value else ""
            elif name:
                self.buttons.append((html.unescape(name.group(1)), html.unescape(value.group(1)) if value else ""))

    @staticmethod
    def all_of(page):
        return [Form(*match) for match in re.findall(r"<form\b([^>]*)>(.*?)</form>", page, re.DOTALL)]


class Browser:
    """Cookies and redirects of one person. Each request goes to a node of the caller's choice: there are no sticky sessions."""

    def __init__(self, caller, choose):
        self.caller = caller
        self.choose = choose
        self.cookies = {}
        self.node = None

    def send(self, method, target, fields=None, headers=None):
        self.node = self.choose()
        headers = dict(headers or {})
        if self.cookies:
            headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        if method == "POST":
            headers.setdefault("Origin", self.caller.cluster.origin)
            headers.setdefault("Content-Type", "application/x-www-form-urlencoded")
            body = json.dumps(fields) if "json" in headers["Content-Type"] else urllib.parse.urlencode(fields)
        else:
            body = None
        answer = self.caller.send(self.node, method, target, body, headers)
        for cookie in answer.headers.get("set-cookies", []):
            pair, *attributes = cookie.split(";")
            name, value = pair.strip().split("=", 1)
            if not value or any(part.strip().lower() == "max-age=0" for part in attributes):
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = value
        return answer

    def absolute(self, answer, location):
        return urllib.parse.urljoin(self.caller.cluster.issuer + "/", location)
