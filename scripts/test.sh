#!/usr/bin/env bash
# Installs what the tests need, builds everything, runs every test and says what ran. Ends with one line
# "N passed, N failed"; the exit code is 0 only if something passed and nothing failed.
#
# Besides the Swift tests there are suites that run real executables: Tests/Documentation/run.sh (the guides build, and
# the code in them does what they say), Tests/Interop/run.sh (tokens and keys exchanged with
# JOSE libraries that we did not write), Tests/Journeys/run.sh (relying parties and a browser that we did not write),
# Tests/Examples/run.sh (every example of Examples/README.md), Tests/Crash/run.sh (kill -9 and lost writes) and
# Tests/Torture/run.sh (everything fails under traffic, and every answer is judged). Each ends with its own line
# "N passed, N failed" and gets:
#   SIGNET_BIN       the executable under test
#   SIGNET_CHROMIUM  a Chromium
#   PATH             with the Python of .venv first
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/setup-tests.sh
source scripts/setup-tests.sh

logs=.build/test-logs
passed=0
failed=0
report=()

heading() { printf '\n== %s\n' "$*"; }

# count KIND PASSED FAILED SECONDS: adds to the totals and to what is said at the end.
count() {
    passed=$((passed + $2))
    failed=$((failed + $3))
    report+=("$(printf '  %-13s %5d passed, %d failed  (%d s)' "$1" "$2" "$3" "$4")")
}

# run_swift_tests NAME WHICH…: the tests that --filter or --skip chooses. Not all at once: tests that start servers of
# their own would keep the processor from those that watch a time-out.
run_swift_tests() {
    local name=$1 began=$SECONDS good bad
    shift
    heading "Swift tests: $name"
    rm -f "$logs/$name".* "$logs/$name"-*
    python3 scripts/summarize_tests.py "$logs/$name.log" "$logs/$name.xml" "$logs/$name.totals" \
        swift test --skip-build --disable-xctest --xunit-output "$logs/$name.xml" "$@"
    read -r good bad <"$logs/$name.totals"
    count "$name" "$good" "$bad" $((SECONDS - began))
}

# run_suite NAME: runs Tests/NAME/run.sh if there is one, and believes neither a missing line nor a lying exit code. Exit
# code 77 says that the system cannot run the suite, which is said at the end.
run_suite() {
    local name=$1 began=$SECONDS code=0 line good=0 bad=0
    local script=Tests/$name/run.sh
    [ -e "$script" ] || return 0
    heading "$name"
    bash "$script" 2>&1 | tee "$logs/$name.log" || code=$?
    if [ "$code" -eq 77 ]; then
        report+=("$(printf '  %-13s not run on this system' "$name")")
        return 0
    fi
    line=$(grep -E '^[0-9]+ passed, [0-9]+ failed$' "$logs/$name.log" | tail -n 1 || true)
    if [ -n "$line" ]; then
        good=${line%% *}
        bad=${line#*, }
        bad=${bad%% *}
    fi
    if [ "$bad" -eq 0 ] && { [ "$code" -ne 0 ] || [ "$good" -eq 0 ]; }; then
        echo "$script: exit code $code and $good passed counts as one failure"
        bad=1
    fi
    count "$name" "$good" "$bad" $((SECONDS - began))
}

heading "Setup"
prepare_tests
mkdir -p "$logs"

heading "Build (the first one takes several minutes)"
built=$SECONDS
swift build --build-tests
built=$((SECONDS - built))

SIGNET_BIN=$(swift build --show-bin-path)/signet
SIGNET_CHROMIUM=$(find_chromium)
export SIGNET_BIN SIGNET_CHROMIUM PATH="$PWD/.venv/bin:$PATH"

engines='^(PostgresStore|RedisClient|RedisStore|OAuthClientRedis|ResourceServerRedis)Tests'
run_swift_tests Rooms --skip "$engines" --skip '^signetTests'
run_swift_tests Executable --filter '^signetTests'
run_swift_tests Engines --filter "$engines"
run_suite Documentation
run_suite Interop
run_suite Journeys
run_suite Examples
run_suite Crash
run_suite Torture

heading "What ran (build $built s, everything $SECONDS s; logs in $logs)"
printf '%s\n' "${report[@]}"
if [ "$failed" -gt 0 ]; then
    # Once more, because whoever comes to a long output reads its end.
    printf '\nWhat failed:\n'
    grep -hE '^(FAILED |E  |✘ Test .* (recorded an issue|failed after)|✘ Nothing was heard)' "$logs"/*.log | cut -c 1-400 | head -n 60 || true
fi
echo
echo "$passed passed, $failed failed"
[ "$passed" -gt 0 ] && [ "$failed" -eq 0 ]
