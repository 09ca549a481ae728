#!/usr/bin/env bash
# What the scripts of the benchmarks share: source it from the root of the repository, and set `work` to the folder that
# the driver is given.
set -euo pipefail
# shellcheck source=scripts/setup.sh
source scripts/setup.sh

# What contenders say on their standard error goes to their log; what we say goes to the terminal.
exec 3>&2
say() { printf 'bench: %s\n' "$*" >&3; }

# debian PACKAGE…: installs the ones that are missing, or says why that is not possible.
debian() {
    local package missing=()
    if ! command -v dpkg-query >/dev/null 2>&1; then
        echo "not found: it is taken from Debian's $*" >&2
        return 1
    fi
    for package in "$@"; do
        if [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" != installed ]; then
            missing+=("$package")
        fi
    done
    if [ ${#missing[@]} -gt 0 ]; then apt_install "${missing[@]}"; fi
}

version_of() { dpkg-query -W -f '${Version}' "$1" 2>/dev/null || echo unknown; }

# registers NAME VERSION PROGRAM ARGUMENT…: what the driver starts. It adds the folder with keys and tokens.
registers() {
    printf '%s\n' "$2" >"$work/$1.version"
    printf '%s\n' "${@:3}" >"$work/$1.command"
}

pinned() {
    sed -n '/"identity" : "'"$1"'"/,/"version"/s/.*"version" : "\(.*\)".*/\1/p' Benchmarks/Package.resolved
}

swift_version() { swift --version 2>/dev/null | grep -o 'Swift version [0-9.]*'; }

commit() { git describe --always --dirty 2>/dev/null || echo 'no commit'; }

# build_release PRODUCT…: into Benchmarks/.build/release.
build_release() {
    local product
    for product in "$@"; do
        say "swift build -c release --package-path Benchmarks --product $product (the first one takes several minutes)"
        # A plan made before files moved in the package beside this one fails once, and is then made anew.
        swift build -c release --package-path Benchmarks --product "$product" ||
            swift build -c release --package-path Benchmarks --product "$product"
    done
}
