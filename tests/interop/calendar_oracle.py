"""The oracle in Python: what does dateutil make of a term, a quota window, a total?

JSON lines in, as docs/calendar.md describes them without their answers; JSON lines out, the answers.
"""

import json
import sys
from datetime import datetime, timedelta, timezone
from decimal import Decimal

from dateutil.parser import isoparse
from dateutil.relativedelta import MO, relativedelta

STEPS = {
    "hour": relativedelta(hours=1),
    "day": relativedelta(days=1),
    "week": relativedelta(weeks=1),
    "month": relativedelta(months=1),
    "year": relativedelta(years=1),
}
MIDNIGHT = {"hour": 0, "minute": 0, "second": 0}
CALENDAR = {
    "hour": relativedelta(minute=0, second=0),
    "day": relativedelta(**MIDNIGHT),
    "week": relativedelta(weekday=MO(-1), **MIDNIGHT),
    "month": relativedelta(day=1, **MIDNIGHT),
    "year": relativedelta(month=1, day=1, **MIDNIGHT),
}
UNITS = {"D": "days", "M": "months", "Y": "years"}


def text(at):
    return at and at.astimezone(timezone.utc).strftime(f"{at.year:04}-%m-%dT%H:%M:%SZ")


def phase(start, end, at):
    if at < start:
        return "before"
    return "within" if end is None or at < end else "after"


def add(question):
    start, term = isoparse(question["start"]), question["term"]
    end = None
    if term != "permanent":
        count = int(term[1:-1]) * question["times"]
        try:
            end = start + relativedelta(**{UNITS[term[-1]]: count})
        except (OverflowError, ValueError):
            return {"beyond": True}
    answer = {"end": text(end)}
    if "at" in question:
        answer["phase"] = phase(start, end, isoparse(question["at"]))
    return answer


def ordinal_of(reset, origin, at):
    if reset in ("month", "year"):
        passed = relativedelta(at, origin)
        return passed.years * 12 + passed.months if reset == "month" else passed.years
    return (at - origin) // timedelta(hours={"hour": 1, "day": 24, "week": 168}[reset])


def windows(question):
    start, at = isoparse(question["start"]), isoparse(question["at"])
    end = question["end"] and isoparse(question["end"])
    reset = question["reset"]
    if phase(start, end, at) != "within":
        return {"starts_at": None, "ends_at": None, "ordinal": None}
    if reset == "none":
        return {"starts_at": text(start), "ends_at": text(end), "ordinal": 0}
    origin = start if question["window"] == "anniversary" else start + CALENDAR[reset]
    ordinal = ordinal_of(reset, origin, at)
    begins = max(origin + STEPS[reset] * ordinal, start)
    try:
        ends = origin + STEPS[reset] * (ordinal + 1)
    except (OverflowError, ValueError):
        # Beyond what Python can say: only the end of the validity is left.
        ends = end
    if ends is None:
        return {"starts_at": None, "ends_at": None, "ordinal": None}
    return {"starts_at": text(begins), "ends_at": text(ends if end is None else min(ends, end)), "ordinal": ordinal}


def windows_paid(start, end, reset):
    """A last window that is cut counts, unless the end of months or years was only rounded up."""
    ordinal = ordinal_of(reset, start, end)
    cut = end - (start + STEPS[reset] * ordinal)
    rounded_up = timedelta(hours=48) if reset in ("month", "year") else timedelta(0)
    return ordinal if ordinal > 0 and cut <= rounded_up else ordinal + 1


def total(question):
    start, end = isoparse(question["start"]), question["end"] and isoparse(question["end"])
    reset, amount = question["reset"], Decimal(question["amount"])
    if reset != "none" and end is None:
        return {"windows": None, "total": None}
    windows = 1 if reset == "none" else windows_paid(start, end, reset)
    if amount * windows >= 900_000_000_000:
        return {"beyond": True}
    return {"windows": windows, "total": f"{(amount * windows).normalize():f}"}


CHECKS = {"add": add, "windows": windows, "total": total}

for line in sys.stdin:
    question = json.loads(line)
    print(json.dumps(CHECKS[question["check"]](question)))
