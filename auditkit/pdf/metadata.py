"""Whether two PDFs say the same of themselves in their XMP metadata, which programs rewrite."""

from __future__ import annotations

from collections import Counter
from typing import Any, Final
from xml.etree.ElementTree import Element, ParseError, TreeBuilder, XMLParser

_RDF: Final = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
_XMP: Final = "{http://ns.adobe.com/xap/1.0/}"
# What the program that saved a file may say of itself.
_SAVED: Final = {
    "{http://ns.adobe.com/pdf/1.3/}Producer",
    f"{_XMP}ModifyDate",
    f"{_XMP}MetadataDate",
    "{adobe:ns:meta/}xmptk",
}
# How a value is written, which is not part of what it says.
_FORM: Final = {
    *(f"{_RDF}{name}" for name in ("about", "parseType")),
    "{http://www.w3.org/XML/1998/namespace}lang",
}
_DEEPEST: Final = 40


def same_metadata(one: bytes, other: bytes) -> bool:
    """Whether each property has the same values, but for who saved the file last and when.

    Call it in a child process.

    Args:
        one: An XMP packet.
        other: Another, perhaps of another program.
    """
    try:
        return _properties(one) == _properties(other)
    except (ParseError, ValueError, RecursionError):
        return False


class _Plain(TreeBuilder):
    """Refuses what no XMP packet of a report has."""

    def doctype(self, *_: Any) -> None:
        """Refuses definitions, by which a short text can become a long one."""
        raise ValueError

    def comment(self, text: str | None) -> Any:  # noqa: ARG002 - its interface
        """Refuses comments, which nobody sees."""
        raise ValueError


def _properties(packet: bytes) -> Counter[tuple[str, str]]:
    parser = XMLParser(target=_Plain())  # noqa: S314 - refuses definitions, and has limits
    parser.feed(packet)
    found: Counter[tuple[str, str]] = Counter()
    waiting: list[tuple[Element, str, int]] = [(parser.close(), "", 0)]
    while waiting:
        element, name, depth = waiting.pop()
        if depth > _DEEPEST:
            raise ValueError
        if not element.tag.startswith(_RDF):
            name = element.tag
        said = [(name, element.text or ""), (name, element.tail or "")]
        for key, value in element.attrib.items():
            said.append((name if key.startswith(_RDF) else key, "" if key in _FORM else value))
        for key, value in said:
            if key not in _SAVED and value.strip():
                found[key, value.strip()] += 1
        waiting += [(inner, name, depth + 1) for inner in element]
    return found
