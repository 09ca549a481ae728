"""What a request costs an API: the same application on one core, a route for each way to know of revocations, wrk."""
import os
import time

import servers
import wrk
from contenders import pinning
from results import note

ROUTES = ["open", "signet", "jwt-kit", "redis", "introspection"]
# Who refuses a token that was revoked.
REFUSING = {"open": False, "signet": True, "jwt-kit": False, "redis": True, "introspection": True}
CONNECTIONS = 32
DENIED = 100_000


class RequestCost:
    def __init__(self, workplace, rounds, seconds):
        self.workplace = workplace
        self.rounds = rounds
        self.seconds = seconds
        self.broken = {}
        # route -> requests a second, one a round
        self.rates = {}
        self.api, core = pinning()
        others = sorted(os.sched_getaffinity(0) - {core}) if core is not None else []
        # The API has its core to itself; everybody else is on the others.
        self.elsewhere = ["taskset", "--cpu-list", ",".join(map(str, others))] if others else []

    def run(self):
        good_names = [f"bench-denied-{number}" for number in range(DENIED)]
        with servers.Issuer(self.workplace.read("signet.command"), self.elsewhere) as issuer, \
                servers.Redis(good_names, self.elsewhere) as redis, servers.Server("api") as api:
            material = issuer.material(redisPort=redis.port, listen=api.port)
            api.start([*self.api, self.workplace.read("requests.command"), material])
            token = issuer.token()
            self.check(issuer, redis, f"http://127.0.0.1:{api.port}", token)
            for number in range(self.rounds + 1):
                note("requests: " + ("warming up" if number == 0 else f"round {number} of {self.rounds}"))
                routes = [route for route in ROUTES if route not in self.broken]
                turn = number % max(1, len(routes))
                for route in routes[turn:] + routes[:turn]:
                    rate = self.measure(f"http://127.0.0.1:{api.port}/{route}", route, token)
                    if number > 0 and rate is not None:
                        self.rates.setdefault(route, []).append(rate)

    def check(self, issuer, redis, url, good):
        """Each route proves that it serves a good token, and refuses a revoked one if it can know."""
        revoked = issuer.token()
        for route in ROUTES:
            # Also warms the caches, as in use.
            wait_for(lambda route=route: servers.status(f"{url}/{route}", revoked) == 200, f"{route} serves no token")
        issuer.revoke(revoked)
        redis.deny([servers.token_name(revoked)])
        time.sleep(1)
        for route in ROUTES:
            found = servers.status(f"{url}/{route}", good), servers.status(f"{url}/{route}", revoked)
            if found != (200, 401 if REFUSING[route] else 200):
                self.broken[route] = f"answered {found[0]} to a good token and {found[1]} to a revoked one"
                note(f"{route} is broken: {self.broken[route]}")

    def measure(self, url, route, token):
        try:
            return wrk.rate(url, self.elsewhere, CONNECTIONS, self.seconds, {"Authorization": f"Bearer {token}"})
        except servers.Fault as fault:
            self.broken[route] = str(fault)
            note(f"{route} is broken: {fault}")
            return None

    def costs(self):
        """Microseconds a request beyond the route that asks for nothing, round by round."""
        free = self.rates.get("open", [])
        return {
            route: [1e6 / rate - 1e6 / open_rate for rate, open_rate in zip(rates, free)]
            for route, rates in self.rates.items()
            if route != "open"
        }


def wait_for(is_so, complaint):
    deadline = time.monotonic() + 20
    while not is_so():
        if time.monotonic() > deadline:
            raise servers.Fault(complaint)
        time.sleep(0.1)
