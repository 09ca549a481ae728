"""PyJWT and joserfc as their manuals show them: python contender.py pyjwt|joserfc FOLDER.

Reads commands from its standard input and answers each with one line of JSON, like every contender (../../README.md).
"""
import json
import sys
import time

ISSUER = "https://id.example.org"
AUDIENCE = "https://orders.example"
TYPE = "at+jwt"


def read(folder, algorithm, name):
    with open(f"{folder}/{algorithm}.{name}", "rb") as file:
        return file.read()


def pyjwt(folder, algorithm):
    """The pair (verify, sign), or None where the library does not know the algorithm."""
    import jwt

    known = jwt.algorithms.get_default_algorithms()
    if algorithm not in known:
        return None
    secret = algorithm.startswith("HS")
    prepare = known[algorithm].prepare_key
    private = prepare(read(folder, algorithm, "secret" if secret else "private.pem"))
    public = private if secret else prepare(read(folder, algorithm, "public.pem"))
    claims = json.loads(read(folder, algorithm, "claims"))
    headers = {"typ": TYPE, "kid": f"bench-{algorithm}"}
    options = {"require": ["exp", "iss", "aud"]}

    def verify(token):
        return jwt.decode(
            token, public, algorithms=[algorithm], issuer=ISSUER, audience=AUDIENCE, options=options
        )["sub"]

    return verify, lambda: jwt.encode(claims, private, algorithm=algorithm, headers=headers)


def joserfc(folder, algorithm):
    """The pair (verify, sign), or None where the library does not know the algorithm."""
    from joserfc import jwt
    from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey
    from joserfc.jws import JWSRegistry

    if algorithm not in JWSRegistry.algorithms:
        return None
    kinds = {"HS": OctKey, "RS": RSAKey, "PS": RSAKey, "ES": ECKey, "Ed": OKPKey}
    kind, secret = kinds[algorithm[:2]], algorithm.startswith("HS")
    private = kind.import_key(read(folder, algorithm, "secret" if secret else "private.pem"))
    public = private if secret else kind.import_key(read(folder, algorithm, "public.pem"))
    claims = json.loads(read(folder, algorithm, "claims"))
    header = {"alg": algorithm, "typ": TYPE, "kid": f"bench-{algorithm}"}
    rules = jwt.JWTClaimsRegistry(
        iss={"essential": True, "value": ISSUER}, aud={"essential": True, "value": AUDIENCE}, exp={"essential": True}
    )

    def verify(token):
        decoded = jwt.decode(token, public, algorithms=[algorithm])
        rules.validate(decoded.claims)
        return decoded.claims["sub"]

    return verify, lambda: jwt.encode(header, claims, private, algorithms=[algorithm])


def repeated(operation, count):
    """Seconds for so many repetitions."""
    done = 0
    start = time.perf_counter()
    for _ in range(count):
        done += len(operation())
    duration = time.perf_counter() - start
    assert done >= count
    return duration


def measure(operation, seconds):
    """Nanoseconds an operation, after a warm-up that also finds out how many fill the time."""
    count, duration = 1, 0.0
    while duration < 0.02:
        count *= 2
        duration = repeated(operation, count)
    count = max(1, int(count * seconds / duration))
    return {"nanoseconds": repeated(operation, count) / count * 1e9, "iterations": count}


def accepts(verify, token):
    try:
        return len(verify(token)) > 0
    except Exception:
        return False


def answer(make, folder, words):
    algorithm = words[1] if words[0] == "check" else words[2]
    pair = make(folder, algorithm)
    if pair is None:
        return {"unsupported": True}
    verify, sign = pair
    if words[0] == "check":
        names = ["good", "flipped", "audience", "expired"]
        verdicts = {name: accepts(verify, read(folder, algorithm, name).decode()) for name in names}
        return {**verdicts, "signed": sign()}
    token = read(folder, algorithm, "good").decode()
    operations = {"verify": lambda: verify(token), "sign": sign}
    if words[1] not in operations:
        return {"unsupported": True}
    return measure(operations[words[1]], float(words[3]))


def main():
    make = {"pyjwt": pyjwt, "joserfc": joserfc}[sys.argv[1]]
    for line in sys.stdin:
        try:
            result = answer(make, sys.argv[2], line.split())
        except Exception as error:
            result = {"error": repr(error)}
        print(json.dumps(result), flush=True)


main()
