"""What was approved or promoted: its files, by where they are, and records that do not change.

It follows from `PromotionState` alone. A version counts from its first approval on, and one that is
moved without an approval from the claim of its move on; one whose request was rejected does not.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from auditkit.access.policy.vocabulary import PROMPTS
from auditkit.access.record.approvals import PromotionState
from auditkit.access.record.moves import Target

# Entries before there was `made_from` show by the files' location what they were made from.
_RUN_ID: Final = re.compile(r"[0-9a-f]{32}\Z")
_ELSEWHERE: Final = "elsewhere"


@dataclass(frozen=True, slots=True)
class ApprovedFiles:
    """The files of a version.

    Attributes:
        source: Where they are, see `PromotionRequest.source`.
        digest: Their digest, `sha256:...`.
        stands: Whether a protected alias or stage is at the version now.
    """

    source: str
    digest: str
    stands: bool

    def inside(self, name: str) -> str:
        """The name, relative to the source, of a file or folder in it."""
        return name[len(self.source) + 1 :]


@dataclass(frozen=True)
class ApprovedRecord:
    """Every version that was approved or promoted.

    Attributes:
        files: Their files on the server, by the source in lower case: some file systems do not tell
            case, so all sources of one spelling are looked at.
        frozen: Names of records that do not change any more, see `run_record` and its like.
    """

    files: Mapping[str, tuple[ApprovedFiles, ...]] = field(default_factory=dict)
    frozen: frozenset[str] = frozenset()

    def holding(self, name: str) -> ApprovedFiles | None:
        """The version that a file or folder belongs to; None: it belongs to none.

        Of several, the one whose source is spelled so, then one that stands at a protected alias
        now, then the innermost.
        """
        found: list[ApprovedFiles] = []
        parts = name.casefold().split("/")
        for length in range(1, len(parts) + 1):
            found += self.files.get("/".join(parts[:length]), ())

        def weight(files: ApprovedFiles) -> tuple[bool, bool, int]:
            spelled = f"{name}/".startswith(f"{files.source}/")
            return spelled, files.stands, len(files.source)

        return max(found, key=weight, default=None)


def run_record(run_id: str) -> str:
    """The name of a run's metrics, parameters, tags, inputs and outputs."""
    return f"runs/{_id(run_id)}"


def logged_model_record(model_id: str) -> str:
    """The name of a logged model's metrics, parameters and tags."""
    return f"logged-models/{_id(model_id)}"


def _id(text: str) -> str:
    """An id as a database compares it that tells neither case nor outer spaces."""
    return text.strip().casefold()


def version_record(target: Target) -> str:
    """The name of a version's tags."""
    return f"versions/{target.domain}/{target.model}/{target.version}"


def approved_record(state: PromotionState) -> ApprovedRecord:
    """What was approved or promoted, as the log says up to now."""
    files: dict[str, ApprovedFiles] = {}
    frozen: set[str] = set()
    for target, source, digest, made_from in _versions(state):
        place = source.split("/")[0]
        if source.startswith(f"{PROMPTS}/"):
            continue
        frozen |= {*made_from, *_made_from(source)}
        frozen |= {version_record(named) for named in state.names_of(target)}
        if not source or not digest or place == _ELSEWHERE:
            continue
        stands = state.order(target.place).present == target.version
        before = files.get(source)
        if before is None or stands or not before.stands:
            files[source] = ApprovedFiles(source, digest, stands)
    by_spelling: dict[str, tuple[ApprovedFiles, ...]] = {}
    for source, found in files.items():
        by_spelling[source.casefold()] = (*by_spelling.get(source.casefold(), ()), found)
    return ApprovedRecord(by_spelling, frozenset(frozen))


def _versions(state: PromotionState) -> Iterator[tuple[Target, str, str, Iterable[str]]]:
    """Each approved or promoted version: the move, its files' location and digest, and origin."""
    for request in state.requests.values():
        if request.approvals and not request.rejected_by:
            yield request.target, request.source, request.artifact_digest, request.made_from
    for begun in state.begun.values():
        move: Mapping[str, Any] = begun.move
        made_from = (str(name) for name in move.get("made_from", ()))
        digest = str(move.get("artifact_digest", ""))
        yield begun.target, str(move.get("source", "")), digest, made_from
    for moved in state.moves:
        if moved.how != "demoted":
            yield moved.target, moved.source, moved.artifact_digest, moved.made_from


def _made_from(source: str) -> set[str]:
    parts = source.split("/")
    runs = {run_record(part) for part in parts if _RUN_ID.match(part)}
    return runs | {logged_model_record(part) for part in parts if part.startswith("m-")}
