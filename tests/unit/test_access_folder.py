"""A policy is in force when somebody else than its author has sealed it, and then as a whole."""

from __future__ import annotations

import threading
from datetime import UTC, datetime

import pytest

from auditkit.access.kept.drafts import read_draft
from auditkit.access.kept.folder import follow_folder, read_seal, seal_policy, start_policy
from auditkit.errors import AccessDeniedError, OutputError, PolicyError

NOW = datetime(2026, 11, 24, tzinfo=UTC)


@pytest.fixture
def folder(tmp_path):
    start_policy(tmp_path / "access")
    return tmp_path / "access"


def seal(folder):
    return seal_policy(folder, author="adam", approver="paula", now=NOW)


def test_a_draft_is_not_in_force_until_it_is_sealed(folder):
    with pytest.raises(PolicyError, match="not sealed"):
        follow_folder(folder)
    seal(folder)
    followed = follow_folder(folder)
    before, _ = followed.current()
    policy = folder / "policy.csv"
    policy.write_text(policy.read_text() + "p, eve, *, **, *, allow\n")
    access, _ = followed.current()
    assert access is before
    assert "changed since" in followed.refused
    assert not access.decide("eve", "model:promote", "models/x/aliases/champion")
    seal(folder)
    access, _ = followed.current()
    assert access.decide("eve", "model:promote", "models/x/aliases/champion")


def test_a_broken_draft_changes_nothing(folder):
    seal(folder)
    followed = follow_folder(folder)
    before, _ = followed.current()
    for name, text in [("policy.csv", "nonsense"), ("seal.json", "{"), ("access.yaml", "x: [")]:
        original = (folder / name).read_text()
        (folder / name).write_text(text)
        assert followed.current()[0] is before
        (folder / name).write_text(original)
    (folder / "policy.csv").unlink()
    assert followed.current()[0] is before


def test_what_is_sealed_is_the_draft_that_was_read(folder):
    """Rules that are slipped in while somebody approves are not put into force."""
    seal(folder)
    followed = follow_folder(folder)
    draft = read_draft(folder, author="adam")
    policy = folder / "policy.csv"
    policy.write_text(policy.read_text() + "p, eve, *, **, *, allow\n")
    assert draft.seal(approver="paula", now=NOW).digest == read_seal(folder).digest
    access, _ = followed.current()
    assert "changed since" in followed.refused
    assert not access.decide("eve", "model:promote", "models/x/aliases/champion")


def test_nobody_approves_their_own_policy(folder):
    with pytest.raises(AccessDeniedError):
        seal_policy(folder, author="Adam", approver="adam ", now=NOW)
    seal(folder)
    path = folder / "seal.json"
    path.write_text(path.read_text().replace("paula", "adam"))
    with pytest.raises(PolicyError, match="own author"):
        read_seal(folder)
    with pytest.raises(OutputError):
        start_policy(folder)


def test_no_request_is_judged_by_half_a_policy(folder):
    """Two rules change together, again and again, while four threads decide."""
    policy = folder / "policy.csv"
    base = policy.read_text()
    texts = [
        base + "p, ann, *, models/a, model:delete, allow\n",
        base + "p, ann, *, models/b, model:delete, allow\n",
    ]
    policy.write_text(texts[0])
    seal(folder)
    followed = follow_folder(folder)
    stop = threading.Event()
    wrong: list[tuple[bool, bool]] = []
    judged = [0]

    def decide() -> None:
        while not stop.is_set():
            access, _ = followed.current()
            both = (
                access.decide("ann", "model:delete", "models/a").allowed,
                access.decide("ann", "model:delete", "models/b").allowed,
            )
            judged[0] += 1
            if both not in ((True, False), (False, True)):
                wrong.append(both)

    threads = [threading.Thread(target=decide) for _ in range(4)]
    for thread in threads:
        thread.start()
    seen = set()
    for number in range(12):
        policy.write_text(texts[number % 2])
        seal(folder)
        seen.add(str(followed.current()[0].policy_digest))
    stop.set()
    for thread in threads:
        thread.join()
    assert not wrong
    assert judged[0] > 50
