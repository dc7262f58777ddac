"""Uses interop/python as a customer's software would; told what to do line by line, it answers line by line."""

import json
import sys
from pathlib import Path

sys.path.insert(0, sys.argv[1])

from lictor_activation import Installation, ServerRefused  # noqa: E402
from lictor_license import Refused, load_keys  # noqa: E402

HERE = {"os": "4c4c4544-0042\n", "fw": "03D502E0-045E", "brd": "To be filled by O.E.M."}
ELSEWHERE = {"os": "another-machine-id", "fw": "another-firmware"}


def run(task):
    keys = load_keys(Path(task["keys"]).read_text())
    here = Installation(task["server"], keys, task["issuer"], "acme-cad", "live", Path(task["state"]))
    values, now = ELSEWHERE if task.get("elsewhere") else HERE, task.get("now")
    if task["do"] == "activate":
        return here.activate(task["license_key"], values)
    if task["do"] == "check":
        return here.check(values, now)["lic"]["gen"]
    if task["do"] == "maintain":
        return here.maintain(values, now)
    return here.release()


for line in sys.stdin:
    try:
        answer = {"ok": run(json.loads(line))}
    except (Refused, ServerRefused) as refused:
        answer = {"code": refused.code}
    except OSError:
        answer = {"code": "unreachable"}
    print(json.dumps(answer), flush=True)
