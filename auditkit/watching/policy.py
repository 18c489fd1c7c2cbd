"""Policies of watching: what must hold of a window against its baseline.

They are policies with rules on the measures of watching, and say how many windows their confidence
is about.

Laws:
    - The ends of intervals that a breach is judged by hold together, with the chance `level`, for
      all numbers that are judged in as many windows as `windows`. So if nothing changed, at most
      1 - level of such spans have a breach, however many features there are.
    - The other ends, which say that a rule is met, hold one by one with that chance.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from auditkit.canonical import Digest, digest_of
from auditkit.documents import parse_document
from auditkit.errors import PolicyError
from auditkit.files import read_text
from auditkit.loading.places import policy_path
from auditkit.policy import Policy


class WatchPolicy(Policy):
    """A policy for the time after the audit.

    Attributes:
        level: The confidence that no number of an unchanged model breaks a rule in `windows`
            windows.
        windows: The number of windows that `level` is about, for example 30 days.
        cells: Into how many cells of the baseline's rows numbers are divided for psi,
            js_divergence and tvd.
        maturity: The share of a window's labels that must be known before performance is judged.
    """

    level: float = Field(default=0.95, gt=0, lt=1)
    windows: int = Field(default=30, ge=1)
    cells: int = Field(default=10, ge=2, le=256)
    maturity: float = Field(default=0.8, ge=0, le=1)

    @property
    def digest(self) -> Digest:
        """The digest of every rule, threshold and parameter."""
        return digest_of("watch-policy/v1", self.to_json())


def load_watch_policy(policy: str | Path | WatchPolicy) -> WatchPolicy:
    """Reads a policy of watching.

    Args:
        policy: A path, a policy, or the bare name of one that comes with auditkit: starter-watch,
            watch-lending.

    Raises:
        PolicyError: If there is no such policy, or it is wrong.
    """
    if isinstance(policy, WatchPolicy):
        return policy
    if not isinstance(policy, str | Path):
        raise PolicyError(
            f"policy is a {type(policy).__name__}, not a policy of watching.",
            remedy="give the path of a .yaml file, or one of: starter-watch, watch-lending",
        )
    path = policy_path(policy)
    text = read_text(
        path, what="policy", kind=PolicyError,
        remedy="check the path; these come with auditkit: starter-watch, watch-lending",
    )  # fmt: skip
    return parse_document(WatchPolicy, text, source=path.name)
