#!/usr/bin/env bash
# Counts the instructions that a request costs (Benchmarks/README.md, "Costs"): installs valgrind, builds the server in release and
# the load generator, counts, and compares with Benchmarks/costs.json. Linux only. Arguments go to the driver, such as `--write`.
# Idempotent; it ends only what it started.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
work=$PWD/Benchmarks/.build/costs
# shellcheck source=scripts/setup-tests.sh
source scripts/setup-tests.sh

if [ "$(uname -s)" != Linux ]; then fail "valgrind counts on Linux only"; fi
for tool in valgrind strip cc taskset; do
    if ! command -v "$tool" >/dev/null 2>&1; then
        install_packages "valgrind binutils gcc libc6-dev util-linux" "" "valgrind, to count instructions"
    fi
done
install_python
install_python_packages
scripts/build.sh
mkdir -p "$work"
cc -O2 -Wall -o "$work/load" Benchmarks/load/load.c Benchmarks/load/http.c
export TMPDIR=$work PYTHONDONTWRITEBYTECODE=1
exec .venv/bin/python Benchmarks/driver/costs.py .build/release/signet "$work/load" "$@"
