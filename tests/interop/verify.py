"""The oracle in Python: does PyJWT accept a token?

JSON lines in: {"jwks", "token", "typ", "aud", "iss"}; `aud` may be null (status lists have none).
JSON lines out, one per line read: {"valid": true} or {"valid": false, "why"}; {"error"} for a line that is no question.
"""

import json
import sys

import jwt

KEYSETS = {}


def keys_of(jwks):
    """The set's Ed25519 keys by `kid`. The same set comes with every line, so it is read once."""
    text = json.dumps(jwks)
    if text not in KEYSETS:
        KEYSETS[text] = {jwk["kid"]: jwt.PyJWK(jwk, algorithm="EdDSA") for jwk in jwks["keys"]}
    return KEYSETS[text]


def verify(question):
    """Raises where the token is to be refused."""
    token, wanted = question["token"], question["typ"]
    key = keys_of(question["jwks"])[jwt.get_unverified_header(token)["kid"]]
    whole = jwt.decode_complete(
        token,
        key,
        algorithms=["EdDSA"],
        audience=question["aud"],
        issuer=question["iss"],
        options={
            "require": ["iss", "iat", "sub"],
            "verify_aud": question["aud"] is not None,
            "strict_aud": True,
        },
    )
    typ = whole["header"]["typ"].lower()
    if typ not in (wanted, "application/" + wanted):
        raise jwt.InvalidTokenError(f"typ is {typ}")
    # PyJWT lets a token without `exp` pass: right for permanent licenses only.
    if "exp" not in whole["payload"] and whole["payload"]["lic"].get("term") != "permanent":
        raise jwt.InvalidTokenError("no exp, and not permanent")


def answer(line):
    try:
        question = json.loads(line)
    except ValueError as error:
        return {"error": str(error)}
    try:
        verify(question)
    except Exception as error:  # whatever a broken token makes the library raise, it was not accepted
        return {"valid": False, "why": f"{type(error).__name__}: {error}"}
    return {"valid": True}


for line in sys.stdin:
    print(json.dumps(answer(line)))
