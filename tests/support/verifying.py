"""`verify` without rendering pages anew, which takes seconds and has tests of its own."""

from __future__ import annotations

from auditkit import verification


def verify(data: bytes, **options) -> verification.Verification:
    """What a verifier says who leaves the pages out, unless `render=True` is given."""
    return verification.verify(data, **{"render": False, **options})
