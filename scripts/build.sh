#!/usr/bin/env bash
# Builds the release executable, or another product that is named (scripts/build.sh StorageBenchmark). Linux carries the
# Swift runtime inside it, so that it can be copied to a machine without Swift; macOS has the runtime in the system.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/setup.sh
source scripts/setup.sh
prepare_build

flags=(-c release --product "${1:-signet}")
if [ "$(uname -s)" = Linux ]; then
    flags+=(--static-swift-stdlib)
fi
say "swift build ${flags[*]} (the first build takes several minutes)"
swift build "${flags[@]}"
