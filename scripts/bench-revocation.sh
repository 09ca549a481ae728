#!/usr/bin/env bash
# Measures the revocation feed (Benchmarks/README.md): installs wrk and Redis, builds the server and the programs of the
# benchmark in release, runs them, prints Markdown tables and writes Benchmarks/results/revocation.json. Arguments go to
# the driver, such as `--parts propagation verify`. Idempotent; it ends only what it started.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
work=$PWD/Benchmarks/.build/revocation
# shellcheck source=scripts/bench-setup.sh
source scripts/bench-setup.sh

prepare_build
install_python
for tool in wrk redis-server taskset; do
    if ! command -v "$tool" >/dev/null 2>&1; then
        case $tool in taskset) package=util-linux ;; *) package=$tool ;; esac
        # A Redis of the system's own is not wanted: ours runs on a spare port while it is measured.
        RUNLEVEL=1 debian "$package"
    fi
done

mkdir -p "$work"
build_release RequestBenchmark RevocationBenchmark signet
swift=$(swift_version)
release=$PWD/Benchmarks/.build/release
registers signet "$(commit), $swift" "$release/signet"
registers revocation "$(commit), $swift" "$release/RevocationBenchmark"
registers requests "$(commit), $swift" "$release/RequestBenchmark"
echo "jwt-kit $(pinned jwt-kit), hummingbird $(pinned hummingbird)" >"$work/jwt-kit.version"
redis-server --version | grep -o 'v=[^ ]*' | sed 's/v=/Redis /' >"$work/redis.version"
version_of wrk | sed 's/^/wrk /' >"$work/wrk.version"

export PYTHONDONTWRITEBYTECODE=1
exec python3 Benchmarks/driver/revocation.py "$work" "$@"
