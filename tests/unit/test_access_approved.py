"""What the log says was approved: which files are served, from which copy, and what is frozen."""

from __future__ import annotations

import shutil
import threading
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from auditkit.access.record.approvals import (
    APPROVED,
    CLAIMED,
    COPY_CHANGED,
    DEMOTED,
    DESCRIBED,
    DONE,
    FAILED,
    REJECTED,
    RENAMED,
    REQUESTED,
    PromotionState,
)
from auditkit.access.record.approved import (
    ApprovedRecord,
    approved_record,
    logged_model_record,
    run_record,
    version_record,
)
from auditkit.access.record.moves import Target
from auditkit.errors import InputError
from auditkit.mlflow_guard.guard.promotions import Promotions
from auditkit.mlflow_guard.guard.serving import ApprovedReads
from auditkit.mlflow_guard.guard.unchanged import refuse_elsewhere
from auditkit.mlflow_guard.requests.plan import RequestPlan, RequiredPermission
from auditkit.mlflow_guard.upstream.refusals import RefusedError
from auditkit.registry.copies import ApprovedCopies
from auditkit.registry.digest import artifact_digest

START = datetime(2026, 11, 1, tzinfo=UTC)
RUN = "0123456789abcdef0123456789abcdef"
OUTER, INNER = f"1/{RUN}/artifacts", f"1/{RUN}/artifacts/model"


@dataclass(frozen=True)
class Logged:
    index: int
    kind: str
    time: datetime
    payload: dict[str, Any]


def state(*events: tuple[str, dict[str, Any]]) -> PromotionState:
    found = PromotionState()
    found.read(
        Logged(i, kind, START + timedelta(minutes=i), payload)
        for i, (kind, payload) in enumerate(events)
    )
    return found


def record(*events: tuple[str, dict[str, Any]]) -> ApprovedRecord:
    return approved_record(state(*events))


def move(version: str, source: str, digest: str, **more: Any) -> dict[str, Any]:
    place = {"model": "credit", "version": version, "kind": "alias", "name": "champion"}
    return {**place, "source": source, "artifact_digest": f"sha256:{digest * 64}", **more}


def moved(version: str, source: str, digest: str, **more: Any) -> tuple[str, dict[str, Any]]:
    return DONE, move(version, source, digest, how="promoted", user="mia", **more)


def asked(number: str, *arguments: str, **more: Any) -> tuple[str, dict[str, Any]]:
    return REQUESTED, move(*arguments, id=number, user="ann", **more)


APPROVAL = (APPROVED, {"request": "r1", "user": "rita"})


def test_files_are_served_from_the_approval_on_and_until_a_rejection():
    ask = asked("r1", "1", INNER, "a")
    assert record(ask).holding(INNER) is None
    assert record(ask, APPROVAL).holding(f"{INNER}/MLmodel") is not None
    rejected = (REJECTED, {"request": "r1", "user": "rob", "reason": "stale"})
    assert record(ask, APPROVAL, rejected).holding(INNER) is None
    claim = (CLAIMED, move("1", INNER, "a", claim="c1", user="mia"))
    assert record(claim).holding(INNER) is not None
    assert record(claim, (FAILED, {"claim": "c1"})).holding(INNER) is None
    off = (DEMOTED, move("", "", "", how="demoted"))
    assert record(moved("1", INNER, "a"), off).holding(INNER) is not None


@pytest.mark.parametrize(
    ("name", "found"),
    [
        (INNER, ""),
        (f"{INNER}/data/w.bin", "data/w.bin"),
        (f"{INNER.upper()}/w.bin", "w.bin"),
        (f"{INNER}s", None),
        (OUTER, None),
        ("", None),
        ("1", None),
    ],
)
def test_a_name_belongs_to_the_version_whose_source_it_is_in(name, found):
    holding = record(moved("1", INNER, "a")).holding(name)
    assert (holding.inside(name) if holding else None) == found


def test_of_nested_versions_the_one_that_stands_counts_and_then_the_innermost():
    outer, inner = moved("1", OUTER, "a"), moved("2", INNER, "b")

    def digest(found: ApprovedRecord, name: str) -> str:
        files = found.holding(name)
        assert files is not None
        return files.digest[7]

    assert digest(record(outer, inner), f"{INNER}/x") == "b"
    assert digest(record(inner, outer), f"{INNER}/x") == "a"
    off = (DEMOTED, move("", "", "", how="demoted"))
    assert digest(record(inner, outer, off), f"{INNER}/x") == "b"
    assert digest(record(outer, inner), f"{OUTER}/x") == "a"
    # A source of another case is another folder to most file systems.
    assert digest(record(outer, moved("2", INNER.upper(), "b")), f"{INNER}/x") == "a"
    # Of two digests of one source, that which stands, and then the later.
    assert digest(record(moved("1", INNER, "a"), moved("2", INNER, "b")), INNER) == "b"
    ask = asked("r1", "2", INNER, "b")
    assert digest(record(ask, APPROVAL, moved("1", INNER, "a")), INNER) == "a"


def test_no_copy_is_looked_for_where_there_can_be_none():
    sources = ("", "../prompts/greet/1", "elsewhere/srv/models")
    assert record(*(moved(str(i), s, "a") for i, s in enumerate(sources))).files == {}
    assert record(moved("1", INNER, "")).holding(INNER) is not None  # `digest * 64` of nothing
    with pytest.raises(RefusedError, match="outside the storage"):
        refuse_elsewhere("elsewhere/srv/models")
    refuse_elsewhere("elsewhere-but-a-name/srv")


def test_the_records_behind_a_version_are_frozen_with_it():
    target = Target(model="credit", version="1", kind="alias", name="champion")
    ask = asked("r1", "1", INNER, "a", made_from=["runs/r9", "logged-models/m-7"])
    assert record(ask).frozen == frozenset()
    frozen = record(ask, APPROVAL).frozen
    assert frozen == {
        "runs/r9",
        "logged-models/m-7",
        run_record(RUN),
        version_record(target),
    }
    renamed = (RENAMED, {"model": "credit", "new_name": "loans", "domain": "default"})
    back = (RENAMED, {"model": "loans", "new_name": "credit", "domain": "default"})
    for events in ([renamed], [renamed, back]):
        found = record(ask, APPROVAL, *events).frozen
        assert version_record(replace(target, model="loans")) in found
        assert version_record(replace(target, version="2")) not in found
        assert version_record(replace(target, domain="team-a")) not in found
    # A log from before names no run; the files' location does.
    old = record(moved("1", "1/models/m-abc/artifacts", "a")).frozen
    assert logged_model_record("M-abc ") in old
    assert record(moved("1", "../prompts/greet/1", "a")).frozen == frozenset()
    assert record(moved("1", "prompts/greet/1", "a")).frozen  # files in a folder of that name


def test_who_changed_a_description_is_in_the_state():
    changed = {"model": "credit", "version": "1", "user": "ann", "domain": "default"}
    found = state((DESCRIBED, changed)).descriptions
    assert [(d.model, d.version, d.user, d.time) for d in found] == [("credit", "1", "ann", START)]


class World:
    """Storage, copies, and reads of one version of it that was approved."""

    def __init__(self, folder: Path, *, keep: bool = True) -> None:
        self.stored = folder / "stored"
        (self.stored / "data").mkdir(parents=True)
        (self.stored / "MLmodel").write_bytes(b"flavor")
        (self.stored / "data" / "w.bin").write_bytes(b"weights")
        self.copies = ApprovedCopies(folder / "approved")
        self.digest = artifact_digest(self.stored)
        if keep:
            self.copies.take(lambda f: self.fetch("", f), keep=True)
        self.logged: list[tuple[str, dict[str, Any]]] = []
        self.alerts: list[dict[str, Any]] = []
        self.alerted = threading.Event()
        stores: Any = SimpleNamespace(copies=self.copies, fetch_stored=self.fetch)
        recorder: Any = SimpleNamespace(now=lambda *entry: self.logged.append(entry))
        self.reads = ApprovedReads(stores, recorder, alert=self.alert)
        self.reads.follow(
            state(
                (
                    DONE,
                    {**move("1", INNER, "", how="promoted"), "artifact_digest": str(self.digest)},
                )
            )
        )

    def fetch(self, _: str, folder: Path) -> Path:
        return Path(shutil.copytree(self.stored, folder / "model"))

    def alert(self, told: dict[str, Any]) -> None:
        self.alerts.append(told)
        self.alerted.set()

    def read(self, name: str) -> bytes | None:
        served = self.reads.holding(name)
        assert served is not None
        path = served.path_at_hand() or served.path()
        return path.read_bytes() if path else None


def test_the_approved_bytes_are_read_whatever_the_storage_holds(tmp_path):
    world = World(tmp_path)
    (world.stored / "MLmodel").write_bytes(b"evil")
    (world.stored / "more").write_bytes(b"evil")
    assert world.read(f"{INNER}/MLmodel") == b"flavor"
    assert world.read(f"{INNER}/more") is None
    served = world.reads.holding(INNER)
    assert served is not None
    assert [entry.name for entry in served.entries()] == ["MLmodel", "data"]
    assert world.reads.digest(INNER) == world.digest
    assert world.reads.digest(f"{INNER}/data") is None
    assert world.reads.holding(OUTER) is None


def test_a_changed_copy_is_refused_and_told_once(tmp_path):
    world = World(tmp_path)
    path = world.copies.root / world.digest.hex / "MLmodel"
    path.chmod(0o644)
    path.write_bytes(b"evil")
    for _ in range(3):
        with pytest.raises(RefusedError, match="was changed") as refused:
            world.read(f"{INNER}/MLmodel")
        assert refused.value.status == 409
    with pytest.raises(RefusedError):
        world.reads.digest(INNER)
    told = {"artifact_digest": str(world.digest), "source": INNER, "found": "changed"}
    assert world.logged == [(COPY_CHANGED, told)]
    assert world.alerted.wait(5)
    assert world.alerts == [{"kind": COPY_CHANGED, **told}]


def test_a_missing_copy_is_made_again_of_the_same_bytes_only(tmp_path):
    world = World(tmp_path, keep=False)
    assert world.read(f"{INNER}/data/w.bin") == b"weights"
    other = World(tmp_path / "other", keep=False)
    (other.stored / "MLmodel").write_bytes(b"evil")
    with pytest.raises(RefusedError, match="missing, and the storage holds other files"):
        other.read(f"{INNER}/data/w.bin")
    assert list(other.copies.root.iterdir()) == []
    assert [kind for kind, _ in other.logged] == [COPY_CHANGED]


def test_a_missing_copy_of_files_that_cannot_be_fetched_is_refused(tmp_path):
    world = World(tmp_path, keep=False)

    def failing(*_: Any) -> Path:
        raise InputError("The version's files cannot be read by the server.")

    world.reads.stores.fetch_stored = failing
    with pytest.raises(RefusedError, match="cannot be read") as refused:
        world.read(INNER)
    assert refused.value.status == 409


PLANS = {
    "a run's metric": {"changes": (run_record(RUN),)},
    "a link": {"links": (f"{INNER}/MLmodel",)},
    "a file": {"writes": (f"{INNER}/MLmodel",)},
}


@pytest.mark.parametrize(("what", "status"), list(zip(PLANS, (409, 409, 403), strict=True)))
def test_what_was_approved_in_another_worker_does_not_change(what, status):
    entries = [
        Logged(0, *args)
        for args in [(DONE, START, move("1", INNER, "a", user="mia", how="promoted"))]
    ]
    recorder: Any = SimpleNamespace(entries=lambda begin, until=None: entries[begin:until])
    stores: Any = SimpleNamespace(protected_sources=lambda _: set())
    promotions = Promotions(recorder, stores, clock=lambda: START)
    access: Any = SimpleNamespace(policy_digest="sha256:p")
    need = RequiredPermission("experiment:edit", "experiments/1")
    plan = RequestPlan(needs=(need,), mutates=True, **PLANS[what])  # type: ignore[arg-type]
    promotions.refuse_pinned(access, plan, "default")  # nothing of it was read yet
    with pytest.raises(RefusedError, match="approved or promoted") as refused:
        promotions.refuse_pinned(access, plan, "default", until=1)
    assert refused.value.status == status
