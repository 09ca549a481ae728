"""A server with a chosen set of defences, and pages of other origins, for the journeys about forged requests."""

import contextlib
import http.server
import os
import pathlib
import subprocess
import threading

import pytest

from signet import free_ports


@contextlib.contextmanager
def pages(host):
    """An origin on `host` that answers every path with an empty page, as a stage for scripts."""
    class Page(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write(b"<!doctype html><title>a page</title><p>A page.</p>")

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://{host}:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


class SessionPeer:
    def __init__(self, defences, origin):
        beside = pathlib.Path(os.environ.get("SIGNET_BIN", "")).parent / "SessionPeer"
        if not beside.exists():
            pytest.fail(f"{beside} is missing; run: swift build --product SessionPeer", pytrace=False)
        port = free_ports(1)
        self.issuer = f"http://localhost:{port}"
        self.process = subprocess.Popen(
            [str(beside), str(port), ",".join(defences) or "none", origin], stdout=subprocess.PIPE, text=True)
        assert self.process.stdout.readline() == "ready\n", "the peer did not start"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(timeout=30)
        self.process.stdout.close()
