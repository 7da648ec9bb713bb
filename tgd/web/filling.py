"""The texts of a page written into its HTML, before any browser sees it.

Serves the pages: what stands in a template is ``data-t="key"`` on an empty element, and
``data-t-label="key"`` where only those hear it who do not see. Promises: a page reads right in the
first language (or the one that the element itself names by ``lang``) before its script has run, and
the texts are escaped. The script writes the same places anew in the language that was chosen.
"""

import html
import re
from importlib import resources

from tgd.web.catalogue import LANGUAGES, PACKAGE, catalogue

_TAG = re.compile(r"<(?P<name>[a-z][a-z0-9]*)(?P<attributes>\s[^<>]*\bdata-t(?:-label)?=[^<>]*)>")
_ATTRIBUTE = re.compile(r'\s(data-t|data-t-label|lang)="([^"]*)"')


def whole(page: str) -> str:
    """Return a template with the parts that several pages have, ``{{login}}`` say."""
    for part in resources.files(PACKAGE).joinpath("static", "parts").iterdir():
        blank = f"{{{{{part.name.removesuffix('.html')}}}}}\n"
        page = page.replace(blank, part.read_text(encoding="utf-8"))
    return page


def filled(page: str, name: str, package: str = PACKAGE) -> str:
    """Return a page with its languages and its texts, out of the catalogue of that name."""
    page = (
        whole(page)
        .replace("{{language}}", LANGUAGES[0])
        .replace("{{languages}}", " ".join(LANGUAGES))
    )

    def said(tag: re.Match[str]) -> str:
        attributes = dict(_ATTRIBUTE.findall(tag["attributes"]))
        words = catalogue(name, attributes.get("lang", LANGUAGES[0]), package)
        label = attributes.get("data-t-label")
        named = f' aria-label="{html.escape(words.text(label, {}))}"' if label else ""
        key = attributes.get("data-t")
        text = html.escape(words.text(key, {}), quote=False) if key else ""
        return f"<{tag['name']}{tag['attributes']}{named}>{text}"

    return _TAG.sub(said, page)
