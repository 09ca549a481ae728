#!/usr/bin/env bash
# Takes a picture of every page, light and dark, desktop and phone, into .build/screenshots, and renews those that the
# documentation shows (Docs/images). Arguments: --only SCENE … for some of the scenes of Tests/Journeys/scenes.py.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/setup-tests.sh
source scripts/setup-tests.sh

prepare_tests
swift build --product signet
SIGNET_BIN=$(swift build --show-bin-path)/signet
SIGNET_CHROMIUM=$(find_chromium)
export SIGNET_BIN SIGNET_CHROMIUM PYTHONDONTWRITEBYTECODE=1

folder=.build/screenshots
.venv/bin/python Tests/Journeys/screenshots.py "$folder" "$@"
for image in Docs/images/*.png; do
    taken=$folder/$(basename "$image")
    if [ -e "$taken" ]; then cp "$taken" "$image"; fi
done
echo "screenshots: $folder, and in Docs/images those that the documentation shows"
