"""The packaged lists of words: common names, and words that are not names."""

from __future__ import annotations

import re
from functools import cache

from auditkit.resources import data_path


def given_names() -> frozenset[str]:
    """Common given names, lower-case."""
    return _words("given_names.txt")


def surnames() -> frozenset[str]:
    """Common surnames, lower-case."""
    return _words("surnames.txt")


def not_names() -> frozenset[str]:
    """Words of records that are not names, lower-case: roles, medicines, headings and so on."""
    return _words("not_names.txt")


def eponyms() -> frozenset[str]:
    """Names that mean diseases, signs and instruments more often than people."""
    return _words("eponyms.txt")


@cache
def _words(name: str) -> frozenset[str]:
    text = data_path("policies", "deid", name).read_text(encoding="utf-8")
    return frozenset(re.sub(r"(?m)^#.*$", "", text).split())
