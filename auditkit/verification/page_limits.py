"""How much there is to draw on a file's pages, found out before a library draws them.

Whoever has a key of their own can sign any pages: such a file is read before anyone has said whom
they trust. A form that draws itself twice, or thirty forms that each draw the next one twice, keep
a PDF library busy for ever, from a few hundred bytes.

Law: what a page may take is bounded from above: its content's bytes, and for every `Do` in it those
of the form that it draws, with what that draws.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, Final, TypeAlias

from pyhanko.pdf_utils.generic import Reference
from pyhanko.pdf_utils.reader import PdfFileReader

from auditkit.errors import VerificationError
from auditkit.verification.attachments import content_of, entry
from auditkit.verification.index_limits import uses_name

_MOST: Final = 48 * 1024 * 1024  # bytes to draw, on all pages; a page of a report takes 50 kB
_MAX_PAGES: Final = 4000
_MAX_DEPTH: Final = 12
_DRAW: Final = re.compile(rb"(?<![A-Za-z])Do(?![A-Za-z])")
_Costs: TypeAlias = dict[Reference, int | None]
_DRAW_NAMED: Final = re.compile(rb"/([A-Za-z0-9]+)\s+Do(?![A-Za-z])")
_TOO_MUCH: Final = "The pages hold more to draw than those of any report."


def check_page_limits(data: bytes, reader: PdfFileReader) -> None:
    """Refuses a file whose pages take longer to read than those of any report.

    Args:
        data: The file.
        reader: Of the same bytes.

    Raises:
        VerificationError: If there is too much on them, or what is on them cannot be read.
    """
    try:
        # In all objects, not from page to page: a report's hundreds of drawings name their fonts
        # one by one.
        if uses_name(data, reader, "/Type3"):
            raise VerificationError(  # noqa: TRY301
                "A font of the file draws its letters; none of a report does."
            )
        left = _MOST
        costs: _Costs = {}
        for page, resources in _pages(reader.root["/Pages"]):
            left -= _page_cost(page, resources, costs)
            if left < 0:
                raise VerificationError(_TOO_MUCH)  # noqa: TRY301
    except VerificationError:
        raise
    except Exception as error:  # hostile files end in errors of any type
        raise VerificationError("The pages cannot be read.") from error


def _pages(root: Any) -> Iterator[tuple[Any, Any]]:
    """Each page with its resources, which it may have from the nodes above it."""
    waiting: list[tuple[Any, Any, int]] = [(root, {}, 0)]
    visited = 0
    while waiting:
        node, inherited, depth = waiting.pop()
        visited += 1
        if depth > _MAX_DEPTH or visited > 2 * _MAX_PAGES:
            raise VerificationError("The PDF has more pages than any report.")
        resources = entry(node, "/Resources", inherited)
        if "/Kids" not in node:
            yield node, resources
            continue
        children = node["/Kids"]
        if len(children) > _MAX_PAGES:
            raise VerificationError("The PDF has more pages than any report.")
        waiting += [(children[at], resources, depth + 1) for at in range(len(children))]


def _page_cost(page: Any, resources: Any, costs: _Costs) -> int:
    content = entry(page, "/Contents", ())
    parts = [content] if hasattr(content, "encoded_data") else [*_items(content)]
    return sum(_cost(part, lambda: resources, costs) for part in parts)


def _cost(stream: Any, resources_of: Callable[[], Any], costs: _Costs) -> int:
    """A content stream's bytes, and for every `Do` those of the form that it draws.

    Where a name is not written plainly before it, it may be any of the forms: the costliest counts.
    """
    content = content_of(stream, _MOST, what="pages")
    drawn = len(_DRAW.findall(content))
    if not drawn:
        return len(content)
    resources = resources_of()
    if resources is None:
        raise VerificationError("A drawing of the file does not say what it draws.")
    forms = entry(resources, "/XObject", {})
    named = [f"/{name.decode('latin-1')}" for name in _DRAW_NAMED.findall(content)]
    if len(named) == drawn and all(name in forms for name in named):
        cost = sum(_form_cost(forms, name, costs) for name in named)
    else:
        cost = drawn * max((_form_cost(forms, name, costs) for name in forms), default=0)
    return min(len(content) + cost, _MOST + 1)


def _form_cost(forms: Any, name: str, costs: _Costs) -> int:
    form, reference = forms[name], forms.raw_get(name).reference
    if entry(form, "/Subtype", None) == "/Image":
        return 0
    if reference not in costs:
        costs[reference] = None  # not known yet: whoever meets it now is drawn by it
        if len([cost for cost in costs.values() if cost is None]) > _MAX_DEPTH:
            raise VerificationError(_TOO_MUCH)
        costs[reference] = _cost(form, lambda: entry(form, "/Resources", None), costs)
    found = costs[reference]
    if found is None:
        raise VerificationError("A drawing of the file draws itself.")
    return found


def _items(array: Any) -> Iterator[Any]:
    for at in range(len(array)):
        yield array[at]
