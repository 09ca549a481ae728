#!/usr/bin/env bash
# Runs each example for real: the programs, a browser, the command line beside them. Called by scripts/test.sh, which sets
# SIGNET_BIN and SIGNET_CHROMIUM, has built the package, and puts .venv first on the PATH.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
export PYTHONDONTWRITEBYTECODE=1

if [ -z "${EXAMPLES_PRODUCTS:-}" ]; then
    if [ -e Package.resolved ]; then cp Package.resolved Examples/Package.resolved; fi
    # In the package's own folder: what it has compiled is not compiled again.
    swift build --package-path Examples --scratch-path .build
    EXAMPLES_PRODUCTS=$(swift build --package-path Examples --scratch-path .build --show-bin-path)
    export EXAMPLES_PRODUCTS
fi

cd Tests/Examples
exec python -m pytest --quiet -p no:cacheprovider -rf "$@" .
