"""A server moves from SQLite into PostgreSQL and back, with everything that it issued; a move that is killed goes on."""

import concurrent.futures
import json
import signal
import subprocess
import time

import requests

from postgres import needs_postgres, on, stores
from signet import HTTP_SECONDS, Signet

pytestmark = needs_postgres


def migrate(binary, source, target, *flags):
    return subprocess.run(
        [binary, "store", "migrate", "--from", source, "--to", target, "--json", *flags], capture_output=True, text=True,
        timeout=120)


def status(binary, data, environment):
    answer = subprocess.run(
        [binary, "store", "status", "--data-dir", str(data), "--json"], check=True, capture_output=True, text=True,
        timeout=60, env=environment).stdout
    return json.loads(answer)


def token(server, client):
    answer = requests.post(
        server.issuer + "/token", data={"grant_type": "client_credentials"}, auth=(client["client_id"], client["client_secret"]),
        timeout=HTTP_SECONDS)
    assert answer.status_code == 200, answer.text
    return answer.json()["access_token"]


def is_active(server, client, access_token):
    return server.introspect(access_token, (client["client_id"], client["client_secret"]))["active"]


def test_a_server_moves_into_postgresql_and_back_with_all_that_it_issued(binary, folder, database):
    data = folder / "data"
    sqlite = f"sqlite:{data}/signet.sqlite"
    with Signet(binary, data) as server:
        port = server.port
        client = server.run("client", "create", "--id", "service", "--grant", "client_credentials", "--scope", "read")
        for number in range(40):
            server.create_user(f"user{number}")
        living, ended = token(server, client), token(server, client)
        revoked = requests.post(
            server.issuer + "/revoke", data={"token": ended}, auth=("service", client["client_secret"]), timeout=HTTP_SECONDS)
        assert revoked.status_code == 200
        refused = migrate(binary, sqlite, database.url())
        assert refused.returncode == 69 and "server" in refused.stderr, refused.stderr
        server.stop()

    # Killed at several moments, and run again until it is done.
    for pause in (0.03, 0.06, 0.09, 0.12, 0.15):
        move = subprocess.Popen(
            [binary, "store", "migrate", "--from", sqlite, "--to", database.url()], stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL)
        time.sleep(pause)
        move.kill()
        move.wait()
    moved = migrate(binary, sqlite, database.url())
    # One of those may have come to its end before it was killed.
    assert moved.returncode == 0 or (moved.returncode == 78 and "was moved to" in moved.stderr), moved.stderr

    with Signet(binary, data, port=port, environment=on(database.url())) as server:
        assert is_active(server, client, living) and not is_active(server, client, ended)
        assert len(server.run("user", "list")) == 40
        found = status(binary, data, server.environment)
        assert found["engine"].startswith("PostgreSQL 15"), found
        assert next(kind for kind in found["kinds"] if kind["kind"] == "person")["records"] == 40
        server.stop()

    # The old store knows that it is the old one, also without the address.
    (data / "store.location").unlink()
    late = subprocess.run(
        [binary, "serve", "--data-dir", str(data), "--issuer", "http://localhost:1"], capture_output=True, text=True, timeout=60)
    assert late.returncode == 78 and "was moved to" in late.stderr, late.stderr

    back = folder / "back"
    time.sleep(4)  # the lease of the server that just ended
    returned = migrate(binary, database.url(), f"sqlite:{back}/signet.sqlite")
    assert returned.returncode == 0, returned.stderr
    (back / "master.key").touch(mode=0o600)
    (back / "master.key").write_bytes((data / "master.key").read_bytes())
    with Signet(binary, back, port=port) as server:
        assert is_active(server, client, living) and not is_active(server, client, ended)


def test_a_database_that_holds_something_takes_no_other_server_in(binary, folder, database):
    for name in ("one", "two"):
        with Signet(binary, folder / name) as server:
            server.create_user(name)
            server.stop()
    assert migrate(binary, f"sqlite:{folder}/one/signet.sqlite", database.url()).returncode == 0
    second = migrate(binary, f"sqlite:{folder}/two/signet.sqlite", database.url())
    assert second.returncode == 73 and "already" in second.stderr, second.stderr
    # Nothing was done to the one that stays.
    with Signet(binary, folder / "two") as server:
        assert server.run("user", "list")


def revoke(server, client, access_token):
    """The status of the answer; None if there was none."""
    try:
        return requests.post(
            server.issuer + "/revoke", data={"token": access_token}, auth=(client["client_id"], client["client_secret"]),
            timeout=HTTP_SECONDS).status_code
    except requests.RequestException:
        return None


def test_a_server_that_was_overlooked_stores_nothing_more_and_ends(binary, folder, database):
    with Signet(binary, folder / "data", environment=on(database.url())) as server:
        client = server.run("client", "create", "--id", "service", "--grant", "client_credentials", "--scope", "read")
        held = token(server, client)
        # Without a sign of life it is taken for gone once its lease is over.
        server.process.send_signal(signal.SIGSTOP)
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            try:
                time.sleep(4)
                moved = migrate(binary, database.url(), f"sqlite:{folder}/new/signet.sqlite")
                answer = pool.submit(revoke, server, client, held)
                time.sleep(0.2)  # it waits for the server by now
            finally:
                server.process.send_signal(signal.SIGCONT)
            assert moved.returncode == 0, moved.stderr
            assert answer.result() != 200
        assert server.process.wait(timeout=30) == 78, server.output()
        assert "was moved to" in server.output()


def test_a_database_that_went_back_is_told_so_once_no_server_is_there(binary, folder, database):
    environment = on(database.url())
    with Signet(binary, folder / "data", environment=environment) as server:
        port = server.port
        client = server.run("client", "create", "--id", "service", "--grant", "client_credentials", "--scope", "read")
        living = token(server, client)
        elsewhere = folder / "elsewhere"
        elsewhere.mkdir()
        (elsewhere / "master.key").touch(mode=0o600)
        (elsewhere / "master.key").write_bytes((folder / "data" / "master.key").read_bytes())
        command = [binary, "store", "restored", "--data-dir", str(elsewhere), "--json"]
        refused = subprocess.run(command, capture_output=True, text=True, timeout=60, env=server.environment)
        assert refused.returncode == 69 and "a server runs" in refused.stderr, refused.stderr
        server.stop()
    time.sleep(4)  # the lease of the server that just ended
    told = subprocess.run(command, capture_output=True, text=True, timeout=60, env=server.environment)
    assert told.returncode == 0 and json.loads(told.stdout)["grants"] == "ended", told.stderr
    with Signet(binary, folder / "data", port=port, environment=environment) as server:
        assert not is_active(server, client, living)
        assert is_active(server, client, token(server, client))


def test_a_password_on_the_command_line_is_refused_and_not_repeated(binary, folder):
    refused = migrate(
        binary, f"sqlite:{folder}/signet.sqlite", f"postgres://signet:hunter2secret@127.0.0.1:{stores.free_port()}/x")
    assert refused.returncode != 0
    assert "hunter2secret" not in refused.stderr
