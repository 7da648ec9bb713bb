"""What import contracts cannot say: who may import which library, and how large things may grow.

Run by ``make check``; prints one line per fault and exits 1 if there is any. Reads the syntax
trees only, so it sees imports inside functions too.
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
FOLDERS = ("tgd", "firmware_sim", "bench", "tests")
LONGEST_MODULE = 400
LONGEST_SUITE = 700
"""A file of tests is read a test at a time."""
LONGEST_FUNCTION = 60

ONLY_IN = {
    "paho": ("tgd/devices/mqtt.py",),
    "asyncpg": ("tgd/store/",),
    "shapely": ("tgd/geo/",),
    "aiohttp.web": (
        "tgd/web/",
        "tgd/demo/salle.py",
        "tgd/demo/salle_page.py",
        "tgd/demo/phones_page.py",
    ),
    "firmware_sim": (),
}
"""Inside ``tgd``: the library, and the only places that import it."""


def main() -> int:
    faults = [fault for path in _modules() for fault in _faults(path)]
    for fault in faults:
        sys.stdout.write(f"{fault}\n")
    return 1 if faults else 0


def _modules() -> Iterator[Path]:
    for folder in FOLDERS:
        yield from sorted((ROOT / folder).rglob("*.py"))


def _faults(path: Path) -> Iterator[str]:
    name = path.relative_to(ROOT).as_posix()
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text, name)
    lines = text.count("\n")
    longest = LONGEST_SUITE if name.startswith("tests/") else LONGEST_MODULE
    if lines > longest:
        yield f"{name}: {lines} lines, at most {longest}"
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > LONGEST_FUNCTION:
                yield f"{name}:{node.lineno}: {node.name} has {length} lines, at most 60"
        if name.startswith("tgd/"):
            yield from _misplaced(name, node)


def _misplaced(name: str, node: ast.AST) -> Iterator[str]:
    for imported in _imported(node):
        for library, places in ONLY_IN.items():
            inside = imported == library or imported.startswith(library + ".")
            if inside and not name.startswith(places):
                where = " and ".join(places) or "no module of tgd"
                yield f"{name}:{node.lineno}: {library} may be imported by {where} only"


def _imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom) and node.module and not node.level:
        return [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return []


if __name__ == "__main__":
    sys.exit(main())
