"""What every driver writes: notes for the terminal, and results/*.json in the common format (README.md)."""
import json
import os
import platform
import statistics
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def note(text):
    print(f"bench: {text}", file=sys.stderr, flush=True)


def path(name):
    return os.path.join(HERE, "results", name)


def thresholds():
    with open(os.path.join(HERE, "thresholds.json"), encoding="utf-8") as file:
        return json.load(file)


def row(name, contender, values, unit):
    spread = {"median": statistics.median(values), "min": min(values), "max": max(values)}
    rounded = {key: round(value, 3) for key, value in spread.items()}
    return {"row": name, "contender": contender, **rounded, "unit": unit}


def machine(load, pinned_to):
    return {
        "processor": processor(),
        "cores": os.cpu_count(),
        "pinnedToCore": pinned_to,
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "loadAverageAtStart": load,
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
    }


def processor():
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            return next(line.split(":", 1)[1].strip() for line in file if line.startswith("model name"))
    except (OSError, StopIteration):
        found = subprocess.run(["sysctl", "-n", "machdep.cpu.brand_string"], capture_output=True, text=True, check=False)
        return found.stdout.strip() or platform.processor()


def write(output, about, rows, broken, verdicts):
    """Writes the results; the exit code says whether every threshold is met and everybody did their part."""
    found = {"machine": about, "rows": rows, "broken": broken, "verdicts": verdicts}
    os.makedirs(os.path.dirname(output), exist_ok=True)
    with open(output, "w", encoding="utf-8") as file:
        json.dump(found, file, indent=1, ensure_ascii=False)
        file.write("\n")
    note(f"wrote {os.path.relpath(output)}")
    return 1 if any(verdict["outcome"] == "not met" for verdict in verdicts) or broken else 0
