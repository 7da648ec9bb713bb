"""The browser of the tests: any Chromium, but first the one that has no windows to take care of.

Debian's ``chromium-headless-shell`` is the same browser, and takes a fifth less of a processor.
"""

import shutil

PROGRAMS = ("chromium-headless-shell", "chromium", "chromium-browser")


def found() -> str | None:
    return next(filter(None, map(shutil.which, PROGRAMS)), None)
