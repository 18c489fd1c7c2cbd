"""`role:owner` counts for what the caller made, according to the log, and for nothing else."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from itertools import count
from types import SimpleNamespace
from typing import Any

import pytest

from auditkit.access import AccessControl, AccessRules, parse_rules
from auditkit.access.login.authentication import Caller
from auditkit.access.policy.control import read_texts
from auditkit.access.policy.lint import lint
from auditkit.access.record.approvals import APPROVED, DECISION, DONE, REQUESTED, PromotionState
from auditkit.access.record.effects import replayed
from auditkit.access.record.log import Recorder
from auditkit.access.record.owners import MODEL_MADE, RENAMED, RUN_MADE, VERSION_MADE
from auditkit.errors import PolicyError
from auditkit.ledger import Ledger, NoteSigner
from auditkit.mlflow_guard.guard.gate import Gate
from auditkit.mlflow_guard.requests.plan import RequestPlan, RequiredPermission
from auditkit.mlflow_guard.upstream.refusals import RefusedError

NOW = datetime(2026, 11, 1, tzinfo=UTC)
RUN, MODEL, V1, V2 = ("run", "r1"), ("model", "m"), ("version", "m", "1"), ("version", "m", "2")


def made(kind: str, user: str, domain: str = "default", **thing: str) -> tuple[str, dict[str, Any]]:
    return kind, {**thing, "user": user, "domain": domain}


def state(*entries: tuple[str, dict[str, Any]]) -> PromotionState:
    book, index = PromotionState(), count()
    book.read(
        SimpleNamespace(index=next(index), kind=kind, time=NOW, payload=payload)
        for kind, payload in entries
    )
    return book


def owned(book: PromotionState, user: str, domain: str = "default") -> list[tuple[str, ...]]:
    return [thing for thing in (RUN, MODEL, V1, V2) if book.owners.owns(user, thing, domain)]


ANNS = (
    made(RUN_MADE, "ann", run="r1"),
    made(MODEL_MADE, "ann", model="m"),
    made(VERSION_MADE, "ann", model="m", version="1"),
)


def test_who_made_it_owns_it_where_it_was_made():
    book = state(*ANNS)
    assert owned(book, "ann") == [RUN, MODEL, V1]
    assert owned(book, "bob") == []
    assert owned(book, "ann", "team-a") == [RUN]  # a run's id is its own in every workspace


def test_what_two_made_is_nobodys():
    book = state(*ANNS, made(VERSION_MADE, "bob", model="m", version="2"))
    assert (owned(book, "ann"), owned(book, "bob")) == ([RUN, V1], [V2])
    again = state(*ANNS, made(MODEL_MADE, "bob", model="m"))  # it had been deleted
    assert (owned(again, "ann"), owned(again, "bob")) == ([RUN, V1], [])
    again = state(*ANNS, made(VERSION_MADE, "bob", model="m", version="1"))
    assert (owned(again, "ann"), owned(again, "bob")) == ([RUN], [])


def test_a_renamed_model_keeps_its_owner():
    renamed = (RENAMED, {"model": "m", "new_name": "n", "domain": "default"})
    owners = state(*ANNS, renamed).owners
    assert owners.owns("ann", ("model", "n"), "default")
    assert owners.owns("ann", ("version", "n", "1"), "default")
    assert not owners.owns("ann", MODEL, "default")


MOVE = {"model": "m", "version": "1", "kind": "alias", "name": "champion", "domain": "default"}


@pytest.mark.parametrize("rename", [False, True])
@pytest.mark.parametrize("how", ["approved", "promoted"])
def test_what_was_approved_or_promoted_is_nobodys(how: str, rename: bool):
    asked = (REQUESTED, {**MOVE, "id": "q", "user": "ann"})
    let_through = {
        "approved": (APPROVED, {"request": "q", "user": "rita"}),
        "promoted": (DONE, {**MOVE, "user": "mia", "how": "promoted"}),
    }
    renamed = (RENAMED, {"model": "m", "new_name": "n", "domain": "default"})
    book = state(*ANNS, asked, let_through[how], *([renamed] if rename else []))
    name = "n" if rename else "m"
    for thing in (("model", name), ("version", name, "1")):
        assert not book.owners.owns("ann", thing, "default")
    assert book.creators(SimpleNamespace(domain="default", model=name, version="1")) == {"ann"}  # type: ignore[arg-type]


def packaged(extra: str) -> AccessControl:
    texts = read_texts(None)
    return AccessControl.from_texts({**texts, "policy.csv": texts["policy.csv"] + extra})


def test_nobody_can_be_granted_ownership():
    for grant in ("g, ann, role:owner, *\n", "g, role:trainer, role:owner, prod\n"):
        with pytest.raises(PolicyError, match="granted role:owner"):
            packaged(grant)
    rules = parse_rules(read_texts(None)["policy.csv"] + "g, ann, role:owner, *\n")
    assert [f.code for f in lint(rules) if f.level == "error"] == ["granted-owner"]
    texts = read_texts(None)
    texts["access.yaml"] += "groups: {staff: [viewer, owner]}\n"
    with pytest.raises(PolicyError, match="The group 'staff' is granted role:owner"):
        AccessControl.from_texts(texts)
    # Owning may bring another role, and rules are followed through it.
    access = packaged(
        "g, role:owner, role:keeper, *\np, role:keeper, *, models/**, model:edit, allow\n"
    )
    assert access.snapshot.owner_verbs == {"experiment:delete", "model:delete", "model:edit"}
    assert AccessControl(AccessRules(access.rules.rules[:3], ())).snapshot.owner_verbs == set()


@pytest.fixture
def gate(tmp_path):
    key = NoteSigner.generate("test.local/log")
    url = f"sqlite:///{tmp_path / 'log.db'}"
    access = packaged("g, ann, role:trainer, *\ng, bob, role:trainer, *\n")
    recorder = Recorder(lambda: Ledger.open(url, key=key))
    seal: Any = SimpleNamespace(to_json=dict, time=NOW)
    policy: Any = SimpleNamespace(current=lambda wait=False: (access, seal))
    stores: Any = SimpleNamespace(protected_sources=lambda _: set())
    yield Gate(policy, recorder, stores, clock=lambda: NOW)
    recorder.close()
    recorder.log.close()


def test_an_owner_deletes_their_own_and_the_log_says_why(gate: Gate):
    for kind, payload in ANNS:
        gate.recorder.now(kind, payload)

    def delete(user: str, *needs: RequiredPermission) -> bool:
        plan = RequestPlan(needs=needs, mutates=True)
        asked = {"endpoint": "delete", "domain": "default", "method": "POST"}
        with suppress(RefusedError):
            return bool(gate.admit(Caller(user, "basic"), plan, **asked))
        return False

    run = RequiredPermission("experiment:delete", "experiments/1", owned=RUN)
    version = RequiredPermission("model:delete", "models/m", owned=V1)
    other = RequiredPermission("model:delete", "models/other", owned=("version", "other", "1"))
    assert delete("ann", run)
    assert delete("ann", version)
    assert not delete("bob", run)
    assert not delete("bob", version)
    assert not delete("ann", other)
    # It counts for that permission only, not for another of the same request.
    assert not delete("ann", version, other)
    assert not delete("ann", RequiredPermission("experiment:delete", "experiments/1"))
    logged = [e.payload for e in gate.recorder.log.entries() if e.kind == DECISION]
    (first,) = logged[0]["decisions"]
    assert first["owned"] is True
    assert first["rule"] == "p, role:owner, *, experiments/**, experiment:delete, allow"
    assert "owned" not in logged[-1]["decisions"][0]
    # Decided again from the log, nothing is decided otherwise.
    assert replayed(gate.policy.current()[0], gate.recorder.log.entries()) == ()
