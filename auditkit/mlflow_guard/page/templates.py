"""The templates of the page, and how values are written in them."""

from __future__ import annotations

import math
import re
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote, urlencode

import jinja2
from markupsafe import Markup, escape

from auditkit.canonical import HIDING
from auditkit.resources import data_path

_HIDDEN: Final = re.compile(f"[\x00-\x08\x0b-\x1f\x7f-\x9f{HIDING}]")
_UNITS: Final = ("bytes", "kB", "MB", "GB", "TB")


class Links:
    """Paths of the pages.

    Args:
        base: The path of the start page.
        workspace: The workspace that the links stay in; empty: the server's default one.
    """

    def __init__(self, base: str, workspace: str) -> None:
        self.base, self.workspace = base, workspace

    def to(self, *parts: str, workspace: str | None = None, **query: Any) -> str:
        """The path of a page.

        Args:
            parts: Below the start page.
            workspace: Another workspace.
            query: Parameters; those without a value are left out.
        """
        path = "/".join([self.base, *(quote(part, safe="") for part in parts)])
        place = self.workspace if workspace is None else workspace
        given = {name: value for name, value in {**query, "workspace": place}.items() if value}
        return f"{path}?{urlencode(given)}" if given else path


def environment() -> jinja2.Environment:
    """The templates: every text is escaped, and a misspelled name is an error."""
    known = jinja2.Environment(
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        loader=jinja2.FileSystemLoader(data_path("report_templates", "registry")),
        trim_blocks=True,
        lstrip_blocks=True,
    )
    known.finalize = _visible
    known.filters |= {
        "time": _time,
        "ago": _ago,
        "size": _size,
        "number": _number,
        "signed": _signed,
    }
    return known


def _visible(value: Any) -> Any:
    """Text in which no character hides or reorders others: its code is written instead."""
    if isinstance(value, Markup) or not isinstance(value, str):
        return value
    return _HIDDEN.sub(lambda found: f"\\u{ord(found[0]):04x}", value)


def _time(moment: datetime) -> Markup:
    machine, text = moment.isoformat(timespec="seconds"), f"{moment:%Y-%m-%d %H:%M}"
    return Markup('<time datetime="{}">{} UTC</time>').format(escape(machine), escape(text))


def _ago(moment: datetime, now: datetime) -> str:
    days = (now - moment).days
    return "today" if days < 1 else f"{days} day{'s' * (days != 1)} ago"


def _size(count: int) -> str:
    size, unit = float(count), 0
    while size >= 1000 and unit < len(_UNITS) - 1:
        size, unit = size / 1000, unit + 1
    return f"{size:.3g} {_UNITS[unit]}" if unit else f"{count} byte{'s' * (count != 1)}"


def _number(value: float | None) -> str:
    if value is None:
        return "not logged"
    return f"{value:.6g}" if math.isfinite(value) else "not a number"


def _signed(value: float | None) -> str:
    return "not known" if value is None else f"{value:+.4g}" if value else "0"
