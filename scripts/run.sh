#!/usr/bin/env bash
# Builds the release executable and starts it with the arguments given.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
scripts/build.sh
exec .build/release/signet "$@"
