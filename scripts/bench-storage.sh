#!/usr/bin/env bash
# Measures the stores (Benchmarks/README.md): builds the program of the benchmark in release, runs it in a temporary folder
# beside the results (SIGNET_BENCH_FOLDER names another disk), prints Markdown tables and writes
# Benchmarks/results/storage.json. FAMILIES limits how large the store grows (standard: 10000000, which takes 30 GB of disk
# and two hours; 1000000 a quarter of an hour). Then it builds the server and writes results/nodes.json: what a request costs a node and PostgreSQL, with
# one node and with three (NODES=no leaves that out). Arguments go to the first driver. Idempotent; it ends only what it started.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
work=$PWD/Benchmarks/.build/storage
# shellcheck source=scripts/bench-setup.sh
source scripts/bench-setup.sh

prepare_build
if ! compgen -G '/usr/lib/postgresql/*/bin/pgbench' >/dev/null && ! command -v pgbench >/dev/null 2>&1; then
    install_packages "postgresql" "postgresql@15" "PostgreSQL, which the benchmark starts for itself"
fi
mkdir -p "$work"
# With the same flags as the server, so that what both stand on is compiled once.
scripts/build.sh StorageBenchmark
registers storage "$(commit), $(swift_version)" "$PWD/.build/release/StorageBenchmark"

export PYTHONDONTWRITEBYTECODE=1
code=0
python3 Benchmarks/driver/storage.py "$work" --families "${FAMILIES:-10000000}" "$@" || code=$?
if [ "${NODES:-yes}" = yes ]; then
    scripts/build.sh
    python3 Benchmarks/driver/nodes.py --signet .build/release/signet || code=$?
fi
exit "$code"
