"""The traffic: clients that do at random what clients do, and write down what they asked and what came."""

import concurrent.futures
import random
import time
import urllib.parse

from history import named
from people import (AUDIENCE, CHALLENGE, DEVICE, PASSWORD, REDIRECT_URI, SCOPE, VERIFIER, Grant, claims_of, facts)
from web import Browser, Caller, Form

LIFETIME = 60  # of a code


class Confused(Exception):
    """A page that does not fit; only a finding if nothing was wrong."""


class Client:
    """One person with a browser, and the applications that they use. Runs in a thread of its own."""

    def __init__(self, number, world, history, seed, nodes):
        self.who = f"client{number}"
        self.world, self.history = world, history
        self.dice = random.Random(f"client {seed} {number}")
        self.nodes = nodes
        self.person = world.names[number % len(world.names)]
        self.subject = world.subjects[self.person]
        self.caller = Caller(world.cluster)
        self.other = Caller(world.cluster)
        self.browser = Browser(self.caller, self.node)
        self.notes = Browser(self.caller, self.node)
        self.pool = concurrent.futures.ThreadPoolExecutor(max_workers=1)
        self.sid = None

    def node(self):
        return self.dice.choice(self.nodes)

    def note(self, op, answer, node, given=None, got=None, result=None):
        out = dict(got or {})
        if answer.result in ("refused", "unavailable", "error"):
            out |= answer.refusal()
        return self.history.add(op, self.who, node, answer.begin, answer.end, result or answer.result, answer.status,
                                given, out, answer.note)

    # ---- signing in and authorizing

    def authorize(self, extra=None):
        """To a code through whatever pages come, or None. What decides is the answer that bears the code."""
        query = urllib.parse.urlencode({
            "response_type": "code", "client_id": "app", "redirect_uri": REDIRECT_URI, "state": "s", "scope": SCOPE,
            "code_challenge": CHALLENGE, "code_challenge_method": "S256", **(extra or {})})
        answer = self.browser.send("GET", f"/authorize?{query}")
        op = "silent" if extra else "authorize"
        for _ in range(12):
            given = {"sub": self.subject, "client": "app"}
            if answer.result in ("unknown", "unsent", "unavailable", "error"):
                self.note(op, answer, self.browser.node, given)
                return None
            location = answer.headers.get("location")
            if answer.status in (302, 303) and location:
                if location.startswith(REDIRECT_URI):
                    return self.arrived(op, answer, location, given)
                answer = self.browser.send("GET", self.browser.absolute(answer, location))
                continue
            forms = Form.all_of(answer.body)
            if not forms or answer.status >= 400:
                self.note(op, answer, self.browser.node, given, {"error": "page"}, result="refused")
                return None
            form = forms[0]
            if "password" in form.fields:
                form.fields |= {"username": self.person, "password": PASSWORD, "decision": "sign-in"}
                self.sid = None
            else:
                op = "consent"
                form.fields["decision"] = "allow"
            answer = self.browser.send("POST", self.browser.absolute(answer, form.action), form.fields)
        self.note(op, answer, self.browser.node, given, {"error": "endless"}, result="refused")
        return None

    def arrived(self, op, answer, location, given):
        parts = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(location).query))
        if "code" not in parts:
            result = "unavailable" if parts.get("error") in ("temporarily_unavailable",) else "refused"
            self.note(op, answer, self.browser.node, given, {"error": parts.get("error")}, result)
            return None
        self.note(op, answer, self.browser.node, given, {
            "code": named(parts["code"]), "sub": self.subject, "client": "app", "lifetime": LIFETIME})
        return parts["code"]

    # ---- the token endpoint

    def token(self, op, node, fields, given, caller=None, credentials=None):
        answer = (caller or self.caller).post(node, "/token", fields, credentials)
        got = {}
        if answer.result == "ok":
            body = answer.json
            got["access"] = facts(body["access_token"])
            got["access"]["expires"] = answer.begin + body["expires_in"]
            got["offline"] = "offline_access" in body.get("scope", "")
            if "refresh_token" in body:
                got["refresh"] = named(body["refresh_token"])
        elif op == "device" and answer.json.get("error") in ("authorization_pending", "slow_down"):
            op = "device-poll"
        self.note(op, answer, node, given, got)
        return answer

    def redeem(self, code, caller=None):
        return self.token("redeem", self.node(), {
            "grant_type": "authorization_code", "code": code, "client_id": "app", "redirect_uri": REDIRECT_URI,
            "code_verifier": VERIFIER}, {"code": named(code)}, caller)

    def refresh(self, grant, token, caller=None):
        return self.token("rotate", self.node(), {
            "grant_type": "refresh_token", "refresh_token": token, "client_id": grant.client},
            {"refresh": named(token), "family": grant.family}, caller)

    def both(self, act, *arguments):
        """The same request twice at the same time, over two connections."""
        second = self.pool.submit(act, *arguments, self.other)
        first = act(*arguments, self.caller)
        return [first, second.result()]

    # ---- what clients do

    def sign_on(self):
        code = self.authorize()
        if code is None:
            return
        choice = self.dice.random()
        if choice < 0.2:
            answers = self.both(self.redeem, code)
        else:
            answers = [self.redeem(code)]
            if answers[0].result in ("unknown", "unsent", "unavailable") and self.dice.random() < 0.7:
                answers.append(self.redeem(code))
        for answer in answers:
            if answer.result == "ok":
                self.world.remember(Grant("app", self.person, code, answer.json))
                self.sid = claims_of(answer.json["access_token"])["sid"]
                break
        if choice > 0.93:
            time.sleep(self.dice.random())
            self.redeem(code)

    def rotate(self):
        grant = self.world.recent(self.dice, self.world.grants)
        if grant is None or not grant.lock.acquire(blocking=False):
            return
        try:
            choice, token = self.dice.random(), grant.refresh
            if choice < 0.05 and grant.older:
                self.refresh(grant, self.dice.choice(grant.older))
                return
            answers = self.both(self.refresh, grant, token) if choice < 0.25 else [self.refresh(grant, token)]
            if all(answer.result in ("unknown", "unsent", "unavailable") for answer in answers):
                # The client lost the answer, and asks again wherever it is sent.
                time.sleep(self.dice.random())
                answers.append(self.refresh(grant, token))
            for answer in answers:
                if answer.result == "ok":
                    body = answer.json
                    if grant.refresh != body["refresh_token"]:
                        grant.older = [*grant.older[-5:], token]
                    grant.refresh, grant.access = body["refresh_token"], body["access_token"]
                    self.world.remember_token(grant.access)
                    break
        finally:
            grant.lock.release()

    def client_credentials(self):
        credentials = self.world.service
        fresh = self.world.recent(self.dice, self.world.new_clients, 5)
        if fresh and self.dice.random() < 0.5:
            credentials = fresh
        answer = self.token("client_credentials", self.node(), {"grant_type": "client_credentials",
                            "scope": "orders:read"}, {"client": credentials[0]}, credentials=credentials)
        if answer.result == "ok":
            self.world.remember_token(answer.json["access_token"])

    def introspect(self, token=None):
        token = token or self.world.recent(self.dice, self.world.tokens)
        if token is None:
            return
        node, claims = self.node(), claims_of(token)
        # To the API every token that is not for it is inactive.
        if AUDIENCE not in claims["aud"]:
            return
        answer = self.caller.post(node, "/introspect", {"token": token}, self.world.api)
        got = {"active": answer.json.get("active") is True} if answer.result == "ok" else {}
        self.note("introspect", answer, node, {"token": claims["jti"]}, got)

    def api(self):
        token = self.world.recent(self.dice, self.world.tokens)
        if token and self.world.followers:
            self.dice.choice(self.world.followers).judge(token)

    def userinfo(self):
        grant = self.world.recent(self.dice, self.world.grants)
        # Only what names no API is for userinfo.
        if grant is None or self.world.cluster.issuer not in claims_of(grant.access)["aud"]:
            return
        node = self.node()
        answer = self.caller.get(node, "/userinfo", {"Authorization": f"Bearer {grant.access}"})
        self.note("userinfo", answer, node, {"token": claims_of(grant.access)["jti"]})

    def revoke(self):
        grant = self.world.recent(self.dice, self.world.grants)
        if grant is None:
            return
        if self.dice.random() < 0.6:
            token, given = grant.access, {"kind": "token", "name": claims_of(grant.access)["jti"]}
        else:
            token, given = grant.refresh, {"kind": "family", "name": grant.family}
        node = self.node()
        answer = self.caller.post(node, "/revoke", {"token": token, "client_id": grant.client})
        self.note("revoke", answer, node, given)

    def withdraw(self):
        """The person takes back, on the account page, what they allowed the application."""
        page = self.browser.send("GET", "/account/applications")
        for form in Form.all_of(page.body) if page.status == 200 else []:
            if form.fields.get("object") == "app" and ("decision", "disconnect") in form.buttons:
                form.fields["decision"] = "disconnect"
                answer = self.browser.send("POST", self.browser.absolute(page, form.action), form.fields)
                moved = answer.status in (302, 303) and "done=" in answer.headers.get("location", "")
                self.note("withdraw", answer, self.browser.node, {"sub": self.subject, "client": "app"},
                          result=None if moved or answer.result != "ok" else "refused")
                return

    def silent(self):
        code = self.authorize({"prompt": "none"})
        if code and self.dice.random() < 0.5:
            answer = self.redeem(code)
            if answer.result == "ok":
                self.world.remember(Grant("app", self.person, code, answer.json))

    def logout(self):
        """Signs out of the server; the confirmation is a form."""
        page = self.browser.send("GET", "/logout")
        for form in Form.all_of(page.body) if page.status == 200 else []:
            form.fields["decision"] = "sign-out"
            answer = self.browser.send("POST", self.browser.absolute(page, form.action), form.fields)
            # Which session it was, tokens of this browser say, unless a new one has begun since.
            self.note("logout", answer, self.browser.node, {"sub": self.subject, "sid": self.sid})
            if answer.result == "ok":
                self.sid = None
            return

    def session(self):
        """An application in session mode: signs in, asks, signs out."""
        headers = {"Content-Type": "application/json", "Signet-CSRF": "1"}
        session, choice = self.session_of(self.notes), self.dice.random()
        older = self.world.recent(self.dice, self.world.sessions)
        if older and choice < 0.25:
            self.session_again(*older)
        elif session is None:
            answer = self.notes.send("POST", "/session/login", {
                "client_id": "notes", "username": self.person, "password": PASSWORD}, headers)
            session = self.session_of(self.notes)
            self.note("session-login", answer, self.notes.node, {"sub": self.subject}, {"session": session})
            if answer.result == "ok":
                self.world.remember_session(session, self.notes.cookies)
        elif choice < 0.8:
            self.session_state(self.notes, session)
        else:
            answer = self.notes.send("POST", "/session/logout", {"client_id": "notes"}, headers)
            self.note("session-logout", answer, self.notes.node, {"session": session})
            if answer.result in ("ok", "refused"):
                self.notes.cookies.clear()

    @staticmethod
    def session_of(browser):
        return next((named(value) for name, value in browser.cookies.items() if "signet-client-" in name
                     and not name.endswith(".form")), None)

    def session_state(self, browser, session):
        answer = browser.send("GET", "/session?client_id=notes")
        self.note("session-state", answer, browser.node, {"session": session},
                  {"active": answer.json.get("active") is True} if answer.result == "ok" else {})

    def session_again(self, session, cookies):
        """Asks with what somebody kept of a session, signed out long ago as like as not."""
        browser = Browser(self.caller, self.node)
        browser.cookies = dict(cookies)
        self.session_state(browser, session)

    def device(self):
        node = self.node()
        asked = self.caller.post(node, "/device_authorization", {"client_id": "device", "scope": "openid offline_access"})
        self.note("device-authorization", asked, node)
        if asked.result != "ok":
            return
        code, user_code = asked.json["device_code"], asked.json["user_code"]
        if not self.approve(code, user_code):
            return
        fields = {"grant_type": DEVICE, "device_code": code, "client_id": "device"}

        def poll(caller):
            return self.token("device", self.node(), fields, {"code": named(code)}, caller)

        second = self.pool.submit(poll, self.other) if self.dice.random() < 0.3 else None
        answers = [poll(self.caller)] + ([second.result()] if second else [])
        for answer in answers:
            if answer.result == "ok":
                self.world.remember(Grant("device", self.person, code, answer.json))
                self.sid = claims_of(answer.json["access_token"])["sid"]
                return

    def approve(self, code, user_code):
        page = self.browser.send("GET", "/device?" + urllib.parse.urlencode({"user_code": user_code}))
        for _ in range(10):
            location = page.headers.get("location")
            if page.status in (302, 303) and location:
                page = self.browser.send("GET", self.browser.absolute(page, location))
                continue
            forms = Form.all_of(page.body) if page.status == 200 else []
            if not forms:
                return False
            form = forms[0]
            target = self.browser.absolute(page, form.action)
            if "password" in form.fields:
                form.fields |= {"username": self.person, "password": PASSWORD, "decision": "sign-in"}
                self.sid = None
            elif "request" in form.fields:
                form.fields["decision"] = "allow"
                answer = self.browser.send("POST", target, form.fields)
                self.note("device-approve", answer, self.browser.node, {"sub": self.subject}, {
                    "code": named(code), "sub": self.subject, "client": "device", "lifetime": 600}
                    if answer.result == "ok" else {})
                return answer.result == "ok"
            else:
                form.fields["user_code"] = user_code
            page = self.browser.send("POST", target, form.fields)
        return False

    WEIGHTS = {"sign_on": 18, "rotate": 30, "client_credentials": 8, "introspect": 20, "api": 20, "userinfo": 6, "revoke": 7,
               "withdraw": 2, "silent": 6, "logout": 2, "session": 14, "device": 4}

    def work(self, stop):
        while not stop.is_set():
            act = self.dice.choices(list(self.WEIGHTS), list(self.WEIGHTS.values()))[0]
            getattr(self, act)()
            stop.wait(self.dice.random() * 0.05)
