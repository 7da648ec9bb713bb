"""What catalogues hold, and which texts pages and program ask for, read out of the source."""

import ast
import re
from dataclasses import dataclass, field
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po

from tgd.web.filling import whole

TGD = Path(__file__).parents[1] / "tgd"
LANGUAGES = ("fr", "en")
BLANK = re.compile(r"{(\w+)}")
_CALL = re.compile(r"(?<![\w$])t\(")
_LITERAL = re.compile(r'"((?:[^"\\\n]|\\.)*)"')
_IMPORT = re.compile(r'from "\./(\w+)\.js"')


def po(folder: Path, name: str, language: str) -> Path:
    return folder / "locale" / language / "LC_MESSAGES" / f"{name}.po"


def raw(path: Path) -> Catalog:
    with path.open("rb") as file:
        return read_po(file, abort_invalid=True)


def entries(folder: Path, name: str, language: str) -> dict[tuple[str, str], tuple[str, ...]]:
    """The texts of one catalogue, by family ("" for none) and key."""
    found = {}
    for one in raw(po(folder, name, language)):
        if one.id:
            key = one.id if isinstance(one.id, str) else one.id[0]
            said = (one.string,) if isinstance(one.string, str) else tuple(one.string)
            found[one.context or "", key] = said
    return found


def families(folder: Path, name: str, language: str) -> dict[str, dict[str, str]]:
    """The words for codes, the pages' shared ones among them: the first form of each."""
    found: dict[str, dict[str, str]] = {}
    for catalogue in ("pages", name):
        where = TGD / "web" if catalogue == "pages" else folder
        for (family, key), forms in entries(where, catalogue, language).items():
            if family:
                found.setdefault(family, {})[key] = forms[0]
    return found


@dataclass
class Asked:
    """What a page's source asks for: surely (``texts``, ``families``), and perhaps (``spoken``)."""

    texts: set[str] = field(default_factory=set)
    families: set[str] = field(default_factory=set)
    spoken: set[str] = field(default_factory=set)

    def add(self, other: "Asked") -> None:
        self.texts |= other.texts
        self.families |= other.families
        self.spoken |= other.spoken


def asked_by_page(html: Path, *also: Path) -> Asked:
    """What a page and the scripts that it loads ask for."""
    page = whole(html.read_text())
    found = Asked(texts=set(re.findall(r'\bdata-t(?:-label)?="(\w+)"', page)))
    waiting = {html.parent / f"{name}.js" for name in re.findall(r'src="[^"]*/(\w+)\.js"', page)}
    read: set[Path] = set()
    while waiting:
        script = waiting.pop()
        read.add(script)
        path = next(one for one in (script, *(a / script.name for a in also)) if one.exists())
        text = path.read_text()
        found.add(asked_by_script(text))
        waiting |= {html.parent / f"{name}.js" for name in _IMPORT.findall(text)} - read
    return found


def asked_by_script(text: str) -> Asked:
    text = re.sub(r"^\s*//.*$|\s// .*$", "", text, flags=re.MULTILINE)
    found = Asked(spoken=set(_LITERAL.findall(text)))
    for stem in re.findall(r"`(\w+_)\$\{", text):  # `heard_${who}`
        found.spoken.add(f"{stem}*")
    found.families |= set(re.findall(r'(?<![\w$])family\("(\w+)"\)', text))
    for call in _CALL.finditer(text):
        first, several = _first_argument(text[call.end() :])
        # A condition's own literals are not asked for: what is, stands after it.
        keys = set(_LITERAL.findall(first.split("?")[-1] if "?" in first else first))
        (found.families if several else found.texts).update(keys)
    return found


def _first_argument(rest: str) -> tuple[str, bool]:
    """The source of the first argument, and whether a code follows it rather than blanks."""
    depth = 0
    for place, sign in enumerate(rest):
        if sign in "([{":
            depth += 1
        elif sign in ")]}":
            depth -= 1
            if depth < 0:
                return rest[:place], False
        elif sign == "," and depth == 0:
            return rest[:place], not re.match(r"\s*(\{|said\)|given\))", rest[place + 1 :])
    raise AssertionError(rest[:40])


def asked_by_program(*paths: Path) -> Asked:
    """What Python asks of its ``words``."""
    found = Asked()
    for path in paths:
        for node in ast.walk(ast.parse(path.read_text())):
            match node:
                case ast.Constant(value=str() as text):
                    found.spoken.add(text)
                case ast.Call(func=ast.Name(id="words") | ast.Attribute(attr="words" | "_words")):
                    found.texts |= _texts(node.args[0])
                case ast.Call(func=ast.Attribute(attr="code"), args=[ast.Constant() as family, *_]):
                    found.families |= _texts(family)
    return found


def _texts(node: ast.expr) -> set[str]:
    if isinstance(node, ast.IfExp):
        return _texts(node.body) | _texts(node.orelse)
    return {node.value} if isinstance(node, ast.Constant) else set()
