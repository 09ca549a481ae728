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

# attempt WHAT NAME…: makes contenders with make_WHAT, or leaves for each the reason why it is missing. Not to be called
# in a condition: `set -e` does not hold there.
attempt() {
    local name what=$1 code=0 log=$work/$1.log
    shift
    for name in "$@"; do rm -f "$work/$name".{command,version,missing}; done
    ("make_${what//-/_}") >"$log" 2>&1 &
    wait $! || code=$?
    for name in "$@"; do
        if [ "$code" -eq 0 ]; then
            say "$name: $(cat "$work/$name.version")"
        else
            rm -f "$work/$name".{command,version}
            tail -n 1 "$log" >"$work/$name.missing"
            say "$name is missing: $(cat "$work/$name.missing") (log: $log)"
        fi
    done
}

# make_venv FOLDER REQUIREMENTS…: a virtual environment with these files' packages from PyPI, made anew if they changed.
make_venv() {
    local venv=$1
    shift
    if ! cat "$@" | cmp -s - "$venv/installed" || ! "$venv/bin/python" -c '' 2>/dev/null; then
        say "making $venv from PyPI"
        rm -rf "$venv"
        python3 -m venv "$venv"
        # shellcheck disable=SC2046 # the options are words
        "$venv/bin/python" -m pip install --quiet --disable-pip-version-check $(printf -- '--requirement %s ' "$@")
        cat "$@" >"$venv/installed"
    fi
}
