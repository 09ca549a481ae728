#!/usr/bin/env bash
# Kills what must survive being killed, and cuts its power (see lostwrites.c). Ends with "N passed, N failed".
# SIGNET_BIN is the executable under test; StoreVictim is built beside it. SEED=… repeats a run, ROUNDS=… lengthens it.
# Exit code 77 says that this system cannot run them.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

if [ "$(uname -s)" != Linux ]; then
    echo "Power is cut through LD_PRELOAD, which only Linux has: not run here."
    exit 77
fi

bin=$(dirname "${SIGNET_BIN:-$PWD/../../.build/debug/signet}")
rounds=(--rounds "${ROUNDS:-30}")
[ -z "${SEED:-}" ] || rounds+=(--seed "$SEED")
passed=0
failed=0

# check WHAT COMMAND…: runs the command and counts it.
check() {
    echo "-- $1"
    if "${@:2}"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAILED $1: ${*:2}"
    fi
}

export SIGNET_BIN="${SIGNET_BIN:-$bin/signet}"
store=(python3 -B store_crash.py --victim "$bin/StoreVictim" "${rounds[@]}")
check "the store loses nothing acknowledged" "${store[@]}"
check "with synchronous=OFF a loss is noticed" "${store[@]}" --durability none --expect-loss
check "on a disk that lies about fsync a loss is noticed" "${store[@]}" --lying-disk --expect-loss

server=(python3 -B server_crash.py "${rounds[@]}")
check "the whole server loses nothing acknowledged over HTTP" "${server[@]}"
check "with a disk that lies under the server a loss is noticed" "${server[@]}" --lying-disk --expect-loss

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
