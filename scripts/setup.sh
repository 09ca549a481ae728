#!/usr/bin/env bash
# Makes sure that Signet can be built here: checks the Swift toolchain and installs the system libraries that are
# missing. Idempotent and quick when nothing is missing. Run it, or source it for its functions.
set -euo pipefail

swift_minimum_major=6
swift_minimum_minor=2

say() { printf 'setup: %s\n' "$*" >&2; }

fail() {
    printf 'setup: %s\n' "$@" >&2
    exit 1
}

# as_root COMMAND…: through sudo only when we are not root already.
as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null 2>&1; then
        sudo "$@"
    else
        fail "this needs root, and there is no sudo. As root, run: $*"
    fi
}

apt_lists_are_fresh=no

apt_install() {
    say "installing with apt: $*"
    if [ "$apt_lists_are_fresh" = no ]; then
        as_root env DEBIAN_FRONTEND=noninteractive apt-get update -q >&2
        apt_lists_are_fresh=yes
    fi
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "$@" >&2
}

# install_packages "APT NAMES" "BREW NAMES" "WHAT IT IS": by whichever of the two is here.
install_packages() {
    local apt_names=$1 brew_names=$2 what=$3
    # shellcheck disable=SC2086 # the names are lists of words
    if command -v apt-get >/dev/null 2>&1; then
        apt_install $apt_names
    elif [ "$(uname -s)" = Darwin ] && command -v brew >/dev/null 2>&1; then
        if [ -n "$brew_names" ]; then
            say "installing with brew: $brew_names"
            brew install $brew_names >&2
        fi
    elif [ "$(uname -s)" = Darwin ]; then
        fail "missing: $what. Install Homebrew from https://brew.sh, or these yourself: $brew_names"
    else
        fail "missing: $what." \
            "This system has neither apt nor brew. Install the equivalents of Debian's: $apt_names"
    fi
}

# The toolchain is an archive, and on Linux expects these of the system (https://www.swift.org/install/linux/).
install_swift_runtime() {
    if [ "$(uname -s)" != Linux ] || ! command -v swift >/dev/null 2>&1; then
        return
    fi
    if ! swift build --version >/dev/null 2>&1 || ! ls -d /usr/include/c++/* >/dev/null 2>&1; then
        install_packages "binutils g++ libc6-dev libcurl4 libedit2 libncurses6 libsqlite3-0 libuuid1 libxml2 tzdata" "" \
            "libraries that the Swift toolchain itself needs"
    fi
}

require_swift() {
    local version major minor
    if ! command -v swift >/dev/null 2>&1; then
        fail "Swift is not installed, or not on the PATH." \
            "Install Swift $swift_minimum_major.$swift_minimum_minor or later from https://www.swift.org/install/ and run this again."
    fi
    version=$(swift --version 2>/dev/null | sed -n 's/.*Swift version \([0-9][0-9.]*\).*/\1/p' | head -n 1 || true)
    major=${version%%.*}
    minor=${version#*.}
    minor=${minor%%.*}
    if [ -z "$version" ]; then
        fail "'swift --version' failed: $(swift --version 2>&1 | head -n 1)" \
            "What a toolchain needs of the system is listed at https://www.swift.org/install/linux/"
    fi
    if [ "$major" -lt "$swift_minimum_major" ] ||
        { [ "$major" -eq "$swift_minimum_major" ] && [ "${minor:-0}" -lt "$swift_minimum_minor" ]; }; then
        fail "Swift $version at $(command -v swift) is too old: Signet needs $swift_minimum_major.$swift_minimum_minor or later." \
            "Get a newer one from https://www.swift.org/install/ (swiftly: 'swiftly install latest') and run this again."
    fi
}

# has_library PKG-CONFIG-NAME: 'pkg-config' knows where every package manager keeps its headers.
has_library() { pkg-config --exists "$1" 2>/dev/null; }

install_build_libraries() {
    local apt="" brew="" what=""
    if ! command -v pkg-config >/dev/null 2>&1; then
        # Without pkg-config nothing can be asked: everything is named, what is there already stays as it is.
        install_packages "pkg-config libsqlite3-dev libargon2-dev zlib1g-dev" "pkgconf argon2 sqlite" \
            "pkg-config, and the headers of SQLite, argon2 and zlib"
        return
    fi
    if ! has_library sqlite3; then
        apt+=" libsqlite3-dev" brew+=" sqlite" what+=" SQLite"
    fi
    if ! has_library libargon2; then
        apt+=" libargon2-dev" brew+=" argon2" what+=" argon2"
    fi
    if [ "$(uname -s)" != Darwin ] && ! has_library zlib; then
        apt+=" zlib1g-dev" what+=" zlib"
    fi
    if [ -n "$apt" ]; then
        install_packages "$apt" "$brew" "the headers of$what"
    fi
}

install_python() {
    if ! command -v python3 >/dev/null 2>&1; then
        install_packages "python3 python3-venv" "python" "Python 3, for tests and lint"
    fi
    # Debian splits ensurepip off: 'python3 -m venv' then exists and fails.
    if ! python3 -c 'import ensurepip, venv' 2>/dev/null; then
        install_packages "python3-venv" "python" "Python's venv module, for tests and lint"
    fi
}

prepare_build() {
    # macOS brings SQLite in its SDK, where pkg-config does not look.
    if [ "$(uname -s)" = Darwin ]; then
        has_library() { [ "$1" = sqlite3 ] || pkg-config --exists "$1" 2>/dev/null; }
    fi
    install_swift_runtime
    require_swift
    install_build_libraries
}

if [ "${BASH_SOURCE[0]}" = "$0" ]; then
    prepare_build
fi
