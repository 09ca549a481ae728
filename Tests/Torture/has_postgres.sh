#!/usr/bin/env bash
# Whether three nodes on PostgreSQL can be run: the executable under test takes a postgres:// address, and servers are here.
"$SIGNET_BIN" config --help 2>&1 | grep -q 'postgres' &&
    compgen -G '/usr/lib/postgresql/*/bin/postgres' >/dev/null && command -v redis-server >/dev/null
