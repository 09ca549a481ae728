#!/usr/bin/env python3
"""Runs `swift test` and makes it readable: shows failures as they happen, then one line a test target.

Arguments: the file that keeps the whole output, the xUnit report that the command writes, the file for the totals
("PASSED FAILED"), and the command. Tests that hang are ended and named.
"""

import os
import queue
import re
import signal
import subprocess
import sys
import threading
import time
import xml.etree.ElementTree as ElementTree
from collections import defaultdict
from pathlib import Path

FAILURE = re.compile(r"^\s*(✘ .* recorded an issue|↳ (?!Testing Library|Target Platform)|.*\berror:|Fatal error|.*crashed|.*Exited with)")
FINISHED = re.compile(r"^✔ Test (?!run with)")
BEGAN = re.compile(r"^. Test (.*) started\.$")
ENDED = re.compile(r"^. Test (.*?) (?:with \d+ test cases? )?(?:passed|failed) after ")
CASES = re.compile(r"^. Test .* with (\d+) test cases? (?:passed|failed)")


# Seconds without a word of the tests, the longest of which may take five minutes: then nothing comes any more.
SILENCE = float(os.environ.get("SIGNET_TEST_SILENCE", "600"))


def lines(process):
    """What the process says, line by line; None once if it says nothing for too long."""
    said = queue.Queue()

    def read():
        for line in process.stdout:
            said.put(line)
        said.put("")

    threading.Thread(target=read, daemon=True).start()
    while True:
        try:
            line = said.get(timeout=SILENCE)
        except queue.Empty:
            yield None
            return
        if not line:
            return
        yield line


def relay(command, log_path):
    """Copies the output to the log, shows what failed, and returns the exit code and how many test cases ran."""
    finished, cases, shown, continues, running = 0, 0, time.monotonic(), False, {}
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", start_new_session=True)

    def end(*_):
        os.killpg(process.pid, signal.SIGKILL)
        sys.exit(130)

    for number in [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]:
        signal.signal(number, end)
    with open(log_path, "w", encoding="utf-8") as log:
        for line in lines(process):
            if line is None:
                hung = ", ".join(running) or "none"
                line = f"✘ Nothing was heard for {SILENCE:.0f} s, so the tests were ended; what had begun: {hung}\n"
                log.write(line)
                print(line, end="", flush=True)
                os.killpg(process.pid, signal.SIGKILL)
                break
            log.write(line)
            if match := BEGAN.match(line.rstrip()):
                running[match.group(1)] = True
            if match := ENDED.match(line):
                running.pop(match.group(1), None)
            if match := CASES.match(line):
                cases += int(match.group(1)) - 1
            if FINISHED.match(line):
                finished += 1
            elif FAILURE.match(line) or (continues and line.startswith("  ")):
                # A long value is the test's own account of itself; the log has all of it.
                print(line.rstrip()[:500], flush=True)
                continues = True
            else:
                continues = False
            if not continues and time.monotonic() - shown > 20:
                print(f"  … {finished} tests have passed", flush=True)
                shown = time.monotonic()
    return process.wait(), cases


def targets(report):
    """Test target -> [passed, failed, skipped], from the xUnit report; None if it was not written to its end."""
    rows = defaultdict(lambda: [0, 0, 0])
    try:
        cases = list(ElementTree.parse(report).iter("testcase"))
    except ElementTree.ParseError:
        return None
    for case in cases:
        row = rows[case.get("classname", "?").split(".")[0]]
        if case.find("failure") is not None:
            row[1] += 1
        elif case.find("skipped") is not None:
            row[2] += 1
        else:
            row[0] += 1
    return rows


def main():
    log_path, report, totals_path = map(Path, sys.argv[1:4])
    exit_code, more_cases = relay(sys.argv[4:], log_path)
    passed = failed = skipped = 0
    if not report.exists():
        # Some versions of SwiftPM keep one report a framework.
        report = report.with_name(f"{report.stem}-swift-testing.xml")
    found = targets(report) if report.exists() else None
    if found is not None:
        for name, (good, bad, left_out) in sorted(found.items()):
            note = f", {left_out} skipped" if left_out else ""
            print(f"  {name:32} {good:5} passed, {bad} failed{note}")
            passed, failed, skipped = passed + good, failed + bad, skipped + left_out
    else:
        print(f"  no report was written: the test process died; its last words are in {log_path}")
    if exit_code != 0 and failed == 0:
        print(f"  swift test ended with exit code {exit_code}; the whole output is in {log_path}")
        failed = 1
    print(f"  {passed + failed} tests with {passed + failed + more_cases} cases")
    totals_path.write_text(f"{passed} {failed}\n")


if __name__ == "__main__":
    main()
