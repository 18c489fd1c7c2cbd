"""A small log of a period, of every kind that a test of a population needs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from auditkit.ledger import Ledger, NoteSigner

BEGIN = datetime(2026, 7, 1, tzinfo=UTC)
END = datetime(2026, 10, 1, tzinfo=UTC)
FILES = "sha256:" + "ab" * 32
POLICY = "sha256:" + "cd" * 32


class Clock:
    """A clock that a test sets."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now


class Book:
    """A log that is written day by day.

    Args:
        path: Where its database lies.
    """

    def __init__(self, path) -> None:
        self.path = path
        self.key = NoteSigner.generate("example.com/period")
        self.clock = Clock(BEGIN - timedelta(days=10))
        self.log = Ledger.open(f"sqlite:///{path}", key=self.key, clock=self.clock)
        self.pub = path.with_name("log.pub")
        self.pub.write_text(str(self.key.verifier))
        self._number = 0

    def close(self) -> None:
        self.log.close()

    def at(self, days: float) -> Book:
        """Sets the clock to some days after the period's beginning."""
        self.clock.now = BEGIN + timedelta(days=days)
        return self

    def add(self, kind: str, /, **payload) -> int:
        """Adds an entry and gives its index; `retention` is the retention class."""
        retention = payload.pop("retention", "standard")
        return self.log.append(kind=kind, payload=payload, retention=retention).index

    def new(self) -> str:
        """A new id."""
        self._number += 1
        return f"{self._number:012x}"

    def decision(self, user: str, *, allowed: bool = True, verb: str = "model:read") -> int:
        part = {"verb": verb, "object": "models/credit", "allowed": allowed, "rule": "r"}
        return self.add("access.decision", time=self.clock.now.isoformat(), user=user,
                        endpoint="get", allowed=allowed, reason="" if allowed else "no rule",
                        request=self.new(), domain="default", decisions=[part])  # fmt: skip

    def reads(self, *users: str) -> int:
        part = {"verb": "model:read", "object": "models/credit", "allowed": True, "rule": "r"}
        rows = [{"user": u, "allowed": bool(u), "endpoint": "get", "request": self.new(),
                 "reason": "" if u else "nobody was named", "decisions": [part]}
                for u in users]  # fmt: skip
        return self.add("access.reads", decisions=[*rows, {"outcome_of": "x", "status": 200}])

    def verdict(self, version: str, *, digest: str = FILES, **changes) -> int:
        """A recorded verdict, with the decision that admitted it."""
        number = self.new()
        part = {"verb": "gate:record", "object": "models/credit", "allowed": True, "rule": "r"}
        self.add("access.decision", user="gate", allowed=True, request=number, domain="default",
                 endpoint="verdict", reason="", decisions=[part])  # fmt: skip
        facts = {"artifact_digest": digest, "policy": "lending", "policy_digest": POLICY,
                 "decision": "pass", "waived": [], "waivers_expire": [],
                 "statement": f"sha256:{self.new():>064}", "request": number, "user": "gate",
                 "domain": "default", "model": "credit", "version": version}  # fmt: skip
        return self.add("gate.verdict", **(facts | changes))

    def request(self, version: str, *, user: str = "rita", digest: str = FILES, **changes) -> str:
        number = self.new()
        facts = {"id": number, "model": "credit", "version": version, "kind": "alias",
                 "name": "champion", "domain": "default", "artifact_digest": digest,
                 "source": f"runs/{version}", "made_by": ["max"], "made_from": [], "user": user,
                 "policy_digest": POLICY}  # fmt: skip
        self.add("promotion.requested", **(facts | changes))
        return number

    def approve(self, request: str, user: str = "ann") -> int:
        return self.add("promotion.approved", request=request, user=user)

    def promote(self, version: str, *, digest: str = FILES, done: bool = True, **changes) -> int:
        claim = changes.pop("claim", None) or self.new()
        move = {"model": "credit", "version": version, "kind": "alias", "name": "champion",
                "domain": "default", "user": "paul", "how": "promoted", "artifact_digest": digest,
                "source": f"runs/{version}", "policy_digest": POLICY, **changes}  # fmt: skip
        self.add("promotion.claimed", **move, claim=claim)
        if not done:
            return self.add("promotion.failed", claim=claim)
        return self.add("promotion.done", **move, claim=claim)

    def change(self, version: str, *, digest: str = FILES) -> int:
        """A change as it should be: made, audited, asked for, approved, done."""
        self.add("version.created", model="credit", version=version, user="max", domain="default")
        self.verdict(version, digest=digest)
        number = self.request(version, digest=digest)
        self.approve(number)
        return self.promote(version, digest=digest, request=number)
