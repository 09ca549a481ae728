#!/usr/bin/env python3
"""Writes the inputs that fuzzing starts from, made of the published vectors: a folder for each target.

    python3 Fuzz/seeds.py FOLDER
"""

import base64
import hashlib
import json
import pathlib
import re
import sys

VECTORS = pathlib.Path(__file__).resolve().parents[1] / "Tests/JOSETests/Vectors"


def texts(value):
    """Every text and every object in a JSON value."""
    if isinstance(value, dict):
        yield value
        for inner in value.values():
            yield from texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from texts(inner)
    elif isinstance(value, str):
        yield value


def decoded(part):
    """The bytes of a base64url text, or nothing."""
    try:
        return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except ValueError:
        return b""


def main():
    folder = pathlib.Path(sys.argv[1])
    found = {}

    def keep(target, data):
        if 0 < len(data) <= 4096:
            found.setdefault(target, set()).add(data)

    def keep_der(data):
        """A key in both its forms; the label is that of what the structure begins with."""
        keep("der", data)
        text = base64.b64encode(data).decode()
        lines = "\n".join(text[at:at + 64] for at in range(0, len(text), 64))
        label = "PRIVATE KEY" if b"\x02\x01\x00" in data[:8] else "PUBLIC KEY"
        keep("pem", f"-----BEGIN {label}-----\n{lines}\n-----END {label}-----\n".encode())

    block = re.compile(r"-----BEGIN ([A-Z ]+)-----\s+([A-Za-z0-9+/=\s]+?)-----END \1-----")
    for file in sorted(VECTORS.rglob("*.json")):
        for value in texts(json.loads(file.read_text("utf-8"))):
            if isinstance(value, dict):
                for name in ("publicKeyDer", "privateKeyPkcs8", "publicKeyAsn"):
                    if isinstance(value.get(name), str):
                        keep_der(bytes.fromhex(value[name]))
                if isinstance(value.get("kty"), str):
                    text = json.dumps(value, separators=(",", ":")).encode()
                    keep("key", text)
                    keep("json", text)
                    keep("keySet", b'{"keys":[' + text + b"]}")
                if isinstance(value.get("signature"), str) or isinstance(value.get("signatures"), list):
                    keep("serialized", json.dumps(value).encode())
                if isinstance(value.get("keys"), list):
                    keep("keySet", json.dumps(value).encode())
                continue
            for _, body in block.findall(value):
                keep("pem", value.encode())
                keep("der", base64.b64decode("".join(body.split())))
            parts = value.split(".")
            if len(parts) == 3:
                keep("token", value.encode())
                named = zip(("protected", "payload", "signature"), parts)
                keep("serialized", json.dumps(dict(named), separators=(",", ":")).encode())
                keep("json", decoded(parts[0]))
                keep("json", decoded(parts[1]))
            elif len(parts) == 5:
                keep("encrypted", value.encode())
                keep("json", decoded(parts[0]))
            elif len(value) < 200:
                keep("base64url", value.encode())

    header = {"alg": "HS256", "typ": "at+jwt", "kid": "h"}
    claims = {
        "iss": "https://issuer.example", "aud": "https://api.example", "sub": "alice", "iat": 1799999990,
        "nbf": 1799999990, "exp": 1800000900, "jti": "t-1",
    }
    rows = [
        {}, {"aud": ["https://api.example", "x"]}, {"exp": 1800000900.5}, {"exp": 1.8000009e9}, {"exp": None},
        {"iat": 1799996400}, {"sub": ""}, {"aud": []}, {"exp": 9223372036854775807}, {"nbf": -1}, {"cnf": {"jkt": "x"}},
    ]
    headers = [{}, {"typ": "application/at+JWT"}, {"crit": ["exp"]}, {"b64": False}, {"alg": "none"}, {"kid": "e"}]
    for change in rows:
        keep("claims", json.dumps(header).encode() + b"\0" + json.dumps({**claims, **change}).encode())
    for change in headers:
        keep("claims", json.dumps({**header, **change}).encode() + b"\0" + json.dumps(claims).encode())
    for choice in range(20):
        keep("encrypted", bytes([choice]) + b"plaintext" * choice)
        keep("serialized", bytes([choice]) + b"payload" * choice)
    for text in ["", "[1,-2.5e3,\"\\u00e9\\ud83d\\ude00\",true,false,null]", "{\"a\":{\"b\":[[]]}}", "-0", "1e308", "\"\\ud800\""]:
        keep("json", text.encode())
    for jwk in [
        {"kty": "EC", "crv": "P-256", "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
         "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0", "d": "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"},
        {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
         "d": "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"},
        {"kty": "oct", "k": "GawgguFyGrWKav7AX4VKUg", "alg": "A128KW"},
    ]:
        keep("key", json.dumps(jwk).encode())

    for target, inputs in found.items():
        place = folder / target
        place.mkdir(parents=True, exist_ok=True)
        for data in inputs:
            (place / hashlib.sha1(data).hexdigest()).write_bytes(data)
        print(f"{target}: {len(inputs)} seeds")


if __name__ == "__main__":
    main()
