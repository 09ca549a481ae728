#!/usr/bin/env bash
# Measures the server beside its peers and its limits (Benchmarks/README.md): installs what they need, builds in release, runs
# everybody interleaved, prints Markdown, and writes Benchmarks/results/server.json, server.md and Docs/images/bench.svg.
# Arguments go to the driver, such as `--quick` or `--parts rates --rows refresh`. SIGNET_BIN names another server than the
# release build. Idempotent; a peer that cannot be had is named as missing; it ends only what it started.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
work=$PWD/Benchmarks/.build/server
# shellcheck source=scripts/bench-setup.sh
source scripts/bench-setup.sh

contenders=$PWD/Benchmarks/contenders
release=$PWD/Benchmarks/.build/release
venv=$work/venv

make_signet() {
    if [ -z "${SIGNET_BIN:-}" ]; then scripts/build.sh; fi
    registers signet "$(commit), $(swift_version)" "${SIGNET_BIN:-$PWD/.build/release/signet}"
}

make_swift() {
    build_release RequestBenchmark JOSEBenchmark ServerSwift
    registers requests "hummingbird $(pinned hummingbird), $(swift_version)" "$release/RequestBenchmark"
    registers raw "swift-crypto $(pinned swift-crypto), $(swift_version)" "$release/JOSEBenchmark" raw
    registers jwt-kit "jwt-kit $(pinned jwt-kit), hummingbird $(pinned hummingbird)" "$release/ServerSwift"
}

make_load() {
    if ! command -v cc >/dev/null 2>&1; then install_packages "gcc libc6-dev" "" "a C compiler"; fi
    cc -O2 -Wall -o "$work/load" Benchmarks/load/load.c Benchmarks/load/http.c
    registers load "of this repository" "$work/load"
}

make_argon2() {
    # shellcheck disable=SC2046 # the flags are words
    cc -O2 -o "$work/argon2" Benchmarks/load/argon2.c $(pkg-config --cflags --libs libargon2)
    registers argon2 "libargon2 $(version_of libargon2-1)" "$work/argon2"
}

make_authlib() {
    registers authlib "$(grep -h == "$contenders/server-python/requirements.txt" | tr '\n' ' ' | sed 's/==/ /g')" \
        "$venv/bin/gunicorn"
}

make_node() {
    if ! command -v node >/dev/null 2>&1; then debian nodejs; fi
    debian node-express node-jose node-redis
    registers node "Node $(node --version), express $(version_of node-express), jose $(version_of node-jose), redis $(version_of node-redis)" \
        node "$contenders/server-node/server.cjs"
}

make_redis() {
    # A service of the system's own is not wanted: ours runs on a spare port while it is measured.
    if ! command -v redis-server >/dev/null 2>&1; then RUNLEVEL=1 debian redis-server; fi
    registers redis "$(redis-server --version | grep -o 'v=[^ ]*' | sed 's/v=/Redis /')" redis-server
}

make_nginx() {
    if ! command -v nginx >/dev/null 2>&1; then RUNLEVEL=1 debian nginx-light; fi
    registers nginx "$(nginx -v 2>&1 | sed 's/.*nginx\//nginx /')" nginx
}

make_wrk() {
    if ! command -v wrk >/dev/null 2>&1; then debian wrk; fi
    registers wrk "wrk $(version_of wrk)" wrk
}

make_openssl() {
    if ! command -v openssl >/dev/null 2>&1; then debian openssl; fi
    registers openssl "$(openssl version)" openssl
}

candidate() { apt-cache policy "$1" 2>/dev/null | sed -n 's/ *Candidate: //p'; }

# The package would configure a database and start a service: its files are unpacked here, and its libraries installed.
make_glewlwyd() {
    local root=$work/glewlwyd version libraries
    version=$(candidate glewlwyd)
    if [ -z "$version" ]; then
        as_root apt-get update -q
        version=$(candidate glewlwyd)
    fi
    if [ -z "$version" ] || [ "$version" = "(none)" ]; then
        echo "this system's package lists have no glewlwyd" >&2
        return 1
    fi
    libraries=$(apt-cache depends --no-recommends --no-suggests glewlwyd | sed -n 's/^ *Depends: \(lib[^ ]*\|sqlite3\)$/\1/p')
    # shellcheck disable=SC2086 # the names are words
    debian $libraries
    if [ "$(cat "$root/version" 2>/dev/null)" != "$version" ]; then
        rm -rf "$root"
        mkdir -p "$root"
        (cd "$root" && apt-get download -q glewlwyd && for package in ./*.deb; do dpkg -x "$package" .; done)
        echo "$version" >"$root/version"
    fi
    registers glewlwyd "glewlwyd $version on SQLite" "$root"
}

prepare_build
install_python
if ! command -v taskset >/dev/null 2>&1; then install_packages "util-linux" "" "taskset"; fi
mkdir -p "$work"
make_venv "$venv" "$contenders/python/requirements.txt" "$contenders/server-python/requirements.txt"
attempt signet signet
attempt load load
attempt swift requests raw jwt-kit
for name in argon2 authlib redis node nginx wrk openssl glewlwyd; do attempt "$name" "$name"; done
for name in signet load; do
    if [ ! -e "$work/$name.command" ]; then
        tail -n 30 "$work/$name.log" >&2
        fail "$name does not build, see above"
    fi
done

# Databases lie beside the results, on a disk: the folder for temporary files may be in memory. SIGNET_BENCH_FOLDER names another.
export TMPDIR=${SIGNET_BENCH_FOLDER:-$work}/tmp
mkdir -p "$TMPDIR"
export PYTHONDONTWRITEBYTECODE=1
exec "$venv/bin/python" Benchmarks/driver/server.py "$work" "$@"
