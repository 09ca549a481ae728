"""The README's quick start with curl, run as it is printed."""

import json
import pathlib
import re
import subprocess

README = pathlib.Path(__file__).resolve().parents[2] / "README.md"


def blocks():
    """The shell blocks of the section, in their order."""
    text = README.read_text()
    section = text.split("## Quick start with curl\n", 1)[1].split("\n## ", 1)[0]
    return re.findall(r"^```sh\n(.*?)^```$", section, re.DOTALL | re.MULTILINE)


def objects(text):
    """The JSON objects in a text that holds other things as well."""
    decoder, position, found = json.JSONDecoder(), text.find("{"), []
    while position >= 0:
        value, position = decoder.raw_decode(text, position)
        found.append(value)
        position = text.find("{", position)
    return found


def test_the_readme_walk_works_as_printed(demo, tmp_path):
    """Only the ports and the data folder are the test's own."""
    # The walk names its data folder relative to where it is typed.
    (tmp_path / "signet-data").symlink_to(demo.data_dir)
    script = "".join(blocks())
    for offset in range(3):
        script = script.replace(f"localhost:{8080 + offset}", f"localhost:{demo.port + offset}")
    walk = subprocess.run(
        ["bash", "-euo", "pipefail"], input=script, capture_output=True, text=True, cwd=tmp_path, timeout=120)
    assert walk.returncode == 0, walk.stdout + walk.stderr

    service, orders, live, ended, shut, tokens, person, renewed, refused = objects(walk.stdout)
    assert service["scope"] == "orders:read" and service["expires_in"] == 900
    assert orders["subject"] == "demo-service" and orders["orders"]
    assert live["active"] is True and live["client_id"] == "demo-service"
    assert ended == {"active": False}
    assert shut["error"] == "invalid_token" and shut["error_description"] == "the access token was revoked"
    assert f"http://localhost:{demo.port + 1}/callback?code=" in walk.stdout and "state=my-state" in walk.stdout
    assert tokens["id_token"] and tokens["refresh_token"].startswith("signet_rt_")
    assert person["name"] == "Demo Person"
    assert renewed["refresh_token"] not in ("", tokens["refresh_token"])
    assert refused["error"] == "invalid_grant"


def test_every_refusal_of_the_walk_would_be_seen(demo, tmp_path):
    """The twin: with a wrong secret the same walk gives another answer, so that the test above can fail."""
    first = blocks()[0] + blocks()[1].replace("$(cat signet-data/demo-service.secret)", "wrong")
    first = first.replace("localhost:8080", f"localhost:{demo.port}").replace("localhost:8082", f"localhost:{demo.port + 2}")
    walk = subprocess.run(["bash", "-c", first], capture_output=True, text=True, cwd=tmp_path, timeout=60)
    assert '"error":"invalid_client"' in walk.stdout
