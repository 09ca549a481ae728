#!/usr/bin/env bash
# torture.sh [SECONDS [SEED]]: builds what Tests/Torture needs and runs it for so long: three nodes on PostgreSQL and Redis, then
# one node on SQLite for a third of the time. A run that did not hold prints its seed and keeps its history. Where PostgreSQL or
# Redis is missing nothing is run, and the exit code is 1: half of a torture must not pass for a whole one.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/setup-tests.sh
source scripts/setup-tests.sh
prepare_tests

duration=${1:-180}
seed=()
[ -z "${2:-}" ] || seed=(--seed "$2")
swift build --product signet
SIGNET_BIN=$(swift build --show-bin-path)/signet
export SIGNET_BIN PATH="$PWD/.venv/bin:$PATH" PYTHONDONTWRITEBYTECODE=1

Tests/Torture/has_postgres.sh

code=0
python3 -B Tests/Torture/torture.py --store postgres --seconds "$duration" "${seed[@]}" || code=1
python3 -B Tests/Torture/torture.py --store sqlite --seconds $((duration / 3)) "${seed[@]}" || code=1
exit "$code"
