"""Serves the page of the example: files, and the headers that a page with tokens in it should have."""

import functools
import http.server
import os
import sys


class Handler(http.server.SimpleHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/config.json":
            return self.send_config()
        return super().do_GET()

    def send_config(self):
        body = ('{"issuer": "%s", "api": "%s", "clientID": "%s"}' % (
            os.environ["ISSUER"], os.environ["API_AUDIENCE"], os.environ["SPA_ID"])).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def end_headers(self):
        # Scripts come from here and from the issuer, whose signet.js it is; requests go to these three and nowhere else.
        issuer, api = os.environ["ISSUER"], os.environ["API_AUDIENCE"]
        self.send_header("Content-Security-Policy", f"default-src 'none'; script-src 'self' {issuer}; "
                         f"connect-src 'self' {issuer} {api}; base-uri 'none'; form-action 'none'; "
                         "frame-ancestors 'none'; require-trusted-types-for 'script'")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Referrer-Policy", "no-referrer")
        super().end_headers()

    def log_message(self, *_):
        # The address of an answer has a code in it, and does not belong into a log.
        pass


folder = os.path.dirname(os.path.abspath(__file__))
handler = functools.partial(Handler, directory=folder)
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), handler).serve_forever()
