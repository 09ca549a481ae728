#!/usr/bin/env bash
# The torture, short: the checker on planted histories, the parts of the harness, a run with a fixed seed, and a run with
# each planted fault, which has to be noticed. Ends with "N passed, N failed". `make torture` is the long one.
# SIGNET_BIN is the executable under test; SEED=… SECONDS_EACH=… change the runs. Exit code 77: this system cannot run them.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

if [ "$(uname -s)" != Linux ]; then
    echo "Power is cut through LD_PRELOAD, which only Linux has: not run here."
    exit 77
fi

export PYTHONDONTWRITEBYTECODE=1
export SIGNET_BIN="${SIGNET_BIN:-$PWD/../../.build/debug/signet}"
seed=${SEED:-20261129}
passed=0
failed=0

# check WHAT COMMAND…: runs the command and counts it.
check() {
    echo "-- $1"
    if "${@:2}"; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
}

echo "-- the checker and the parts of the harness"
lines=$(python3 -m pytest --quiet -p no:cacheprovider -rf . 2>&1)
echo "$lines"
counted=$(grep -E '^[0-9]+ passed, [0-9]+ failed$' <<<"$lines" | tail -n 1)
if [ -n "$counted" ]; then
    passed=$((passed + ${counted%% *}))
    bad=${counted#*, }
    failed=$((failed + ${bad%% *}))
else
    failed=$((failed + 1))
fi

run=(python3 -B torture.py --seed "$seed" --clients 4)
check "one node on SQLite" "${run[@]}" --store sqlite --seconds "${SECONDS_EACH:-20}"
# noticed PLANT RULE [STORE]: a run with a planted fault, in which that rule has to be found violated.
noticed() {
    local store=${3:-sqlite}
    check "noticed on $store: $1" "${run[@]}" --store "$store" --seconds 6 --plant "$1" --expect-violation "$2"
}
if ./has_postgres.sh; then
    check "three nodes on PostgreSQL" "${run[@]}" --store postgres --seconds "${SECONDS_EACH:-25}"
    noticed no-fsync "acknowledged and lost" postgres
    noticed ignored-entry "ended and accepted" postgres
    noticed dropped-entries "ended and accepted" postgres
else
    # Not passed over: whoever reads "0 failed" takes all of it for tried.
    failed=$((failed + 1))
fi
noticed no-fsync "acknowledged and lost"
noticed forgotten-rotation "generation paid twice"
noticed unstored-revocation "ended and accepted"
noticed replay "code paid twice"
noticed ignore-revocation "ended and accepted"
noticed stale "ended and accepted"
noticed stale-session "session lost"

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
