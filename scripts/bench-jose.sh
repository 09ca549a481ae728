#!/usr/bin/env bash
# Measures JOSE against its contenders (Benchmarks/README.md): installs what they need, builds them in release, runs
# them interleaved, prints a Markdown table and writes Benchmarks/results/jose.json. Arguments go to the driver, such as
# `--rounds 3 --algorithms HS256`. Idempotent; a contender that cannot be had is named as missing.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/bench-setup.sh
source scripts/bench-setup.sh

contenders=$PWD/Benchmarks/contenders
work=$PWD/Benchmarks/.build/jose
venv=$work/venv
swift_program=$PWD/Benchmarks/.build/release/JOSEBenchmark

make_swift() {
    build_release JOSEBenchmark
    local swift crypto
    swift=$(swift_version)
    crypto="swift-crypto $(pinned swift-crypto)"
    registers signet "$(commit), $crypto, $swift" "$swift_program" signet
    registers raw "$crypto, $swift" "$swift_program" raw
    registers jwt-kit "jwt-kit $(pinned jwt-kit), $crypto, $swift" "$swift_program" jwt-kit
}

make_python() {
    install_python
    make_venv "$venv" "$contenders/python/requirements.txt"
    local name below
    below=$("$venv/bin/python" -c 'import platform, cryptography
from cryptography.hazmat.backends.openssl import backend
print(f"cryptography {cryptography.__version__}, {backend.openssl_version_text()}, Python {platform.python_version()}")')
    for name in pyjwt joserfc; do
        registers "$name" "$name $(sed -n "s/^$name==//Ip" "$contenders/python/requirements.txt"), $below" \
            "$venv/bin/python" "$contenders/python/contender.py" "$name"
    done
}

make_panva_jose() {
    if ! command -v node >/dev/null 2>&1; then debian nodejs; fi
    debian node-jose
    local entry
    entry=$(dpkg-query -L node-jose | grep -E '/jose/dist/(node/esm|webapi)/index\.js$' | head -n 1)
    registers panva-jose "jose $(version_of node-jose), Node $(node --version), OpenSSL $(node -p process.versions.openssl)" \
        env "PANVA_JOSE=$entry" node "$contenders/node/contender.mjs"
}

make_golang_jwt() {
    debian golang-go
    # Debian 12 has version 4 at the module's plain path; later ones have version 5 at its own.
    local package=golang-github-golang-jwt-jwt-v5-dev path=github.com/golang-jwt/jwt/v5
    if [ -z "$(apt-cache madison "$package" 2>/dev/null)" ]; then
        package=golang-github-golang-jwt-jwt-dev path=github.com/golang-jwt/jwt
    fi
    debian "$package"
    mkdir -p "$work/go"
    sed "s#\"github.com/golang-jwt/jwt\"#\"$path\"#" "$contenders/go/main.go" >"$work/go/main.go"
    (cd "$work/go" && GO111MODULE=off GOPATH=/usr/share/gocode GOCACHE=$work/go-cache go build -o "$work/golang-jwt" main.go)
    registers golang-jwt "golang-jwt $(version_of "$package"), $(go version | cut -d ' ' -f 3)" "$work/golang-jwt"
}

# Debian's crates with Debian's compiler: newer compilers refuse some of these versions.
make_rust_jsonwebtoken() {
    debian librust-jsonwebtoken-dev cargo rustc
    (cd "$contenders/rust" && PATH=/usr/bin:$PATH RUSTC=/usr/bin/rustc CARGO_HOME=$work/cargo \
        /usr/bin/cargo build --release --offline --target-dir "$work/rust")
    registers rust-jsonwebtoken \
        "jsonwebtoken $(version_of librust-jsonwebtoken-dev), $(grep -A 1 '"ring"' "$contenders/rust/Cargo.lock" |
            sed -n 's/version = "\(.*\)"/ring \1/p'), $(/usr/bin/rustc --version | cut -d ' ' -f 1,2)" \
        "$work/rust/release/contender"
}

make_libjwt() {
    debian libjwt-dev
    # shellcheck disable=SC2046 # the flags are words
    cc -O2 -o "$work/libjwt" "$contenders/c/contender.c" $(pkg-config --cflags --libs libjwt)
    registers libjwt "libjwt $(version_of libjwt-dev), OpenSSL $(version_of libssl3)" "$work/libjwt"
}

install_swift_runtime
require_swift
mkdir -p "$work"
attempt swift signet raw jwt-kit
attempt python pyjwt joserfc
attempt panva-jose panva-jose
attempt golang-jwt golang-jwt
attempt rust-jsonwebtoken rust-jsonwebtoken
attempt libjwt libjwt
if [ ! -e "$work/signet.command" ]; then
    tail -n 30 "$work/swift.log" >&2
    fail "the Swift programs do not build, see above"
fi
if [ ! -e "$work/pyjwt.command" ]; then
    fail "the driver needs Python with cryptography from PyPI, see $work/python.log"
fi

if [ "$(uname -s)" = Linux ]; then
    cc -O2 -shared -fPIC -o "$work/count.so" Benchmarks/allocations/count.c
fi
export PYTHONDONTWRITEBYTECODE=1
exec "$venv/bin/python" Benchmarks/driver/jose.py "$work" "$@"
