"""A whole sign-in with a password as a browser without scripts walks it: authorize, the form, the code, its redemption."""
import base64
import hashlib
import json
import pathlib
import secrets
import sys
import urllib.parse

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "Tests" / "Torture"))

from web import Browser, Form  # noqa: E402

REDIRECT = "http://127.0.0.1:9/callback"


def challenge_of(verifier):
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def authorize(browser, client, scope, username, password, challenge):
    """Signs in where that is asked, allows what is asked, and returns the code."""
    query = urllib.parse.urlencode({
        "response_type": "code", "client_id": client, "redirect_uri": REDIRECT, "scope": scope,
        "state": "s", "code_challenge": challenge, "code_challenge_method": "S256"})
    answer = browser.send("GET", f"/authorize?{query}")
    for _ in range(6):
        location = answer.headers.get("location")
        if location and location.startswith(REDIRECT):
            return urllib.parse.parse_qs(urllib.parse.urlparse(location).query)["code"][0]
        if location:
            answer = browser.send("GET", browser.absolute(answer, location))
            continue
        form = Form.all_of(answer.body)[0]
        if "password" in form.fields:
            form.fields |= {"username": username, "password": password}
        elif form.buttons:
            form.fields[form.buttons[0][0]] = form.buttons[0][1]
        answer = browser.send("POST", form.action, form.fields)
    raise AssertionError(f"no code after six pages: {answer.status}")


def sign_in(caller, node, client, scope, username, password):
    """From the first page to the tokens, in a browser that knows nobody."""
    verifier = secrets.token_urlsafe(32)
    browser = Browser(caller, lambda: node)
    code = authorize(browser, client, scope, username, password, challenge_of(verifier))
    answer = caller.post(node, "/token", {
        "grant_type": "authorization_code", "client_id": client, "code": code, "redirect_uri": REDIRECT,
        "code_verifier": verifier})
    assert answer.status == 200, answer.body
    return answer.json


def main():
    """python journeys.py MATERIAL THREADS SECONDS: walks until the time is up, prints one line of JSON."""
    import threading
    import time
    import types

    from web import Caller
    material, threads, seconds = json.loads(pathlib.Path(sys.argv[1]).read_text()), int(sys.argv[2]), float(sys.argv[3])
    origin = material["issuer"]
    place = types.SimpleNamespace(issuer=origin, origin=origin, ports={0: material["port"]})
    done, faults, began = [], [], time.monotonic()

    def walk(number):
        caller = Caller(place)
        people = material["people"][number::threads]
        turn = 0
        try:
            while time.monotonic() < began + seconds:
                start = time.monotonic()
                sign_in(caller, 0, material["app"], material["scope"], people[turn % len(people)], material["password"])
                done.append(time.monotonic() - start)
                turn += 1
        except Exception as error:  # noqa: BLE001 - whatever went wrong is what is reported
            faults.append(repr(error))
        caller.close()

    running = [threading.Thread(target=walk, args=(number,)) for number in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    took = time.monotonic() - began
    print(json.dumps({"rate": len(done) / took, "answered": len(done), "failed": len(faults), "faults": faults[:3]}))
    return 1 if faults or not done else 0


if __name__ == "__main__":
    sys.exit(main())
