#!/usr/bin/env bash
# Adds what the tests need to what scripts/setup.sh installs: curl, openssl, Redis, PostgreSQL, pgbouncer, nginx, a
# Chromium, Node with panva's jose, and a Python environment in .venv with the pinned packages of Tests/requirements.txt.
# Idempotent and quick when nothing is missing.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=scripts/setup.sh
source "$root/scripts/setup.sh"

# Prints the path of a Chromium that can be run headless, or nothing.
find_chromium() {
    local candidate
    for candidate in "${SIGNET_CHROMIUM:-}" chromium chromium-browser google-chrome google-chrome-stable \
        "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome" \
        "/Applications/Chromium.app/Contents/MacOS/Chromium"; do
        if [ -n "$candidate" ] && command -v "$candidate" >/dev/null 2>&1; then
            command -v "$candidate"
            return
        fi
    done
}

is_ubuntu() { [ -r /etc/os-release ] && grep -q '^ID=ubuntu' /etc/os-release; }

install_chromium() {
    if [ -n "$(find_chromium)" ]; then
        return
    fi
    # Ubuntu's chromium package is a snap, which does not start in containers.
    if is_ubuntu; then
        fail "missing: a Chromium for the browser journeys. Ubuntu ships it only as a snap ('snap install chromium')." \
            "Or install Google Chrome, or name any Chromium in the environment variable SIGNET_CHROMIUM."
    fi
    install_packages "chromium" "--cask google-chrome" "Chromium, for the browser journeys"
    if [ -z "$(find_chromium)" ]; then
        fail "Chromium is still not found; name one in the environment variable SIGNET_CHROMIUM."
    fi
}

# Clients that the tests call by name: curl speaks the README's walk and HTTP/2, openssl makes certificates.
install_tools() {
    local tool missing=""
    for tool in curl openssl; do
        if ! command -v "$tool" >/dev/null 2>&1; then missing+=" $tool"; fi
    done
    if [ -n "$missing" ]; then
        install_packages "$missing" "$missing" "tools that the tests call"
    fi
}

# A server of their own for the tests: they start it in temporary folders, on sockets and spare ports. Where the package
# starts an instance of the system, that one is left alone.
install_redis() {
    if command -v redis-server >/dev/null 2>&1; then
        return
    fi
    install_packages "redis-server" "redis" "Redis, which the tests start for themselves"
}

# Debian packages panva's jose; elsewhere npm brings it, into .venv.
install_node_jose() {
    if ! command -v node >/dev/null 2>&1; then
        install_packages "nodejs" "node" "Node, for panva's jose in the interoperability tests"
    fi
    if has_node_jose; then
        return
    fi
    if command -v apt-get >/dev/null 2>&1; then
        apt_install node-jose
    else
        say "installing jose with npm into .venv/node"
        npm install --silent --no-save --prefix "$root/.venv/node" jose@4.11.4 >&2
    fi
    if ! has_node_jose; then
        fail "Node does not find jose; put its folder on NODE_PATH."
    fi
}

has_node_jose() {
    NODE_PATH="${NODE_PATH:-}:/usr/share/nodejs:$root/.venv/node/node_modules" node -e 'require("jose")' 2>/dev/null
}

# PostgreSQL and pgbouncer, for the tests of the store: they start servers of their own in temporary folders. What the
# packages do with the system's own cluster is theirs; nothing here touches it.
install_postgres() {
    if ! compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null && ! command -v initdb >/dev/null 2>&1 \
        && ! [ -x /opt/homebrew/opt/postgresql@15/bin/initdb ]; then
        install_packages "postgresql" "postgresql@15" "PostgreSQL, for the tests of its store"
    fi
    if ! command -v pgbouncer >/dev/null 2>&1 && ! [ -x /usr/sbin/pgbouncer ]; then
        install_packages "pgbouncer" "pgbouncer" "pgbouncer, for the tests of the PostgreSQL store"
    fi
}

# nginx, for the example with several nodes: started by itself with a configuration of its own.
install_nginx() {
    if command -v nginx >/dev/null 2>&1 || [ -x /usr/sbin/nginx ]; then
        return
    fi
    install_packages "nginx-light" "nginx" "nginx, for the example with several nodes"
}

install_python_packages() {
    local requirements=$root/Tests/requirements.txt stamp=$root/.venv/requirements.installed
    if cmp -s "$requirements" "$stamp" && "$root/.venv/bin/python" -c '' 2>/dev/null; then
        return
    fi
    say "making .venv and installing Tests/requirements.txt into it"
    rm -rf "$root/.venv"
    python3 -m venv "$root/.venv"
    "$root/.venv/bin/python" -m pip install --quiet --disable-pip-version-check --requirement "$requirements"
    cp "$requirements" "$stamp"
}

prepare_tests() {
    prepare_build
    install_tools
    install_redis
    install_postgres
    install_nginx
    install_chromium
    install_python
    install_python_packages
    install_node_jose
}

if [ "${BASH_SOURCE[0]}" = "$0" ]; then
    prepare_tests
fi
