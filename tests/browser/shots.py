"""Pictures of the console's main states to look at: ``python -m tests.browser.shots DIR``.

They are taken by the browser tests on their way, so that what is looked at is what is tested.
"""

import os
import sys
from pathlib import Path

import pytest


def main() -> int:
    """Run the browser tests and keep their pictures in the folder that is named."""
    if len(sys.argv) < 2:
        sys.stderr.write("usage: python -m tests.browser.shots DIR [pytest's options]\n")
        return 2
    folder = Path(sys.argv[1]).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    os.environ["SHOTS"] = str(folder)
    failed = pytest.main(["-q", str(Path(__file__).parent), *sys.argv[2:]])
    sys.stdout.write(f"{len(list(folder.glob('*.png')))} pictures in {folder}\n")
    return int(failed)


if __name__ == "__main__":
    raise SystemExit(main())
