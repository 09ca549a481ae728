#!/usr/bin/env bash
# Builds the documentation, and runs the snippets that its guides show: each checks what its guide says, and traps where that
# is not so.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

passed=0
failed=0

# check NAME COMMAND…: counts the command's exit code.
check() {
    local name=$1
    shift
    if "$@"; then
        echo "passed: $name"
        passed=$((passed + 1))
    else
        echo "FAILED: $name"
        failed=$((failed + 1))
    fi
}

check "the documentation builds, complete and without a warning" scripts/docs.sh

products=$(swift build --show-bin-path)
while IFS= read -r snippet; do
    name=$(basename "$snippet" .swift)
    check "$name does what its guide says" "$products/$name"
done < <(find Snippets -name '*.swift' | sort)

echo
echo "$passed passed, $failed failed"
[ "$passed" -gt 1 ] && [ "$failed" -eq 0 ]
