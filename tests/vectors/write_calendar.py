"""Writes calendar.jsonl, the published cases: python3 tests/vectors/write_calendar.py > tests/vectors/calendar.jsonl

The answers come from the rule in docs/calendar.md, over days counted in whole numbers: no library that knows a calendar
takes part. The same file comes out every time.
"""

import json

YEAR_MAX = 9999
DAY = 86_400
# What a marketplace may add to an end when it rounds it up.
ROUNDED_END = 48 * 3_600
# Ten-thousandths of a unit.
UNIT = 10_000
AMOUNT_MAX = 900_000_000_000 * UNIT
RESETS = {"hour": 3_600, "day": DAY, "week": 7 * DAY, "month": 1, "year": 12}
UNITS = {"D": "days", "M": 1, "Y": 12}


# --- days, months and instants; an instant is a number of seconds since the first day of the year 1


def is_leap(year):
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def month_length(year, month):
    if month == 2:
        return 29 if is_leap(year) else 28
    return 30 if month in (4, 6, 9, 11) else 31


def days_before(year):
    past = year - 1
    return past * 365 + past // 4 - past // 100 + past // 400


def instant(year, month, day, second=0):
    days = days_before(year) + sum(month_length(year, each) for each in range(1, month)) + day - 1
    return days * DAY + second


def civil(at):
    days, second = divmod(at, DAY)
    year = days // 366 + 1
    while days_before(year + 1) <= days:
        year += 1
    day, month = days - days_before(year) + 1, 1
    while day > month_length(year, month):
        day -= month_length(year, month)
        month += 1
    return year, month, day, second


def plus_months(at, months):
    year, month, day, second = civil(at)
    months += year * 12 + month - 1
    year, month = months // 12, months % 12 + 1
    return instant(year, month, min(day, month_length(year, month)), second)


END_OF_CALENDAR = instant(YEAR_MAX + 1, 1, 1)


def read(text):
    date, time = text[:-1].split("T")
    hour, minute, second = (int(part) for part in time.split(":"))
    return instant(*(int(part) for part in date.split("-")), hour * 3_600 + minute * 60 + second)


def write(at):
    if at is None:
        return None
    year, month, day, second = civil(at)
    minutes, second = divmod(second, 60)
    return f"{year:04}-{month:02}-{day:02}T{minutes // 60:02}:{minutes % 60:02}:{second:02}Z"


# --- the rule


def end_after(start, term, times):
    """The end of so many terms counted from the start; None is permanent. Raises beyond the calendar."""
    if term == "permanent":
        return None
    count, unit = int(term[1:-1]) * times, UNITS[term[-1]]
    end = start + count * DAY if unit == "days" else plus_months(start, count * unit)
    if end >= END_OF_CALENDAR:
        raise OverflowError
    return end


def phase(start, end, at):
    if at < start:
        return "before"
    return "within" if end is None or at < end else "after"


def calendar_start(reset, at):
    if reset in ("month", "year"):
        year, month, _, _ = civil(at)
        return instant(year, month if reset == "month" else 1, 1)
    # The first day of the year 1 is a Monday.
    return at - at % RESETS[reset]


def boundary(origin, reset, ordinal):
    step = RESETS[reset] * ordinal
    return plus_months(origin, step) if reset in ("month", "year") else origin + step


def window(start, end, reset, alignment, at):
    """(start, end, ordinal) of the window that covers `at`, cut where the validity is; None outside the validity."""
    if phase(start, end, at) != "within":
        return None
    if reset == "none":
        return start, end, 0
    origin = start if alignment == "anniversary" else calendar_start(reset, start)
    if reset in ("month", "year"):
        (year, month, _, _), (first_year, first_month, _, _) = civil(at), civil(origin)
        ordinal = ((year - first_year) * 12 + month - first_month) // RESETS[reset]
    else:
        ordinal = (at - origin) // RESETS[reset]
    if boundary(origin, reset, ordinal) > at:
        ordinal -= 1
    begins, ends = boundary(origin, reset, ordinal), boundary(origin, reset, ordinal + 1)
    ends = ends if end is None else min(ends, end)
    return (max(begins, start), ends, ordinal) if ends < END_OF_CALENDAR else None


def windows_paid(start, end, reset):
    """For how many windows was paid; None when they go on for ever."""
    if reset == "none":
        return 1
    if end is None:
        return None
    count = 1
    while boundary(start, reset, count) < end:
        count += 1
    rounds = reset in ("month", "year") and end - boundary(start, reset, count - 1) <= ROUNDED_END
    return count - 1 if rounds and count > 1 else count


# --- the cases


def add(start, term, times, at=None):
    case = {"check": "add", "start": start, "term": term, "times": times}
    try:
        end = end_after(read(start), term, times)
    except OverflowError:
        print(json.dumps(case | {"beyond": True}))
        return
    if at is not None:
        case["at"] = at
        print(json.dumps(case | {"end": write(end), "phase": phase(read(start), end, read(at))}))
    else:
        print(json.dumps(case | {"end": write(end)}))


def windows(start, end, reset, alignment, at):
    case = {"check": "windows", "start": start, "end": end, "reset": reset, "window": alignment, "at": write(at)}
    found = window(read(start), end and read(end), reset, alignment, at)
    begins, ends, ordinal = found or (None, None, None)
    print(json.dumps(case | {"starts_at": write(begins), "ends_at": write(ends), "ordinal": ordinal}))


def total(start, end, reset, amount):
    case = {"check": "total", "start": start, "end": write(end), "reset": reset, "amount": amount}
    count = windows_paid(read(start), end, reset)
    if count is None:
        print(json.dumps(case | {"windows": None, "total": None}))
        return
    units, _, decimals = amount.partition(".")
    whole = (int(units) * UNIT + int(decimals.ljust(4, "0"))) * count
    if whole >= AMOUNT_MAX:
        print(json.dumps(case | {"beyond": True}))
        return
    units, decimals = divmod(whole, UNIT)
    text = f"{units}.{decimals:04}".rstrip("0").rstrip(".")
    print(json.dumps(case | {"windows": count, "total": text}))


def month_ends():
    for year in (2023, 2024, 2026, 2100):
        for month in range(1, 13):
            start = write(instant(year, month, month_length(year, month), 36_000 + month))
            for term in ("P1M", "P3M", "P1Y", "P7M"):
                for times in (1, 2, 13):
                    add(start, term, times)
    for month in (1, 3, 5, 8, 12):
        for day in (27, 28, 29, 30, 31):
            for times in range(1, 13):
                add(write(instant(2027, month, day, 86_399)), "P1M", times)


def leap_years():
    for year in (1896, 1996, 2000, 2096, 2024, 2396):
        for term, times in (("P1Y", 1), ("P1Y", 3), ("P4Y", 1), ("P1Y", 8), ("P12M", 4), ("P48M", 1), ("P11M", 5), ("P400Y", 1)):
            add(write(instant(year, 2, 29)), term, times)
            add(write(instant(year, 2, 28, 43_200)), term, times)
    for term in ("P1D", "P2D", "P3D", "P180D", "P365D", "P366D"):
        for start in ("2024-02-28T00:00:00Z", "2025-02-28T00:00:00Z", "2100-02-28T12:00:00Z", "2000-02-28T23:59:59Z"):
            for times in (1, 2):
                add(start, term, times)


# Where clocks are put forward and back: Berlin, New York, Shanghai (1986 to 1991), Lord Howe Island.
CLOCK_CHANGES = (
    "2026-03-29T01:00:00Z", "2026-10-25T01:00:00Z", "2026-03-08T07:00:00Z", "2026-11-01T06:00:00Z",
    "1986-05-03T18:00:00Z", "1991-09-14T17:00:00Z", "2026-04-04T15:00:00Z", "2026-10-03T15:30:00Z",
)


def clock_changes():
    for change in CLOCK_CHANGES:
        for second in (-DAY, -3_600, -1, 0, 1):
            for term in ("P1D", "P1M", "P6M"):
                add(write(read(change) + second), term, 1)
        for second in (-1, 0, 1):
            for reset in ("hour", "day"):
                for alignment in ("anniversary", "calendar"):
                    start = write(read(change) - 3 * DAY - 1_800)
                    windows(start, None, reset, alignment, read(change) + second)


def end_of_calendar():
    for start in ("9998-12-31T23:59:59Z", "9999-01-01T00:00:00Z", "9999-11-30T00:00:00Z", "9999-12-31T23:59:59Z"):
        for term in ("P1D", "P31D", "P1M", "P12M", "P1Y", "permanent"):
            add(start, term, 1)
    add("9000-01-31T00:00:00Z", "P1200M", 9)
    add("9000-01-31T00:00:00Z", "P1200M", 10)
    add("2026-01-31T00:00:00Z", "P1200Y", 6)
    add("2026-01-31T00:00:00Z", "P1200Y", 7)
    add("2026-01-31T00:00:00Z", "P1200Y", 4_000_000)
    add("2026-01-31T00:00:00Z", "P1200D", 4_000_000)
    for reset in RESETS:
        for alignment in ("anniversary", "calendar"):
            start = "9999-10-31T05:00:00Z" if reset != "year" else "9990-02-28T05:00:00Z"
            end = "9999-12-31T23:59:59Z"
            for at in ("9999-11-29T23:59:59Z", "9999-11-30T05:00:00Z", "9999-12-31T23:59:58Z", end):
                windows(start, end, reset, alignment, read(at))
                windows(start, None, reset, alignment, read(at))


def edges_of_terms():
    for start in ("2026-01-31T10:00:00Z", "2024-02-29T23:59:59Z", "2027-12-31T00:00:00Z", "2026-06-15T12:30:45Z"):
        for term, times in (("P1M", 1), ("P1M", 2), ("P1Y", 1), ("P14D", 1), ("P4Y", 1)):
            end = end_after(read(start), term, times)
            for at in (read(start), end):
                for second in (-1, 0, 1):
                    add(start, term, times, write(at + second))
        for at in (read(start) - 1, read(start), END_OF_CALENDAR - 1):
            add(start, "permanent", 1, write(at))


VALIDITIES = (
    ("2026-01-31T10:00:00Z", "2027-01-31T10:00:00Z"),
    ("2024-02-29T23:59:59Z", "2028-02-29T23:59:59Z"),
    ("2026-03-28T22:15:00Z", "2026-05-10T00:00:00Z"),
    ("2027-12-31T00:00:00Z", "2029-12-31T00:00:00Z"),
    ("2026-06-01T00:00:00Z", "2028-06-01T00:00:00Z"),
    ("2026-08-30T06:30:30Z", None),
)


def edges_of_windows():
    for start, end in VALIDITIES:
        first, last = read(start), end and read(end)
        for reset in ("none", *RESETS):
            for alignment in ("anniversary", "calendar"):
                instants = {first, last or first + 400 * DAY}
                if reset != "none":
                    origin = first if alignment == "anniversary" else calendar_start(reset, first)
                    instants |= {boundary(origin, reset, ordinal) for ordinal in (1, 2, 3, 7, 13)}
                for at in sorted(instants):
                    for second in (-1, 0, 1):
                        windows(start, end, reset, alignment, at + second)


def totals():
    for start in ("2026-01-31T10:00:00Z", "2024-02-29T23:59:59Z", "2027-12-31T00:00:00Z"):
        for term in ("P1M", "P13M", "P1Y", "P14D", "P3D"):
            for times in (1, 2):
                end = end_after(read(start), term, times)
                for reset in ("none", *RESETS):
                    amount = {"none": "500", "hour": "0.0001", "day": "12.75", "week": "1000.5"}.get(reset, "333.3333")
                    for second in (-1, 0, 1, ROUNDED_END, ROUNDED_END + 1):
                        total(start, end + second, reset, amount)
    for reset in ("none", *RESETS):
        total("2026-01-31T10:00:00Z", None, reset, "7")
        total("9999-01-31T10:00:00Z", read("9999-12-31T23:59:59Z"), reset, "0.5")
        total("2026-01-31T10:00:00Z", read("2028-02-01T10:00:00Z"), reset, "899999999999.9999")


month_ends()
leap_years()
clock_changes()
end_of_calendar()
edges_of_terms()
edges_of_windows()
totals()
