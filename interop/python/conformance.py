"""Answers the questions of `lictor conformance run`: docs/conformance.md."""

import functools
import json
import sys

from lictor_license import Expected, Refused, Seen, judge, load_keys


@functools.lru_cache(maxsize=8)
def pinned(text):
    try:
        return load_keys(text)
    except ValueError:
        return {}  # a set that is refused verifies nothing


def answer(question):
    expect, seen = question["expect"], question.get("seen")
    expected = Expected(
        typ=expect["typ"],
        issuer=expect["iss"],
        audience=expect["aud"],
        env=expect["env"],
        now=expect["now"],
        floor=expect.get("floor", 0),
        machine=expect.get("machine"),
        device_key=expect.get("device_key"),
        entitlements=tuple(expect.get("entitlements", ())),
        quota=tuple((need["metric"], need["amount"]) for need in expect.get("quota", ())),
    )
    if seen:
        seen = Seen(seen["seq"], seen["iat"], seen.get("status_list"))
    try:
        judge(pinned(question["keys"]), question["token"], expected, question.get("status_list"), seen)
    except Refused as refused:
        return {"id": question["id"], "valid": False, "code": refused.code}
    return {"id": question["id"], "valid": True, "code": None}


for line in sys.stdin.buffer:
    print(json.dumps(answer(json.loads(line))))
