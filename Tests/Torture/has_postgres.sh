#!/usr/bin/env bash
# Whether three nodes on PostgreSQL and Redis can be run; where not, says what is missing and what to do. SIGNET_BIN is the
# executable under test.
missing=()
if ! compgen -G '/usr/lib/postgresql/*/bin/postgres' >/dev/null && ! command -v postgres >/dev/null; then
    missing+=("PostgreSQL (no /usr/lib/postgresql/*/bin/postgres, and no postgres on PATH)")
fi
command -v redis-server >/dev/null || missing+=("Redis (no redis-server on PATH)")
if ! "$SIGNET_BIN" config --help 2>&1 | grep -q 'postgres://'; then
    missing+=("an executable that takes a postgres:// address (SIGNET_BIN is ${SIGNET_BIN:-not set})")
fi
[ "${#missing[@]}" -gt 0 ] || exit 0
{
    echo "torture: three nodes on PostgreSQL and Redis cannot be run here. Missing:"
    printf '  - %s\n' "${missing[@]}"
    echo "scripts/setup-tests.sh installs PostgreSQL and Redis where apt-get or Homebrew can; swift build makes the"
    echo "executable. One node on SQLite alone: Tests/Torture/torture.py --store sqlite"
} >&2
exit 1
