"""What the clients know: the world that is set up before anything breaks, and everything that they were told since."""

import base64
import json
import threading

REDIRECT_URI = "https://app.example/callback"
AUDIENCE = "https://api.example/orders"
PASSWORD = "correct battery"
# RFC 7636, appendix B.
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
SCOPE = "openid offline_access orders:read"
DEVICE = "urn:ietf:params:oauth:grant-type:device_code"


def octets(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def claims_of(token):
    return json.loads(octets(token.split(".")[1]))


def header_of(token):
    return json.loads(octets(token.split(".")[0]))


def facts(token):
    """What the record says of an access token; not the token."""
    claims = claims_of(token)
    return {"jti": claims["jti"], "family": claims.get("grant_id"), "sid": claims.get("sid"), "sub": claims["sub"],
            "client": claims["client_id"], "kid": header_of(token)["kid"]}


class Grant:
    """A family as its holder sees it."""

    def __init__(self, client, person, code, answer):
        self.client, self.person, self.code = client, person, code
        self.refresh = answer["refresh_token"]
        self.older = []
        self.access = answer["access_token"]
        self.id_token = answer.get("id_token")
        self.family = claims_of(self.access)["grant_id"]
        self.lock = threading.Lock()


class World:
    def __init__(self, cluster, people):
        self.cluster = cluster
        self.names = [f"person{number}" for number in range(people)]
        self.subjects = {}
        self.grants, self.tokens = [], []
        # Of applications in session mode: the name and the cookies of each, whether it goes on or not.
        self.sessions = []
        self.new_clients, self.followers = [], []
        self.lock = threading.Lock()

    def prepare(self):
        must = self.cluster.must
        api = must("api", "create", "--audience", AUDIENCE, "--name", "Orders", "--scope", "orders:read=See your orders")
        self.api = (api["credential_id"], api["credential_secret"])
        must("client", "create", "--id", "app", "--name", "App", "--type", "public", "--redirect-uri", REDIRECT_URI,
             "--scope", "openid", "--scope", "offline_access", "--scope", "orders:read")
        must("client", "create", "--id", "device", "--name", "Device", "--device")
        must("client", "create", "--id", "notes", "--type", "public", "--first-party", "--browser-session", "session",
             "--origin", self.cluster.origin)
        service = must("client", "create", "--id", "service", "--type", "confidential", "--scope", "orders:read")
        self.service = ("service", service["client_secret"])
        for name in self.names:
            person = must("user", "create", "--username", name, "--password-stdin", standard_input=PASSWORD + "\n")
            self.subjects[name] = person["sub"]

    def remember(self, grant):
        with self.lock:
            self.grants.append(grant)
            self.tokens.append(grant.access)

    def remember_token(self, token):
        with self.lock:
            self.tokens.append(token)

    def remember_session(self, session, cookies):
        with self.lock:
            self.sessions.append((session, dict(cookies)))

    def recent(self, dice, items, count=40):
        with self.lock:
            chosen = items[-count:]
        return dice.choice(chosen) if chosen else None
