"""What a request costs in instructions, which does not depend on how busy a machine is: python driver/costs.py SIGNET LOAD [options].
`make costs` runs it.

Counts with valgrind's callgrind what the release build executes for each request of a few rows on the threads of its
connections, without BoringSSL's part, which depends on what the processor can do. Compares with costs.json and exits with 1 if
one of its limits is exceeded; `--write` puts what was counted there, with some room.
"""
import argparse
import functools
import glob
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

import httpload
import results
import servers
from results import note
from signet_server import Signet

ROWS = ["client_credentials.es256", "introspect.jwt.seen", "introspect.jwt.unseen", "refresh", "userinfo", "jwks"]
# What depends on the processor, as symbols and parts of them.
CRYPTOGRAPHY = re.compile(r"BoringSSL|ecp_nistz256|ecdsa_|sha256_block|bn_|rsaz|fiat_|x25519|libcrypto")
# What a limit leaves above what was counted: two runs on one machine differ by less than one per cent, and by two where requests
# wait for the disk; other processors have other ways through the C library.
ROOM = 1.2
# What only a thread of connections runs: the mangled name of SelectableEventLoop.run().
EVENT_LOOP = "$s8NIOPosix19SelectableEventLoopC3runyyKF"
# How many times as many requests the longer of two runs has.
FAR = 4


class Counter:
    """Turns the counting of one process on and off."""

    def __init__(self, pid, out):
        self.pid, self.out, self.dumps = pid, out, 0

    def control(self, *words):
        subprocess.run(["callgrind_control", *words, str(self.pid)], check=True, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)

    def count(self, body):
        """Instructions that the threads of the connections executed during `body`.

        The others also do what the server does of itself, in times of their own: of a request that waits for the disk, what
        comes between the wait and its answer is not counted.
        """
        self.control("-z")
        self.control("-i", "on")
        body()
        self.control("-i", "off")
        self.control("-d")
        self.dumps += 1
        return sum(map(self.read, glob.glob(f"{self.out}.{self.dumps}-*")))

    @staticmethod
    def read(path):
        text = subprocess.run(["callgrind_annotate", "--threshold=100", "--auto=no", path], check=True, capture_output=True,
                              text=True).stdout
        if EVENT_LOOP not in text:
            return 0
        total = 0
        for line in text.splitlines():
            found = re.match(r"\s*([\d,]+) \([^)]*\)\s+(\S*):(.*)", line)
            if found and not CRYPTOGRAPHY.search(found[3]):
                total += int(found[1].replace(",", ""))
        return total


def instructions_a_request(counter, load, plan, count):
    """What each request of `plan` takes: the difference of a long run and a short one, which has new connections as well."""
    runs = []
    # The first one is not counted: it finds what later ones remember.
    for number, requests in enumerate([count, count, FAR * count]):
        # Before the counting begins: a plan may ask the server for what its requests need.
        command = load.command(plan, None, requests, None, None)
        run = functools.partial(load.execute, command, httpload.PATIENCE + requests)
        if number:
            runs.append(counter.count(run))
        else:
            run()
    few, many = runs
    found = (many - few) / ((FAR - 1) * count)
    if found <= 0:
        raise servers.Fault(f"{many} instructions for {FAR * count} requests, {few} for {count}: nothing can be told from that")
    return found


def measure(signet, load_program, count):
    with tempfile.TemporaryDirectory(prefix="signet-costs-") as folder:
        # Valgrind cannot read the debugging information of today's compilers, and needs the symbols only.
        stripped = os.path.join(folder, "signet")
        subprocess.run(["strip", "-g", "-o", stripped, signet], check=True)
        out = os.path.join(folder, "callgrind")
        # On one processor, whatever the machine has: valgrind runs one thread at a time anyway.
        prefix = ["taskset", "-c", str(min(os.sched_getaffinity(0))), "valgrind", "--tool=callgrind", "--instr-atstart=no",
                  "--separate-threads=yes", f"--callgrind-out-file={out}"]
        with Signet(stripped, prefix, "ES256") as server:
            load = httpload.Load(load_program, [], folder)
            plans = server.plans(load)
            counter = Counter(server.process.pid, out)
            found = {}
            for name in ROWS:
                plans[name].connections = 4
                found[name] = instructions_a_request(counter, load, plans[name], count)
                note(f"{name}: {found[name]:,.0f} instructions a request")
            return found


def main():
    parser = argparse.ArgumentParser(description="Counts the instructions of a request.")
    parser.add_argument("signet", help="the release build")
    parser.add_argument("load", help="the load generator, compiled")
    parser.add_argument("--requests", type=int, default=200, help="of the shorter run of each row")
    parser.add_argument("--write", action="store_true", help="put what was counted into costs.json, with some room")
    options = parser.parse_args()
    for name in ("valgrind", "callgrind_control", "callgrind_annotate", "strip", "taskset"):
        if shutil.which(name) is None:
            parser.error(f"{name} is missing")
    found = measure(options.signet, options.load, options.requests)
    path = os.path.join(results.HERE, "costs.json")
    if options.write:
        with open(path, "w", encoding="utf-8") as file:
            json.dump({name: round(value * ROOM / 1000) * 1000 for name, value in found.items()}, file, indent=4)
            file.write("\n")
        return 0
    with open(path, encoding="utf-8") as file:
        limits = json.load(file)
    exceeded = {name: value for name, value in found.items() if value > limits[name]}
    for name, value in found.items():
        verdict = "EXCEEDED" if name in exceeded else "kept"
        print(f"{name}: {value:,.0f} instructions a request, at most {limits[name]:,.0f}: {verdict}")
    if exceeded:
        print("costs: what became dearer shows in `callgrind_annotate`, see Docs/performance.md; if it is worth it, run "
              "`scripts/costs.sh --write` and say why in the commit", file=sys.stderr)
    return 1 if exceeded else 0


if __name__ == "__main__":
    sys.exit(main())
