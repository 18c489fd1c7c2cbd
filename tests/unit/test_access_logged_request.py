"""What the log says of a request: the bytes that logs in use already hold."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from auditkit.canonical import canonical_bytes
from auditkit.mlflow_guard.guard.logged_request import LoggedRequest

AT = datetime(2026, 11, 30, 12, 0, 0, 250000, UTC)
COMMON = {"time": AT, "endpoint": "e", "method": "GET"}


@pytest.mark.parametrize(
    ("entry", "written"),
    [
        (
            LoggedRequest(
                **COMMON, user="ann", allowed=True, reason="", request="07", domain="default",
                authenticated="basic", policy_digest="sha256:ab", decisions=({"verb": "v"},),
                writes=("models:/m/1",),
            ),
            (b'{"allowed":true,"authenticated":"basic","decisions":[{"verb":"v"}],'
            b'"domain":"default","endpoint":"e","method":"GET","policy_digest":"sha256:ab",'
            b'"reason":"","request":"07","time":"2026-11-30T12:00:00.250000+00:00",'
            b'"user":"ann","writes":["models:/m/1"]}'),
        ),
        (
            LoggedRequest(
                **COMMON, user="ann", allowed=False, reason="no", request="07",
                domain="default", authenticated="basic", policy_digest="sha256:ab", decisions=(),
            ),
            (b'{"allowed":false,"authenticated":"basic","decisions":[],"domain":"default",'
            b'"endpoint":"e","method":"GET","policy_digest":"sha256:ab","reason":"no",'
            b'"request":"07","time":"2026-11-30T12:00:00.250000+00:00","user":"ann"}'),
        ),
        (
            LoggedRequest(time=AT, user="", endpoint="e", allowed=False, reason="nobody"),
            (b'{"allowed":false,"endpoint":"e","reason":"nobody",'
            b'"time":"2026-11-30T12:00:00.250000+00:00","user":""}'),
        ),
        (
            LoggedRequest(**COMMON, user="", authenticated="", allowed=False, reason="denied"),
            (b'{"allowed":false,"authenticated":"","endpoint":"e","method":"GET",'
            b'"reason":"denied","time":"2026-11-30T12:00:00.250000+00:00","user":""}'),
        ),
    ],
    ids=["admitted", "refused", "no log-in", "elsewhere"],
)  # fmt: skip
def test_an_entry_says_what_is_known_and_nothing_else(entry, written):
    assert canonical_bytes(entry.to_json()) == written
