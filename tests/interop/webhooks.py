"""The Standard Webhooks library for Python: does it accept an event, and how does it sign one?

JSON lines in: {"secret", "id", "timestamp", "body"} to sign, the same with "signature" to verify; `timestamp` in seconds.
JSON lines out, one per line read: {"signature"}, or {"valid"} with "why" when it is false. It goes by the machine's clock.
"""

import json
import sys
from datetime import datetime, timezone

from standardwebhooks import Webhook


def answer(line):
    question = json.loads(line)
    webhook = Webhook(question["secret"])
    if "signature" not in question:
        sent_at = datetime.fromtimestamp(int(question["timestamp"]), tz=timezone.utc)
        return {"signature": webhook.sign(question["id"], sent_at, question["body"])}
    headers = {
        "webhook-id": question["id"],
        "webhook-timestamp": str(question["timestamp"]),
        "webhook-signature": question["signature"],
    }
    try:
        webhook.verify(question["body"], headers)
    except Exception as error:  # whatever a broken event makes the library raise, it was not accepted
        return {"valid": False, "why": f"{type(error).__name__}: {error}"}
    return {"valid": True}


for line in sys.stdin:
    print(json.dumps(answer(line)))
