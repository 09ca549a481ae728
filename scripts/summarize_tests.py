#!/usr/bin/env python3
"""Makes `swift test` readable: shows failures as they happen, then one line a test target.

Reads the output of `swift test` on standard input. Arguments: the file that keeps the whole output, the xUnit report
that `swift test` writes, the exit code's file, and the file for the totals ("PASSED FAILED").
"""

import re
import sys
import time
import xml.etree.ElementTree as ElementTree
from collections import defaultdict
from pathlib import Path

FAILURE = re.compile(r"^\s*(✘ .* recorded an issue|↳ (?!Testing Library|Target Platform)|.*\berror:|Fatal error|.*crashed|.*Exited with)")
FINISHED = re.compile(r"^✔ Test (?!run with)")
CASES = re.compile(r"^. Test .* with (\d+) test cases? (?:passed|failed)")


def relay(log_path):
    """Copies the output to the log, shows what failed, and returns how many test cases ran."""
    finished, cases, shown, continues = 0, 0, time.monotonic(), False
    with open(log_path, "w", encoding="utf-8") as log:
        for line in sys.stdin:
            log.write(line)
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
    return cases


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
    log_path, report, exit_code_path, totals_path = map(Path, sys.argv[1:5])
    more_cases = relay(log_path)
    exit_code = int(exit_code_path.read_text() or "1") if exit_code_path.exists() else 1
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
