"""A place that nothing may show, and how its traces are found in texts and in bytes."""

import struct

LAT, LON = 47.731942, 2.864209
PLACE = {"lat": LAT, "lon": LON, "acc": 9.0, "pm": "G"}

_DIGITS = [*("47.731", "47,731", "47731942", "477319420"), *("2.8642", "2,8642", "2864209")]
_TEXTS = [(text, text.encode()) for text in _DIGITS]
_FIGURES = [
    (f"{figure} as {form}", struct.pack(form, figure))
    for figure in (LAT, LON)
    for form in (">d", "<d", ">f")
]


def traces(of: str | bytes) -> list[str]:
    """The forms of the coordinates that are in it: digits, floats, either in hexadecimal."""
    raw = of.encode("utf-8", "surrogatepass") if isinstance(of, str) else of
    found = [name for name, packed in (*_TEXTS, *_FIGURES) if packed in raw]
    if isinstance(of, str):  # bytes are shown so in a table's text
        lower = raw.lower()
        found += [f"{name} in hex" for name, p in (*_TEXTS, *_FIGURES) if p.hex().encode() in lower]
    return found
