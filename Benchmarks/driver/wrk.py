"""wrk from Python: requests a second of one address, over kept connections."""
import re
import subprocess

from servers import Fault


def rate(url, prefix, connections, seconds, headers=None):
    words = [part for name, value in (headers or {}).items() for part in ("--header", f"{name}: {value}")]
    done = subprocess.run(
        [*prefix, "wrk", "--threads", "1", "--connections", str(connections), "--duration", f"{seconds}s", *words, url],
        capture_output=True, text=True, check=False, timeout=60,
    )
    found = re.search(r"Requests/sec:\s+([0-9.]+)", done.stdout)
    bad = re.search(r"Non-2xx.*|Socket errors.*", done.stdout)
    if found is None or bad is not None:
        raise Fault(bad.group(0) if bad else f"wrk said: {done.stderr.strip() or done.stdout.strip()}")
    return float(found.group(1))
