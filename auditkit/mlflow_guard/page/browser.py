"""What a browser is told, and what is believed of it.

A browser sends a password or a cookie with every request, whoever made it ask. It also says where a
request comes from, in headers that no page can write: `Origin` and `Sec-Fetch-Site`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from fnmatch import fnmatchcase
from typing import Any, Final
from urllib.parse import urlsplit

HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; "
        "base-uri 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # Not no-referrer: with it browsers leave the origin out of a form's request.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_READS: Final = ("GET", "HEAD")


def is_foreign(headers: Mapping[str, str], method: str, host: str, ours: Collection[str]) -> bool:
    """Whether a request was made by another site's page, or may have been.

    To follow a link to here is not foreign; to send a form or to fetch a page from elsewhere is.

    Args:
        headers: The request's headers, whatever the case of their names.
        method: The HTTP method.
        host: The host and port that it asks.
        ours: Origins under which a proxy shows this site: "https://mlflow.example".
    """
    given = {name.lower(): value for name, value in headers.items()}
    origin, site = given.get("origin"), given.get("sec-fetch-site")
    if origin is not None and origin not in ours and _host_of(origin) != host.lower():
        return True
    if method in _READS:
        followed = given.get("sec-fetch-mode") == "navigate"
        framed = given.get("sec-fetch-dest", "document") != "document"
        return site not in (None, "same-origin", "none") and (framed or not followed)
    return site not in (None, "same-origin") or (site is None and origin is None)


def is_foreign_call(
    headers: Mapping[str, str], method: str, host: str, allowed: Collection[str]
) -> bool:
    """Whether a page of another site made a call of the API or of MLflow.

    Programs say nothing of a page. What a page only shows, as an image, it cannot read.

    Args:
        headers: The request's headers, whatever the case of their names.
        method: The HTTP method.
        host: The host and port that it asks.
        allowed: Origins whose pages may call it, which may hold `*`.
    """
    given = {name.lower(): value for name, value in headers.items()}
    origin = given.get("origin")
    if origin is None and (method in _READS or "sec-fetch-site" not in given):
        return False
    is_allowed = any(fnmatchcase(origin or "", pattern) for pattern in allowed)
    return not is_allowed and is_foreign(given, method, host, ())


def path_within(text: str, base: str) -> str:
    """A path of the page with its query, to go on to after a log-in; the start page for others.

    Args:
        text: What a request says.
        base: The page's own path.
    """
    path, _, query = text.partition("?")
    known = path == base or path.startswith(f"{base}/")
    plain = text.isascii() and text.isprintable() and not set(text) & set("\\#")
    if not known or not plain or "//" in path or ".." in path.split("/"):
        return base
    return f"{path}?{query}" if query else path


class Cookie:
    """A cookie that scripts cannot read and other sites' forms do not send.

    Args:
        name: Its name. Over HTTPS `__Host-` comes before it, so that no other host can set it.
        secure: Whether the site is reached by HTTPS.
    """

    def __init__(self, name: str, *, secure: bool) -> None:
        self.name = f"__Host-{name}" if secure else name
        self._secure = secure

    def read(self, request: Any) -> str:
        """Its value in a request; empty if it is not there."""
        return str(request.cookies.get(self.name, ""))

    def write(self, response: Any, value: str, *, seconds: int) -> None:
        """Sets it; with no seconds left, it is removed."""
        response.set_cookie(
            self.name,
            value,
            max_age=seconds,
            path="/",
            secure=self._secure,
            httponly=True,
            samesite="Lax",
        )


def _host_of(origin: str) -> str:
    try:
        found = urlsplit(origin)
    except ValueError:
        return ""
    return found.netloc.lower() if found.scheme in ("http", "https") and not found.path else ""
