"""TLS between a node and its PostgreSQL: certificates by openssl, and a server that talks to nobody in the clear."""

import os
import subprocess

import pytest

from grants import ada, authorize, prepare, redeem, refresh
from module_postgres import folder  # noqa: F401 (fixtures)
from postgres import Node, needs_postgres, on, refused, stores

pytestmark = needs_postgres


def openssl(*arguments, cwd):
    subprocess.run(["openssl", *arguments], check=True, capture_output=True, cwd=cwd)


def make_authority(folder, name):
    """A key and a certificate that sign others; the certificate's path."""
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", f"{name}.key",
            "-out", f"{name}.crt", "-days", "2", "-subj", f"/CN={name}", cwd=folder)
    return folder / f"{name}.crt"


@pytest.fixture(scope="module")
def authority(folder):
    return make_authority(folder, "authority")


@pytest.fixture(scope="module")
def database(folder, authority):
    """A server with a certificate for localhost, which lets in nobody who does not speak TLS."""
    openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "server.key", "-out",
            "server.csr", "-subj", "/CN=localhost", cwd=folder)
    (folder / "names").write_text("subjectAltName=DNS:localhost\n")
    openssl("x509", "-req", "-in", "server.csr", "-CA", "authority.crt", "-CAkey", "authority.key", "-CAcreateserial",
            "-days", "2", "-extfile", "names", "-out", "server.crt", cwd=folder)
    server = stores.PostgreSQL(folder / "postgres", power=False)
    for name in ("server.crt", "server.key"):
        path = server.data / name
        path.write_bytes((folder / name).read_bytes())
        path.chmod(0o600)
        if server.user:
            os.chown(path, server.user.pw_uid, server.user.pw_gid)
    with open(server.data / "postgresql.conf", "a") as configuration:
        configuration.write("ssl = on\n")
    (server.data / "pg_hba.conf").write_text("hostssl all all 127.0.0.1/32 trust\n")
    server.start()
    server.sql("CREATE DATABASE signet")
    yield server
    server.stop()


def address(database, root=None, mode="verify-full", host="localhost", schema="signet"):
    return (f"postgres://signet@{host}:{database.port}/signet?sslmode={mode}&signet_schema={schema}"
            + (f"&sslrootcert={root}" if root else ""))


def test_a_node_talks_to_its_database_in_tls_only_and_knows_whom_it_talks_to(binary, folder, authority, database):
    with Node(binary, folder / "data", environment=on(address(database, authority))) as node:
        prepare(node.prepare())
        tokens = redeem(node, authorize(node, ada())["code"]).json()
        rotated = refresh(node, tokens["refresh_token"])
        assert rotated.status_code == 200 and rotated.json()["refresh_token"] != tokens["refresh_token"]
        connections = database.sql(
            "SELECT s.ssl, s.version LIKE 'TLSv1._' FROM pg_stat_ssl s JOIN pg_stat_activity a USING (pid) "
            "WHERE a.datname = 'signet' AND a.backend_type = 'client backend'").split()
        # One that works and one that listens, at least.
        assert len(connections) >= 2 and set(connections) == {"t|t"}
        assert node.health() == (200, 200, [])


def test_a_database_that_cannot_prove_who_it_is_is_refused_with_the_reason(binary, folder, authority, database):
    stranger = make_authority(folder, "stranger")
    arguments = ["serve", "--data-dir", str(folder / "other"), "--issuer", "http://localhost:1"]
    for where, reason in (
            (address(database, stranger, schema="fooled"), "certificate verify failed"),
            (address(database, authority, schema="fooled", host="127.0.0.1"), 'does not match host name "127.0.0.1"'),
            (address(database, folder / "missing.crt", schema="fooled"), "missing.crt"),
            # The server wants TLS too: what works in the other test is no silent fallback.
            (address(database, mode="disable", schema="fooled"), "no encryption")):
        code, said = refused(binary, arguments, on(where))
        assert code == 69 and reason in said, said
    assert database.sql("SELECT count(*) FROM pg_namespace WHERE nspname = 'fooled'", database="signet") == "0"
