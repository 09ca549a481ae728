#!/usr/bin/env bash
# Tokens and keys both ways between ours and four libraries that we did not write, and our QR codes read by others. Called by
# scripts/test.sh, which sets SIGNET_BIN and puts .venv first on the PATH; JOSEPeer and QRPeer are built beside the executable.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
export PYTHONDONTWRITEBYTECODE=1
if [ -z "${JOSE_PEER:-}" ]; then
    bin=$(dirname "${SIGNET_BIN:-$PWD/../../.build/debug/signet}")
    export JOSE_PEER=$bin/JOSEPeer
fi
if [ -z "${QR_PEER:-}" ]; then
    QR_PEER=$(dirname "$JOSE_PEER")/QRPeer
    export QR_PEER
fi
exec python -m pytest --quiet -p no:cacheprovider -rf "$@" .
