#!/usr/bin/env bash
# Builds the documentation of the JOSE product into .build/docs/JOSE.doccarchive and fails for whatever DocC warns of, for
# a public symbol without a docstring, and for one that the landing page does not list. The code in the guides is cut out
# of Snippets/, which every `swift build` compiles. Docs/decisions says why this is not the Swift-DocC plugin.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/setup.sh
source scripts/setup.sh
prepare_build
install_python

# tool NAME: the toolchain's own, which on macOS is not on the PATH.
tool() {
    command -v "$1" 2>/dev/null || xcrun --find "$1" 2>/dev/null || fail "missing: $1, which is part of the Swift toolchain"
}

docs=.build/docs
graphs=$docs/symbol-graphs
archive=$docs/JOSE.doccarchive
rm -rf "$docs"
mkdir -p "$graphs"

swift build --target JOSE
modules=$(swift build --show-bin-path)/Modules
target=$(swiftc -print-target-info | sed -n 's/.*"triple": "\(.*\)",/\1/p' | head -n 1)
extract=("$(tool swift-symbolgraph-extract)" -target "$target" -I "$modules" -output-dir "$graphs"
    -minimum-access-level public -skip-synthesized-members)
if [ "$(uname -s)" = Darwin ]; then
    extract+=(-sdk "$(xcrun --show-sdk-path)")
fi
# JOSE gives its users the module Instants along, so the documentation has it too.
for module in JOSE Instants; do
    "${extract[@]}" -module-name "$module"
done
python3 scripts/documentation.py snippets Snippets "$graphs/snippets.symbols.json"

code=0
"$(tool docc)" convert Sources/JOSE/JOSE.docc --additional-symbol-graph-dir "$graphs" --output-dir "$archive" \
    --fallback-display-name JOSE --fallback-bundle-identifier signet.JOSE --fallback-default-module-kind Library \
    --diagnostics-file "$docs/diagnostics.json" >"$docs/docc.log" 2>&1 || code=$?
if [ ! -e "$docs/diagnostics.json" ]; then
    cat "$docs/docc.log" >&2
    exit 1
fi
python3 scripts/documentation.py judge "$graphs/JOSE.symbols.json" "$docs/diagnostics.json" "$archive"
if [ "$code" -ne 0 ]; then
    cat "$docs/docc.log" >&2
    exit "$code"
fi
echo "docs: $archive; to read it: python3 -m http.server --directory $archive, then http://localhost:8000/documentation/jose"
