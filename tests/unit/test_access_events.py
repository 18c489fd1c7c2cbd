"""Which entries of the log are events, what those say and do not say, and what time alone does."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import ValidationError

from auditkit.access import AccessControl
from auditkit.access.policy.rules import AccessRule, AccessRules, Grant
from auditkit.access.policy.settings import AccessSettings
from auditkit.access.record.approvals import PromotionState
from auditkit.access.record.log import Recorder
from auditkit.errors import AuditkitError
from auditkit.ledger import Ledger, NoteSigner
from auditkit.mlflow_guard.guard.events import NAMES, event_of
from auditkit.mlflow_guard.guard.expiry import log_expiries
from auditkit.mlflow_guard.guard.gate import Gate
from auditkit.mlflow_guard.serve.settings import ServerSettings, read_settings
from auditkit.mlflow_guard.serve.telling import refuse_receivers
from tests.support.webhooks import SECRET

KEY = NoteSigner.generate("test.local/log")
START = datetime(2026, 11, 1, 8, tzinfo=UTC)
MOVE = {"model": "credit", "version": "7", "kind": "alias", "name": "champion", "domain": "team-a"}
SAID = {"model": "credit", "version": "7", "alias": "champion", "workspace": "team-a"}
ASKED = {**MOVE, "id": "r1", "user": "ann", "artifact_digest": "sha256:1", "source": "1/run/m"}
# Each entry, in the order of a log, and the event and facts that it is; None: none.
ENTRIES: list[tuple[str, dict[str, Any], tuple[str, dict[str, Any]] | None]] = [
    (
        "policy.activated",
        {"policy_digest": "sha256:2", "author": "adam", "approver": "paula"},
        ("policy", {"policy_digest": "sha256:2", "author": "adam", "approver": "paula"}),
    ),
    (
        "promotion.requested",
        ASKED,
        ("requested", {**SAID, "request": "r1", "user": "ann", "artifact_digest": "sha256:1"}),
    ),
    ("promotion.approved", {"request": "r1", "user": "ann"}, None),  # one's own counts for nothing
    ("promotion.approved", {"request": "no", "user": "rita"}, None),
    (
        "promotion.approved",
        {"request": "r1", "user": "rita", "comment": "secret words"},
        ("approved", {**SAID, "request": "r1", "user": "rita"}),
    ),
    ("promotion.claimed", {**MOVE, "request": "r1", "user": "mia", "claim": "c1"}, None),
    (
        "promotion.done",
        {**MOVE, "request": "r1", "user": "mia", "how": "promoted", "claim": "c1"},
        ("promoted", {**SAID, "request": "r1", "user": "mia", "how": "promoted"}),
    ),
    ("promotion.done", {**MOVE, "user": "mia", "claim": "c1", "settled": True}, None),
    ("promotion.claimed", {**MOVE, "user": "mia", "how": "promoted", "claim": "c2"}, None),
    (
        "promotion.failed",
        {"claim": "c2", "status": 500},
        ("failed", {**SAID, "user": "mia", "how": "promoted"}),
    ),
    ("promotion.failed", {"claim": "c2"}, None),
    (
        "promotion.done",
        {**MOVE, "user": "mia", "how": "rolled back", "claim": "c3"},
        ("rolled-back", {**SAID, "user": "mia", "how": "rolled back"}),
    ),
    (
        "promotion.demoted",
        {**MOVE, "user": "mia", "how": "demoted"},
        ("demoted", {**SAID, "user": "mia", "how": "demoted"}),
    ),
    ("promotion.requested", {**ASKED, "id": "r2"}, ("requested", {"request": "r2"})),
    (
        "promotion.rejected",
        {"request": "r2", "user": "rob", "reason": "secret words"},
        ("rejected", {**SAID, "request": "r2", "user": "rob"}),
    ),
    ("promotion.expired", {"request": "r2"}, None),  # it was rejected before
    ("promotion.requested", {**ASKED, "id": "r3"}, ("requested", {"request": "r3"})),
    (
        "promotion.expired",
        {"request": "r3"},
        ("expired", {**SAID, "request": "r3", "user": "ann"}),
    ),
    ("promotion.expired", {"request": "r3"}, None),
    ("promotion.approved", {"request": "r3", "user": "rita"}, None),
    (
        "breakglass.invoked",
        {"id": "b1", "user": "mia", "object": "models/credit/aliases/champion", "ticket": "INC-1",
         "reason": "secret words", "valid_minutes": 30, "review_hours": 1, "domain": "team-a"},
        ("breakglass",
         {"breakglass": "b1", "user": "mia", "object": "models/credit/aliases/champion",
          "ticket": "INC-1", "valid_minutes": 30, "workspace": "team-a"}),
    ),
    ("breakglass.overdue", {"id": "b1"},
     ("breakglass-overdue", {"breakglass": "b1", "user": "mia", "ticket": "INC-1"})),
    ("breakglass.overdue", {"id": "b1"}, None),
    ("breakglass.reviewed", {"id": "b1", "user": "mia", "findings": "none"}, None),  # one's own
    (
        "breakglass.reviewed",
        {"id": "b1", "user": "rita", "findings": "secret words", "outcome": "rejected"},
        ("breakglass-reviewed", {"breakglass": "b1", "user": "rita", "outcome": "rejected"}),
    ),
    (
        "access.decision",
        {"user": "ann", "endpoint": "e", "allowed": False, "reason": "secret words",
         "domain": "team-a",
         "decisions": [{"verb": "model:read", "object": "models/a", "allowed": True},
                       {"verb": "model:promote", "object": "models/b", "allowed": False}]},
        ("denied", {"user": "ann", "endpoint": "e", "workspace": "team-a",
                    "asked": [{"verb": "model:promote", "object": "models/b"}]}),
    ),
    ("access.decision", {"user": "ann", "endpoint": "e", "allowed": True, "decisions": []}, None),
    ("access.reads", {"decisions": [{"allowed": False}]}, None),
    ("approved.changed", {"model": "credit", "version": "7"},
     ("files-changed", {"model": "credit", "version": "7"})),
    ("gate.verdict", {"decision": "pass"}, None),
]  # fmt: skip


@pytest.fixture
def log(tmp_path):
    with Ledger.open(f"sqlite:///{tmp_path}/a.db", key=KEY, clock=lambda: START) as opened:
        yield opened


@pytest.mark.parametrize("late", [False, True], ids=["at once", "after all of it"])
def test_each_entry_is_the_event_that_it_is(log, late):
    """Also if it is sent when the log has gone on: nothing is told twice."""
    book, told = PromotionState(), []
    for kind, payload, _ in ENTRIES:
        log.append(kind=kind, payload=payload)
        if not late:
            book.read(log.entries(begin=book.next_index))
            told.append(event_of(list(log.entries())[-1], "o", NAMES, lambda: book))
    if late:
        book.read(log.entries())
        told = [event_of(entry, "o", NAMES, lambda: book) for entry in log.entries()]
    for index, ((kind, _, expected), event) in enumerate(zip(ENTRIES, told, strict=True)):
        if expected is None:
            assert event is None, (index, kind)
            continue
        name, facts = expected
        assert event.type == f"auditkit.registry.{name}"
        assert event.data.items() >= {"log": "o", "index": index}.items()
        assert {k: event.data[k] for k in facts} == facts
        assert b"secret words" not in event.to_bytes()
        assert event.time == START
    ids = [event.id for event in told if event is not None]
    assert len(set(ids)) == len(ids)
    assert {name for _, _, e in ENTRIES if e for name in [e[0]]} == NAMES


def test_only_what_a_receiver_wants_is_prepared(log):
    book = PromotionState()
    for kind, payload, _ in ENTRIES:
        log.append(kind=kind, payload=payload)
    book.read(log.entries())
    wanted = frozenset({"rolled-back", "expired"})
    found = [event_of(entry, "o", wanted, lambda: book) for entry in log.entries()]
    assert [e.type.rpartition(".")[2] for e in found if e] == ["rolled-back", "expired"]


# Time


class Server:
    """A gate on a log, with a clock that a test moves."""

    def __init__(self, folder, **settings: Any) -> None:
        rules = AccessRules(
            (AccessRule("role:x", "*", "models/**", "model:read", "allow", 1),),
            (Grant("ann", "role:x", "*"),),
        )
        promotion = {"models": "*", "aliases": ["champion"], "approvals": 1, "valid_hours": 72}
        document = {"id": "p", "version": "1", "title": "t", "promotions": [promotion]}
        self.now = START
        access = AccessControl(rules, settings=AccessSettings.model_validate(document))
        policy: Any = SimpleNamespace(current=lambda wait=False: (access, None))
        url = f"sqlite:///{folder}/a.db"
        self.recorder = Recorder(lambda: Ledger.open(url, key=KEY, clock=lambda: self.now))
        stores: Any = SimpleNamespace(aliases=lambda *_: ["champion"])
        self.gate = Gate(policy, self.recorder, stores, clock=lambda: self.now)

    def kinds(self) -> list[str]:
        return [entry.kind for entry in self.recorder.log.entries()]


@pytest.fixture
def server(tmp_path):
    made = Server(tmp_path)
    yield made
    made.recorder.close()
    made.recorder.log.close()


def test_a_request_expires_once_and_stays_so(server):
    server.recorder.now("promotion.requested", ASKED)
    server.now += timedelta(hours=71)
    log_expiries(server.gate)
    assert server.kinds() == ["promotion.requested"]
    server.now += timedelta(hours=2)
    for _ in range(3):
        log_expiries(server.gate)
    assert server.kinds() == ["promotion.requested", "promotion.expired"]
    server.recorder.now("promotion.approved", {"request": "r1", "user": "rita"})
    server.recorder.now("promotion.claimed", {**MOVE, "request": "r1", "user": "m", "claim": "c"})
    request = server.gate.promotions.book().requests["r1"]
    assert (request.state(), request.approvals, request.claimed_by) == ("expired", {}, "")


def test_a_used_or_rejected_request_and_an_unprotected_alias_do_not_expire(server):
    server.recorder.now("promotion.requested", ASKED)
    server.recorder.now("promotion.claimed", {**MOVE, "request": "r1", "user": "m", "claim": "c"})
    server.recorder.now("promotion.requested", {**ASKED, "id": "r2"})
    server.recorder.now("promotion.rejected", {"request": "r2", "user": "rob"})
    server.recorder.now("promotion.requested", {**ASKED, "id": "r3", "name": "free"})
    server.now += timedelta(days=30)
    log_expiries(server.gate)
    assert "promotion.expired" not in server.kinds()


def test_a_break_glass_that_nobody_reviewed_is_overdue_once(server):
    broken = {"id": "b1", "user": "mia", "object": "o", "ticket": "t", "reason": "r"}
    server.recorder.now("breakglass.invoked", {**broken, "valid_minutes": 5, "review_hours": 24})
    server.recorder.now(
        "breakglass.invoked", {**broken, "id": "b2", "valid_minutes": 5, "review_hours": 24}
    )
    server.recorder.now("breakglass.reviewed", {"id": "b2", "user": "rita", "findings": "f"})
    server.now += timedelta(hours=23)
    log_expiries(server.gate)
    assert "breakglass.overdue" not in server.kinds()
    server.now += timedelta(hours=2)
    for _ in range(3):
        log_expiries(server.gate)
    overdue = [e.payload for e in server.recorder.log.entries() if e.kind == "breakglass.overdue"]
    assert overdue == [{"id": "b1"}]


def test_of_two_workers_that_log_one_expiry_the_first_counts(server, tmp_path):
    server.recorder.now("promotion.requested", ASKED)
    server.now += timedelta(days=4)
    log_expiries(server.gate)
    server.recorder.now("promotion.expired", {"request": "r1"})
    book = PromotionState()
    book.read(server.recorder.log.entries())
    found = [event_of(e, "o", NAMES, lambda: book) for e in server.recorder.log.entries()]
    assert [e and e.type for e in found] == [
        "auditkit.registry.requested", "auditkit.registry.expired", None,
    ]  # fmt: skip


# Settings


def test_settings_name_events_files_and_receivers(tmp_path):
    text = (
        "access: access\nlog: {url: 'sqlite:///l.db', key: keys}\nbasic: {users: u.json}\n"
        "notify:\n"
        "  - {url: 'https://hooks.example.com/x', secret: hook.secret, on: [requested, approved]}\n"
        "  - {program: ./page-me, on: [breakglass]}\n"
        "stream: {file: audit.jsonl}\n"
    )
    (tmp_path / "server.yaml").write_text(text)
    (tmp_path / "hook.secret").write_text(SECRET)
    settings = read_settings(tmp_path / "server.yaml")
    hook, program = settings.notify
    assert hook.secret == str(tmp_path / "hook.secret")
    assert program.program == str(tmp_path / "page-me")
    assert settings.stream.file == str(tmp_path / "audit.jsonl")
    refuse_receivers(settings, lambda: START)
    (tmp_path / "hook.secret").write_text("guessed")
    with pytest.raises(AuditkitError, match="does not hold secrets"):
        refuse_receivers(settings, lambda: START)
    twice = settings.model_copy(update={"notify": (program, program)})
    with pytest.raises(AuditkitError, match="Two receivers"):
        refuse_receivers(twice, lambda: START)


def test_an_unknown_event_is_refused():
    document = {
        "access": "a", "log": {"url": "u", "key": "k"}, "basic": {"users": "u"},
        "notify": [{"program": "p", "on": ["requested", "aproved"]}],
    }  # fmt: skip
    with pytest.raises(ValidationError, match="unknown; choose from"):
        ServerSettings.model_validate(document)
