"""Liars in front of a node, planted to see that the checker notices: the clients speak to them, and they to the node.

    replay              a token request that comes again is given the answer of the first time, as a server would that
                        dropped its compare-and-swap and honours a code or a generation over again
    ignore-revocation   /revoke is answered with yes and goes nowhere
    stale               what introspection said of a token once it says for ever, as a replica that lags or reads that are
                        answered out of order
    stale-session       the same for GET /session and a cookie
"""

import hashlib
import http.client
import http.server
import threading
import urllib.parse


PLANTS = ["replay", "ignore-revocation", "stale", "stale-session"]


class Shim:
    def __init__(self, cluster, plant):
        self.plant, self.kept, self.lock = plant, {}, threading.Lock()
        self.servers = []
        for node in cluster.nodes:
            server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self.handler(node.port))
            server.daemon_threads = True
            threading.Thread(target=server.serve_forever, daemon=True).start()
            cluster.ports[node.number] = server.server_address[1]
            self.servers.append(server)

    def stop(self):
        for server in self.servers:
            server.shutdown()
            server.server_close()

    def lie(self, path, fields, cookie):
        """The name under which an answer is kept and given again, or None for an honest one."""
        grant = fields.get("grant_type")
        if self.plant == "replay" and path == "/token" and grant == "authorization_code":
            return "code " + fields["code"]
        if self.plant == "stale" and path == "/introspect":
            return "introspect " + hashlib.sha256(fields["token"].encode()).hexdigest()
        if self.plant == "stale-session" and path == "/session" and cookie:
            return "session " + cookie
        return None

    def handler(shim, port):  # noqa: N805 — `self` is the request
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def serve(self):
                length = int(self.headers.get("Content-Length") or 0)
                body = self.rfile.read(length) if length else None
                path = self.path.split("?")[0]
                fields = dict(urllib.parse.parse_qsl((body or b"").decode(errors="replace")))
                if shim.plant == "ignore-revocation" and path == "/revoke":
                    return self.give(200, [], b"")
                name = shim.lie(path, fields, self.headers.get("Cookie"))
                with shim.lock:
                    kept = shim.kept.get(name)
                if kept:
                    return self.give(*kept)
                try:
                    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
                    connection.request(self.command, self.path, body, dict(self.headers))
                    answer = connection.getresponse()
                    content = answer.read()
                except OSError:
                    self.close_connection = True
                    return None
                result = (answer.status, answer.getheaders(), content)
                connection.close()
                if name and answer.status == 200:
                    with shim.lock:
                        shim.kept[name] = result
                return self.give(*result)

            do_GET = do_POST = serve

            def give(self, status, headers, content):
                self.send_response_only(status)
                for name, value in headers:
                    if name.lower() not in ("content-length", "connection", "transfer-encoding"):
                        self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_):
                pass

        return Handler
