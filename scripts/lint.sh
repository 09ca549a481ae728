#!/usr/bin/env bash
# Checks the form of every source file: Swift by swift-format (strictly), shell and Python for syntax.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/setup.sh
source scripts/setup.sh
install_swift_runtime
require_swift
install_python

swift_paths=(Package.swift)
for folder in Sources Tests Snippets Benchmarks Fuzz Examples; do
    if [ -d "$folder" ]; then swift_paths+=("$folder"); fi
done
echo "lint: swift format lint --strict ${swift_paths[*]}"
swift format lint --strict --recursive --parallel "${swift_paths[@]}"

folders=(scripts .ci "${swift_paths[@]}")
count=0
while IFS= read -r -d '' script; do
    bash -n "$script"
    count=$((count + 1))
done < <(find "${folders[@]}" \( -name '*.sh' -o -path '.ci/run' \) -not -path '*/.build/*' -type f -print0)
echo "lint: $count shell scripts parse"

count=0
while IFS= read -r -d '' script; do
    PYTHONPYCACHEPREFIX=.build/pycache python3 -m py_compile "$script"
    count=$((count + 1))
done < <(find "${folders[@]}" -name '*.py' -not -path '*/.build/*' -type f -print0)
echo "lint: $count Python files parse"

# The list of checks that Tests/Mutants removes one by one goes stale as code moves.
PYTHONDONTWRITEBYTECODE=1 python3 Tests/Mutants/mutants.py --check
