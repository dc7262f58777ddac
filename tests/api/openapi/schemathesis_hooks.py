"""What schemathesis cannot know: ids of what is there, and what would saw off the branch that it sits on.

Every call that was answered goes to the file LICTOR_CALLS_FILE as `operationId status`.
"""

import json
import os
import re
import zlib

import schemathesis

# {"lic": ["lic_…", …], …}: by the prefix of an id.
THERE = json.loads(os.environ["LICTOR_THERE"])
# The token that the calls are made with.
OWN_TOKEN = os.environ["LICTOR_OWN_TOKEN_ID"]
CALLS = open(os.environ["LICTOR_CALLS_FILE"], "a", buffering=1, encoding="utf-8")
OWN_ID = re.compile(r"([a-z]{3})_[0-9A-Za-z]{22}")


def there(value):
    """Two of three well-formed ids of nothing become ids of something."""
    form = isinstance(value, str) and OWN_ID.fullmatch(value)
    known = THERE.get(form.group(1), []) if form else []
    number = zlib.crc32(value.encode()) if known else 0
    return known[number // 3 % len(known)] if known and number % 3 else value


@schemathesis.hook
def before_call(context, case, kwargs):
    path = case.path_parameters or {}
    for name, value in path.items():
        path[name] = there(value)
    body = case.body
    if isinstance(body, dict):
        for name, value in body.items():
            body[name] = there(value)
    operation = case.operation.definition.raw.get("operationId")
    if operation == "api_tokens_revoke" and path.get("id") == OWN_TOKEN:
        # Every later call would be answered 401.
        path["id"] = "tok_0000000000000000000000"
    if operation == "moving_leave" and isinstance(body, dict) and isinstance(body.get("move"), str):
        # The move that has the store stopped could be guessed; the server would then rightly answer 503 for ever.
        body["move"] = "another " + body["move"]


@schemathesis.hook
def after_call(context, case, response):
    operation = case.operation.definition.raw.get("operationId")
    CALLS.write(f"{operation} {response.status_code}\n")
