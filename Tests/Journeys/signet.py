"""Starts signet, uses its command line, and walks its pages as a person without JavaScript would."""

import html
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import time
import urllib.parse

import requests

# A person's patience, generous because test machines are slow and debug builds slower.
START_SECONDS = 60
HTTP_SECONDS = 30


def free_ports(count):
    """The first of `count` consecutive free ports."""
    for base in range(20000 + os.getpid() % 20000, 60000, count):
        sockets = []
        try:
            for port in range(base, base + count):
                listener = socket.socket()
                listener.bind(("127.0.0.1", port))
                sockets.append(listener)
            return base
        except OSError:
            continue
        finally:
            for listener in sockets:
                listener.close()
    raise RuntimeError("no free ports")


class Signet:
    """A running `signet serve`. Stops it when the block ends; nothing else is ever ended."""

    def __init__(
            self, binary, data_dir, dev=False, tls=None, arguments=(), environment=None, port=None, host="localhost",
            issuer=None):
        self.binary = binary
        self.data_dir = pathlib.Path(data_dir)
        self.port = port or free_ports(3)
        scheme = "https" if tls else "http"
        # Where it is asked; nodes of one issuer have different ones.
        self.address = f"{scheme}://{host}:{self.port}"
        self.issuer = issuer or self.address
        self.application = f"http://localhost:{self.port + 1}"
        self.api = f"http://localhost:{self.port + 2}"
        self.verify = tls[0] if tls else True
        self.command = [binary, "serve", "--data-dir", str(data_dir), "--listen", f"127.0.0.1:{self.port}"]
        self.command += ["--issuer", self.issuer]
        self.command += ["--dev"] if dev else []
        self.command += ["--tls-cert", tls[0], "--tls-key", tls[1]] if tls else []
        self.command += list(arguments)
        self.environment = {**os.environ, **(environment or {})}
        self.process = None
        self.log = self.data_dir.parent / f"{self.data_dir.name}.log"

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        if self.process and self.process.poll() is None:
            self.stop()

    def start(self):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                self.command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, env=self.environment)
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                break
            try:
                if requests.get(self.discovery_url, timeout=2, verify=self.verify).ok:
                    return
            except requests.RequestException:
                time.sleep(0.02)
        raise RuntimeError(f"signet did not start:\n{self.output()}")

    def output(self):
        return self.log.read_text(errors="replace")

    def stop(self):
        """SIGTERM, as an operator stops it; the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=30)

    def kill(self):
        """SIGKILL: no time to tidy up."""
        self.process.kill()
        self.process.wait(timeout=30)

    @property
    def discovery_url(self):
        return self.address + "/.well-known/openid-configuration"

    def discover(self):
        return requests.get(self.discovery_url, timeout=HTTP_SECONDS, verify=self.verify).json()

    def run(self, *arguments, standard_input=None):
        """A subcommand on the same store while the server runs; what its --json printed."""
        completed = subprocess.run(
            [self.binary, *arguments, "--data-dir", str(self.data_dir), "--json"],
            input=standard_input, capture_output=True, text=True, timeout=60, env=self.environment)
        assert completed.returncode == 0, f"signet {' '.join(arguments)}: {completed.stderr}{completed.stdout}"
        return json.loads(completed.stdout)

    def create_user(self, username="ada", password="correct battery", **options):
        flags = [part for name, value in options.items() for part in (f"--{name.replace('_', '-')}", value)]
        return self.run(
            "user", "create", "--username", username, "--password-stdin", *flags, standard_input=password + "\n")

    def introspect(self, token, credentials):
        return requests.post(
            self.issuer + "/introspect", data={"token": token}, auth=credentials, timeout=HTTP_SECONDS,
            verify=self.verify).json()


class Form:
    """The form of a page, found as a browser without JavaScript finds it."""

    def __init__(self, response):
        page = response.text
        match = re.search(r"<form\b([^>]*)>(.*?)</form>", page, re.DOTALL)
        assert match, f"no form on the page ({response.status_code}): {page[:800]}"
        action = re.search(r'action="([^"]*)"', match.group(1))
        self.action = urllib.parse.urljoin(response.url, html.unescape(action.group(1)))
        self.fields = {}
        for tag in re.findall(r"<input\b[^>]*>", match.group(2)):
            name = re.search(r'name="([^"]*)"', tag)
            value = re.search(r'value="([^"]*)"', tag)
            if name:
                self.fields[html.unescape(name.group(1))] = html.unescape(value.group(1)) if value else ""


class Person:
    """A person with a browser that keeps cookies and follows redirects, but runs no scripts."""

    def __init__(self, username="demo", password="correct horse", verify=True):
        self.username = username
        self.password = password
        self.http = requests.Session()
        self.http.verify = verify
        self.pages = []

    def visit(self, url, stop_at):
        """Signs in and consents wherever asked; the address that begins with `stop_at`, unvisited."""
        response = self.http.get(url, allow_redirects=False, timeout=HTTP_SECONDS)
        for step in range(40):
            # Nobody is as fast as a script. Where the machine's clock was put back, what a command has ended may reach up
            # to a second beyond the server's: who signs in before that is asked again.
            if step >= 15:
                time.sleep(0.1)
            location = response.headers.get("Location")
            if response.status_code in (302, 303) and location:
                target = urllib.parse.urljoin(response.url, location)
                if target.startswith(stop_at):
                    return target
                response = self.http.get(target, allow_redirects=False, timeout=HTTP_SECONDS)
                continue
            self.pages.append(response)
            response = self.answer(response)
        raise AssertionError("the journey does not end")

    def answer(self, response):
        form = Form(response)
        if "password" in form.fields:
            form.fields.update(username=self.username, password=self.password, decision="sign-in")
        elif 'value="allow"' in response.text:
            form.fields["decision"] = "allow"
        else:
            raise AssertionError(f"what is this page? {response.url} {response.status_code} {response.text[:800]}")
        return self.http.post(form.action, data=form.fields, allow_redirects=False, timeout=HTTP_SECONDS)
