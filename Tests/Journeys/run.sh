#!/usr/bin/env bash
# The journeys: relying parties and a browser that we did not write, against the real executable on real sockets.
# Called by scripts/test.sh, which sets SIGNET_BIN and SIGNET_CHROMIUM and puts .venv first on the PATH.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
export PYTHONDONTWRITEBYTECODE=1
exec python -m pytest --quiet -p no:cacheprovider -rf "$@" .
