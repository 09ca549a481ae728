#!/usr/bin/env bash
# Makes Sources/Pages/Assets/signet.min.js, which the server serves as /assets/signet.js, of the readable source. What it
# makes is committed, so that nobody else needs terser; a test compares the digest in its first line with the source.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=scripts/setup.sh
source "$root/scripts/setup.sh"
source=$root/Sources/Pages/BrowserLibrary/signet.js
made=$root/Sources/Pages/Assets/signet.min.js

# Debian's terser finds its modules here whichever node is first on the PATH.
export NODE_PATH="${NODE_PATH:+$NODE_PATH:}/usr/share/nodejs"
if ! terser --version >/dev/null 2>&1; then
    install_packages "terser" "terser" "terser, which minifies signet.js"
fi
digest=$(openssl dgst -sha256 -r "$source" | cut -c 1-32)
code=$(terser "$source" --module --ecma 2022 --compress passes=3 --mangle --comments false)
printf '/*! signet.js %s Apache-2.0 */\n%s\n' "$digest" "$code" >"$made"
echo "$(wc -c <"$made" | tr -d ' ') bytes: $made"
