"""Verifies lictor's license keys, activation certificates and status lists, without a network.

PyJWT checks the signature. What the token format asks for beyond RFC 7515 is checked here, before and after it:
docs/token-format.md. `judge` takes the steps of its section "Verification" in their order.

    keys = load_keys(open("keys.json").read())          # what `lictor keys public` printed
    claims = judge(keys, text, Expected("license+jwt", issuer, product, "live", now=int(time.time())))
"""

import base64
import hashlib
import json
import re
import zlib
from dataclasses import dataclass
from typing import NamedTuple

import jwt
from jwt.algorithms import OKPAlgorithm

DAY = 86_400
KEY_SET_MAX_BYTES = 65_536
MAX_BYTES = {"license+jwt": 8_192, "license-activation+jwt": 8_192, "statuslist+jwt": 65_536}
ROLES = {
    "license+jwt": "license",
    "license-activation+jwt": "activation",
    "statuslist+jwt": "status",
    "license-keyset+jwt": "root",
    "license-activation-request+jwt": None,  # signed by a device key: no pinned one fits
}

JWS = jwt.PyJWS(algorithms=["EdDSA"])
JWS.register_algorithm("Ed25519", OKPAlgorithm())  # its name in RFC 9864


class Refused(Exception):
    """The answer is no; `code` is the stable one of the step that failed."""

    def __init__(self, code, why=""):
        super().__init__(f"{code}: {why}")
        self.code = code


class Expected(NamedTuple):
    """What the software expects of a token."""

    typ: str
    issuer: str
    audience: str
    env: str
    now: int
    floor: int = 0
    machine: dict | None = None  # component -> commitment, of what can be read here; None: not asked about
    device_key: str | None = None
    entitlements: tuple = ()
    quota: tuple = ()  # (metric, amount as text)


class Seen(NamedTuple):
    """The newest status list of an address that was seen before."""

    seq: int
    iat: int
    text: str | None = None


class Number(NamedTuple):
    """A JSON number, as the text it came in: none of them passes through a float."""

    text: str


# --- Form -----------------------------------------------------------------------------------------------------------


def strict_json(data: bytes):
    """JSON in UTF-8, no member twice, at most 8 levels, no half surrogate pairs. ValueError otherwise."""

    def unique(pairs):
        if len(dict(pairs)) != len(pairs):
            raise ValueError("a member stands twice")
        return dict(pairs)

    def no_constant(name):
        raise ValueError(f"{name} is no JSON")

    try:
        value = json.loads(
            data.decode(), object_pairs_hook=unique, parse_int=Number, parse_float=Number, parse_constant=no_constant
        )
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    check_levels(value, 8)
    return value


def check_levels(value, left):
    if isinstance(value, str):
        value.encode()  # half a surrogate pair cannot be encoded
    elif isinstance(value, (dict, list)):
        if left == 0:
            raise ValueError("nested too deeply")
        names = value if isinstance(value, dict) else ()
        for part in [*names, *(value.values() if isinstance(value, dict) else value)]:
            check_levels(part, left - 1)


def from_base64url(text: str) -> bytes:
    """The one canonical form, without padding. ValueError for any other."""
    data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if base64.urlsafe_b64encode(data).rstrip(b"=") != text.encode():
        raise ValueError("no canonical base64url")
    return data


# --- Keys -----------------------------------------------------------------------------------------------------------

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493  # order of the base point, RFC 8032
D = -121665 * pow(121666, -1, P) % P
Y_OF_ORDER_8 = 0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826
SMALL_ORDER = {0, 1, P - 1, Y_OF_ORDER_8, P - Y_OF_ORDER_8}


def is_strong_point(point: bytes) -> bool:
    """On the curve, in canonical form, not of small order."""
    y = int.from_bytes(point, "little") & (2**255 - 1)
    x_squared = (y * y - 1) * (D * y * y + 1)  # times a square
    return y < P and y not in SMALL_ORDER and pow(x_squared, (P - 1) // 2, P) == 1


@dataclass(frozen=True)
class Key:
    role: str
    issuer: str
    public: object


def load_keys(text: str) -> dict:
    """Pinned keys by `kid`, from a JWK Set. ValueError when the set has to be refused as a whole."""
    if len(text.encode()) > KEY_SET_MAX_BYTES:
        raise ValueError("the set is too long")
    document = strict_json(text.encode())
    entries = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(entries, list):
        raise ValueError("no JWK Set")
    found = [key for key in map(load_key, entries) if key]
    keys = dict(found)
    if not keys or len(keys) != len(found):
        raise ValueError("no key, or one twice")
    return keys


def load_key(jwk):
    """(kid, key); None for a key that verifies nothing here."""
    if not isinstance(jwk, dict) or "d" in jwk:
        raise ValueError("no public key")

    def member(name):
        if not isinstance(jwk.get(name), str):
            raise ValueError(f"{name} is missing or no string")
        return jwk[name]

    if member("kty") != "OKP" or jwk.get("crv") != "Ed25519" or jwk.get("use", "sig") != "sig":
        return None
    if member("role") not in ("root", "license", "activation", "status"):
        return None
    x, kid = member("x"), member("kid")
    if len(from_base64url(x)) != 32 or not is_strong_point(from_base64url(x)):
        raise ValueError("x is no strong point")
    if kid != thumbprint(x):
        raise ValueError("kid is not the thumbprint")
    public = jwt.PyJWK({"kty": "OKP", "crv": "Ed25519", "x": x}, algorithm="EdDSA").key
    return kid, Key(member("role"), uri(member("iss")), public)


def thumbprint(x: str) -> str:
    """RFC 7638."""
    digest = hashlib.sha256(f'{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}'.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


# --- Claims: each reader answers the value or raises ValueError ------------------------------------------------------


def text(max_bytes):
    def read(value):
        if not isinstance(value, str) or not 1 <= len(value.encode()) <= max_bytes:
            raise ValueError("no text of that length")
        if re.search("[\x00-\x1f\x7f-\x9f]", value):
            raise ValueError("a control character")
        return value

    return read


def integer(low=0, end=2**53):
    def read(value):
        if not isinstance(value, Number) or not re.fullmatch("[0-9]{1,16}", value.text):
            raise ValueError("no integer")
        if not low <= int(value.text) < end:
            raise ValueError("out of bounds")
        return int(value.text)

    return read


def one_of(*words):
    def read(value):
        if value not in words:
            raise ValueError("no known word")
        return value

    return read


def binary(size):
    def read(value):
        if not isinstance(value, str) or len(from_base64url(value)) != size:
            raise ValueError(f"no {size} bytes")
        return value

    return read


def array(item):
    def read(value):
        if not isinstance(value, list) or len(value) > 64:
            raise ValueError("no array of at most 64 items")
        return [item(each) for each in value]

    return read


def members(required, optional=()):
    """An object with these members, each with its reader; others are left out."""

    def read(value):
        if not isinstance(value, dict):
            raise ValueError("no object")
        if not required.keys() <= value.keys():
            raise ValueError("a member is missing")
        known = {**required, **dict(optional)}
        return {member: known[member](value[member]) for member in known if member in value}

    return read


def amount(value):
    """In ten-thousandths."""
    if isinstance(value, Number):
        value = value.text
    found = isinstance(value, str) and re.fullmatch(r"(0|[1-9][0-9]{0,11})(?:\.([0-9]{1,4}))?", value)
    if not found or int(found[1]) >= 900_000_000_000:
        raise ValueError("no amount")
    return int(found[1]) * 10_000 + int((found[2] or "").ljust(4, "0"))


def term(value):
    if not isinstance(value, str) or not re.fullmatch("permanent|P[1-9][0-9]{0,3}[DMY]", value):
        raise ValueError("no term")
    return value


def attributes(value):
    if not isinstance(value, dict) or len(value) > 64:
        raise ValueError("no map of at most 64 members")
    return {name(key): name(each) for key, each in value.items()}


def package(value):
    read = members(
        {"metric": name, "unit": name, "amount": amount, "reset": one_of("none", "hour", "day", "week", "month", "year")},
        {"total": amount, "share": time, "from": time, "until": time},
    )(value)
    share = {"share", "from", "until"} & read.keys()
    if share and (len(share) != 3 or read["from"] >= read["until"]):
        raise ValueError("half a share")
    return read


def machine(value):
    read = members({"v": one, "k": time, "c": components})(value)
    if read["k"] != needed(len(read["c"])):
        raise ValueError("k is not what the format asks for")
    return read


def components(value):
    if not isinstance(value, dict) or not value or not value.keys() <= {"os", "fw", "brd", "dsk", "net", "fp"}:
        raise ValueError("no components")
    return {key: binary(16)(each) for key, each in value.items()}


def needed(enrolled):
    return {3: 2, 4: 3, 5: 3, 6: 4}.get(enrolled, enrolled)


name, uri, time, one = text(128), text(255), integer(), integer(1, 2)
status = members({"status_list": members({"idx": integer(), "uri": uri})})
policy = members(
    {},
    {
        "status": one_of("require", "prefer", "ignore"),
        "max_status_age": time,
        "max_offline": time,
        "enforcement": one_of("enforce", "warn", "advise"),
        "binding": one_of("hardware", "device-key", "floating", "none"),
    },
)
env = one_of("live", "test")
lic = {"v": one, "env": env, "term": term, "spec": members({"sku": name}, {"attributes": attributes})}
lic_optional = {"quota": array(package), "upd": time, "policy": policy, "grace_secs": time}
common = {"iss": uri, "aud": name, "sub": name, "jti": name, "iat": time, "nbf": time}
common_optional = {"entitlements": array(name), "status": status}
ledger = members({"key": binary(32), "head": binary(32), "seq": time})

read_license = members(
    {**common, "lic": members(lic, {**lic_optional, "machines": integer(1, 2**32)})},
    {**common_optional, "exp": time},
)
read_certificate = members(
    {
        **common,
        "exp": time,
        "lic": members(
            {**lic, "act": name, "gen": integer(), "renew": time},
            {**lic_optional, "end": time, "machine": machine, "ledger": ledger},
        ),
    },
    {**common_optional, "nonce": name, "cnf": members({"jkt": binary(32)})},
)
read_status_list = members(
    {
        "iss": uri,
        "sub": uri,
        "iat": time,
        "exp": time,
        "status_list": members({"bits": integer(2, 3), "lst": text(65_536)}),
        "lic": members({"v": one, "env": env, "seq": integer()}),
    },
    {"ttl": time},
)


def read_claims(typ, payload):
    if typ == "statuslist+jwt":
        claims = read_status_list(payload)
        claims["entries"] = inflate(claims["status_list"]["lst"])
    else:
        claims = (read_license if typ == "license+jwt" else read_certificate)(payload)
        end = claims.get("exp") if typ == "license+jwt" else claims["lic"].get("end")
        if end is None and claims["lic"]["term"] != "permanent":
            raise ValueError("no end, and not permanent")
    if "exp" in claims and claims.get("nbf", claims["iat"]) >= claims["exp"]:
        raise ValueError("an empty span")
    return claims


def inflate(lst):
    """Exactly 2^17 entries of 2 bits; nothing beyond is inflated, nothing may stand behind."""
    stream = zlib.decompressobj()
    try:
        entries = stream.decompress(from_base64url(lst), 32_769)
    except zlib.error as error:
        raise ValueError("no zlib stream") from error
    if len(entries) != 32_768 or not stream.eof or stream.unused_data:
        raise ValueError("not one whole stream of 32,768 bytes")
    return entries


# --- Verification ---------------------------------------------------------------------------------------------------


def judge(keys, token, expected, status_list=None, seen=None):
    """The claims of a token that is good here and now; Refused otherwise."""
    claims = verify(keys, token, expected.typ)
    listed = status_list_for(keys, claims, status_list)
    effective_now = max(expected.now, expected.floor, claims["iat"], listed["iat"] if listed else 0)
    check_recipient(claims, expected)
    check_time(claims, expected, effective_now)
    check_machine(claims, expected)
    check_status(claims, listed, status_list, seen, effective_now)
    check_grants(claims, expected)
    return claims


def verify(keys, token, typ):
    """Steps 1 to 5: the claims of a genuine token of that type."""
    header, payload, signature = parse(token, MAX_BYTES[typ])
    if header.keys() != {"alg", "typ", "kid"} or not all(isinstance(value, str) for value in header.values()):
        raise Refused("bad_header", "not exactly alg, typ and kid")
    if header["alg"] not in ("EdDSA", "Ed25519"):
        raise Refused("bad_header", "another algorithm")
    actual = bare_type(header["typ"])
    key = keys.get(header["kid"])
    if key is None or ROLES.get(actual, key.role) != key.role or payload.get("iss") != key.issuer:
        raise Refused("unknown_key", "not pinned, or of another role or issuer")
    if int.from_bytes(signature[32:], "little") >= L or not is_strong_point(signature[:32]):
        raise Refused("bad_signature", "R or S is not canonical, or R is weak")
    try:
        JWS.decode(token, key.public, algorithms=["EdDSA", "Ed25519"])
    except jwt.InvalidTokenError as error:
        raise Refused("bad_signature", str(error)) from error
    if actual != typ:
        raise Refused("wrong_type", header["typ"])
    try:
        return read_claims(typ, payload) | {"typ": typ}
    except ValueError as error:
        raise Refused("malformed", str(error)) from error


def parse(token, max_bytes):
    """Header, payload and signature. Nothing in them may be believed."""
    try:
        if len(token.encode()) > max_bytes:
            raise ValueError("too long")
        header, payload, signature = token.split(".")
        header, payload = strict_json(from_base64url(header)), strict_json(from_base64url(payload))
        if not isinstance(header, dict) or not isinstance(payload, dict):
            raise ValueError("no JSON objects")
        return header, payload, from_base64url(binary(64)(signature))
    except ValueError as error:
        raise Refused("malformed", str(error)) from error


def bare_type(typ):
    """Lower case by ASCII only, without `application/`."""
    lower = "".join(each.lower() if each.isascii() else each for each in typ)
    return lower.removeprefix("application/")


def check_recipient(claims, expected):
    if claims["iss"] != expected.issuer:
        raise Refused("wrong_issuer")
    if claims.get("aud", expected.audience) != expected.audience:
        raise Refused("wrong_audience")
    if claims["lic"]["env"] != expected.env:
        raise Refused("wrong_environment")


def check_time(claims, expected, effective_now):
    if effective_now < claims.get("nbf", claims["iat"]):
        raise Refused("not_yet_valid")
    if "exp" in claims and effective_now >= claims["exp"]:
        raise Refused("expired")
    if ("exp" in claims or status_rule(claims) == "require") and effective_now - expected.now > DAY:
        raise Refused("clock_suspect")


def check_machine(claims, expected):
    if expected.machine is None or claims["typ"] == "statuslist+jwt":
        return
    binding = claims["lic"].get("policy", {}).get("binding", "hardware")
    if claims["typ"] == "license+jwt":
        if binding != "none":
            raise Refused("activation_required")
        return
    enrolled = claims["lic"].get("machine", {}).get("c", {})
    device_key = claims.get("cnf", {}).get("jkt")
    if not enrolled and device_key is None:
        matches = binding in ("none", "floating")
    else:
        matches = is_machine(enrolled, device_key, expected)
    if not matches:
        raise Refused("wrong_machine")


def is_machine(enrolled, device_key, expected):
    offered = expected.machine
    if device_key is not None and device_key != expected.device_key:
        return False
    if "fw" in enrolled and "fw" in offered and enrolled["fw"] != offered["fw"]:
        return False
    same = {component for component in enrolled if offered.get(component) == enrolled[component]}
    return len(same) >= needed(len(enrolled)) and (device_key is not None or bool(same & {"os", "fw", "fp"}))


def status_list_for(keys, claims, text):
    """The claims of the list that speaks about this token; None when there is none that verifies."""
    if text is None or "status" not in claims:
        return None
    try:
        listed = verify(keys, text, "statuslist+jwt")
    except Refused:
        return None
    address = claims["status"]["status_list"]["uri"]
    fits = listed["sub"] == address and listed["iss"] == claims["iss"] and listed["lic"]["env"] == claims["lic"]["env"]
    return listed if fits else None


def status_rule(claims):
    if claims["typ"] == "statuslist+jwt":
        return "ignore"
    return claims["lic"].get("policy", {}).get("status", "prefer")


def check_status(claims, listed, text, seen, effective_now):
    rule = status_rule(claims)
    if rule == "ignore":
        return
    if listed is None:
        if rule == "require":
            raise Refused("status_missing")
        return
    seq = listed["lic"]["seq"]
    if seen and (seq < seen.seq or listed["iat"] < seen.iat or (seq == seen.seq and seen.text not in (None, text))):
        raise Refused("status_rolled_back")
    index = claims["status"]["status_list"]["idx"]
    if index >= 4 * len(listed["entries"]):
        raise Refused("status_missing", "no entry of this index")
    entry = listed["entries"][index // 4] >> 2 * (index % 4) & 3
    if entry:
        raise Refused({1: "revoked", 2: "suspended", 3: "superseded"}[entry])
    oldest = claims["lic"].get("policy", {}).get("max_status_age")
    stale = effective_now >= listed["exp"] or (oldest is not None and effective_now - listed["iat"] >= oldest)
    if stale and rule == "require":
        raise Refused("status_stale")


def check_grants(claims, expected):
    if not set(expected.entitlements) <= set(claims.get("entitlements", ())):
        raise Refused("not_entitled")
    packages = claims["lic"].get("quota", ())
    for metric, wanted in expected.quota:
        if sum(each["amount"] for each in packages if each["metric"] == metric) < amount(wanted):
            raise Refused("quota_exhausted")
