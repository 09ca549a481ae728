"""glewlwyd, a server of Debian's, from the files of its package: with a database and a configuration of its own in a
temporary folder. The package itself is not installed, since it would configure and start a service."""
import gzip
import http.cookiejar
import json
import os
import sqlite3
import urllib.error
import urllib.request

from httpload import Plan, bearer, form, get
from peers import FAMILIES, SEEN, Peer, ask, basic, expect, generate, token_of
from servers import Fault

SCOPE = "read"
ALGORITHMS = {
    "es256": ("ecdsa", "256", "EC", "ec_paramgen_curve:P-256"),
    "rs256": ("rsa", "256", "RSA", "rsa_keygen_bits:2048"),
    "eddsa": ("eddsa", "256", "ED25519", None),
}


class Glewlwyd(Peer):
    def __init__(self, prefix, root):
        self.root = root
        self.broken_algorithms = {}
        super().__init__(
            "glewlwyd", lambda peer: [*prefix, f"{root}/usr/bin/glewlwyd", f"--config-file={peer.configuration()}"]
        )

    def configuration(self):
        database = os.path.join(self.folder, "database")
        with gzip.open(f"{self.root}/usr/share/doc/glewlwyd/database/init.sqlite3.sql.gz", "rt", encoding="utf-8") as script:
            connection = sqlite3.connect(database)
            connection.executescript(script.read())
            connection.close()
        modules = f"{self.root}/usr/lib/glewlwyd"
        # Folders that it insists on: its pages, of which none is asked for here, and modules of which it has none.
        pages = os.path.join(self.folder, "pages")
        for folder in (pages, f"{modules}/user_middleware"):
            os.makedirs(folder, exist_ok=True)
        settings = {
            "port": self.port, "bind_address": "127.0.0.1", "external_url": self.url, "api_prefix": "api",
            "login_url": "login.html", "static_files_path": pages,
            "log_mode": "console", "log_level": "ERROR", "cookie_domain": "127.0.0.1", "cookie_secure": 0,
            "session_expiration": 2419200, "session_key": "GLEWLWYD2_SESSION_ID", "admin_scope": "g_admin",
            "profile_scope": "g_profile", "login_api_enabled": True, "hash_algorithm": "SHA512",
            "user_module_path": f"{modules}/user", "user_middleware_module_path": f"{modules}/user_middleware",
            "client_module_path": f"{modules}/client", "user_auth_scheme_module_path": f"{modules}/scheme",
            "plugin_module_path": f"{modules}/plugin", "use_secure_connection": False,
            # They are looked at although the connection is not secured.
            "secure_connection_key_file": "none", "secure_connection_pem_file": "none", "secure_connection_ca_file": "none",
        }
        path = os.path.join(self.folder, "glewlwyd.conf")
        with open(path, "w", encoding="utf-8") as file:
            file.write("".join(f"{name} = {json.dumps(value)}\n" for name, value in settings.items()))
            file.write(f'database = {{ type = "sqlite3"; path = {json.dumps(database)}; }};\n')
        return path

    def prepare(self):
        jar = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        administrator = urllib.request.build_opener(jar)

        def send(path, body):
            request = urllib.request.Request(
                f"{self.url}/api{path}", json.dumps(body).encode(), {"Content-Type": "application/json"}, method="POST"
            )
            with administrator.open(request, timeout=20) as answer:
                return answer.read()

        # The administrator and the password that its script puts into a new database.
        send("/auth/", {"username": "admin", "password": "password"})
        send("/scope/", {
            "name": SCOPE, "display_name": SCOPE, "description": SCOPE, "password_required": False, "scheme": {},
            "password_max_age": 0})
        for name, (kind, size, algorithm, option) in ALGORITHMS.items():
            private, public = generate(algorithm, option, os.path.join(self.folder, f"{name}.pem"))
            try:
                send("/mod/plugin/", {"module": "oidc", "name": name, "display_name": name, "parameters": {
                    **self.parameters(name), "jwt-type": kind, "jwt-key-size": size, "key": private, "cert": public}})
            except urllib.error.HTTPError as error:
                self.broken_algorithms[name] = f"{error.code} {error.read().decode(errors='replace')[:100]}"
        send("/client/", {
            "client_id": self.client[0], "name": "bench", "enabled": True, "confidential": True,
            "client_secret": self.client[1], "authorization_type": ["client_credentials", "password", "refresh_token"],
            "scope": [SCOPE, "openid"], "redirect_uri": ["http://127.0.0.1:9/callback"],
            "token_endpoint_auth_method": ["client_secret_basic"]})
        send("/user/", {
            "username": "ada", "name": "Ada", "email": "ada@example.org", "enabled": True, "password": self.secret,
            "scope": [SCOPE, "openid"]})

    def parameters(self, name):
        return {
            "iss": f"{self.url}/api/{name}", "access-token-duration": 86400, "refresh-token-duration": 604800,
            "code-duration": 600, "refresh-token-rolling": True, "refresh-token-one-use": "always", "allow-non-oidc": True,
            "auth-type-client-enabled": True, "auth-type-code-enabled": True, "auth-type-password-enabled": True,
            "auth-type-refresh-enabled": True, "auth-type-token-enabled": False, "auth-type-id-token-enabled": True,
            "auth-type-implicit-enabled": False, "auth-type-none-enabled": False, "pkce-allowed": True,
            "introspection-revocation-allowed": True, "introspection-revocation-allow-target-client": True,
            "jwks-show": True, "subject-type": "public",
        }

    def person(self):
        fields = {"grant_type": "password", "username": "ada", "password": self.secret, "scope": SCOPE}
        return expect("a password", ask(f"{self.url}/api/es256/token", fields, basic(*self.client)), 200)

    def introspect(self, token):
        answer = ask(f"{self.url}/api/es256/introspect", {"token": token}, basic(*self.client))
        return json.loads(expect("introspection", answer, 200))["active"]

    def prove(self):
        for name in ALGORITHMS:
            if name not in self.broken_algorithms:
                self.client_credentials(f"/api/{name}/token", SCOPE)
        token = self.client_credentials("/api/es256/token", SCOPE)
        if not self.introspect(token):
            raise Fault("a good token is inactive")
        expect("revocation", ask(f"{self.url}/api/es256/revoke", {"token": token}, basic(*self.client)), 200)
        if self.introspect(token):
            raise Fault("a revoked token is active")
        person = self.person()
        self.refuses_tokens("/api/es256/userinfo", token_of(person))
        fields = {"grant_type": "refresh_token", "refresh_token": token_of(person, "refresh_token")}
        expect("a refresh", ask(f"{self.url}/api/es256/token", fields, basic(*self.client)), 200)
        expect("a used refresh token", ask(f"{self.url}/api/es256/token", fields, basic(*self.client)), 400)

    def plans(self):
        authorization = basic(*self.client)
        path = "/api/es256"
        rows = {
            "discovery": Plan(self.port, [get(f"{path}/.well-known/openid-configuration")]),
            "jwks": Plan(self.port, [get(f"{path}/jwks")]),
        }
        for name in ALGORITHMS:
            if name not in self.broken_algorithms:
                rows[f"client_credentials.{name}"] = self.client_plan(f"/api/{name}/token", SCOPE)
        tokens = [self.client_credentials(f"{path}/token", SCOPE) for _ in range(SEEN)]
        rows["introspect.jwt.seen"] = Plan(
            self.port, [form(f"{path}/introspect", {"token": "{value}"}, authorization, take="json:client_id")],
            values=tokens,
        )
        people = [self.person() for _ in range(FAMILIES // 10)]
        rows["refresh"] = Plan(
            self.port,
            [form(f"{path}/token", {"grant_type": "refresh_token", "refresh_token": "{value}"}, authorization,
                  take="json:refresh_token")],
            carried=[token_of(each, "refresh_token") for each in people],
        )
        rows["userinfo"] = Plan(
            self.port, [get(f"{path}/userinfo", bearer())], values=[token_of(each) for each in people]
        )
        return rows
