"""Access policies in a database: every version, with its author, approver and predecessor.

Rows hold tokens, one column each, and are parsed as strictly as a file: a name with a comma is
refused, where the usual adapters would split it into another rule. A version's digest covers its
rules, settings, model and the digest before it, and is checked on loading. Its seal is stored
beside it, signed by its approver if that is required.

Example:
    >>> import tempfile
    >>> from datetime import UTC
    >>> from auditkit.access.policy.control import read_texts
    >>> store = SqlPolicyStore(f"sqlite:///{tempfile.mkdtemp()}/access.db")
    >>> now = datetime(2026, 1, 1, tzinfo=UTC)
    >>> store.publish(read_texts(None), author="adam", approver="paula", now=now)
    1
    >>> store.load().decide("eve", "model:promote", "models/x/aliases/champion").allowed
    False
"""

# ruff: noqa: S608  (only our own names are formatted into statements)

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from auditkit.access.kept.seal import Approvers, Seal, parse_seal
from auditkit.access.kept.source import PolicyInForce, Sealed
from auditkit.access.policy.control import AccessControl
from auditkit.access.policy.rules import (
    AccessRule,
    AccessRules,
    Grant,
    grant_from,
    parse_rules,
    rule_from,
)
from auditkit.access.policy.settings import parse_settings
from auditkit.canonical import Digest, digest_of
from auditkit.database import Connection, SharedConnection, connect
from auditkit.errors import InputError, PolicyError, VerificationError
from auditkit.signing.private_keys import PrivateKey

_HEAD: Final = (
    "version", "digest", "previous", "author", "approver", "approved", "model", "settings", "seal"
)  # fmt: skip
_TOKENS: Final = ("v0", "v1", "v2", "v3", "v4")
_CREATE: Final = (
    "CREATE TABLE IF NOT EXISTS auditkit_access_policy (version INTEGER NOT NULL PRIMARY KEY, "
    + ", ".join(f"{name} TEXT NOT NULL" for name in _HEAD[1:])
    + ")",
    "CREATE TABLE IF NOT EXISTS auditkit_access_rule (version INTEGER NOT NULL, "
    "position INTEGER NOT NULL, kind TEXT NOT NULL, "
    + ", ".join(f"{name} TEXT" for name in _TOKENS)
    + ", PRIMARY KEY (version, position))",
)
_ALL: Final = f"SELECT {', '.join(_HEAD)} FROM auditkit_access_policy"
_LOCK_SECONDS: Final = 5.0


@dataclass(frozen=True, kw_only=True, slots=True)
class PolicyVersion:
    """One version of a policy.

    Attributes:
        version: Its number, from 1.
        digest: Digest of its content and the digest before it.
        author: Who wrote it.
        approver: Who approved it.
        approved: When, as ISO 8601.
    """

    version: int
    digest: Digest
    author: str
    approver: str
    approved: str


class SqlPolicyStore:
    """Versions of a policy in a database.

    Args:
        url: `sqlite:///access.db`, or `postgresql://user@host/name`.

    Raises:
        InputError: If the database cannot be opened.
    """

    def __init__(self, url: str) -> None:
        self._shared = SharedConnection(
            lambda: connect(
                url, "access policy", error=InputError, write=True, lock_timeout_s=_LOCK_SECONDS
            )
        )
        with self._shared.alone() as connection, connection.transaction():
            for statement in _CREATE:
                connection.execute(statement)

    def publish(
        self,
        texts: dict[str, str],
        *,
        author: str,
        approver: str,
        now: datetime,
        key: PrivateKey | None = None,
    ) -> int:
        """Adds a version, whole or not at all.

        Args:
            texts: The policy's files, as `auditkit.access.policy.control.read_texts` gives them.
            author: Who wrote it.
            approver: Who approves it.
            now: The time, with its zone.
            key: The approver's key, to sign the version; None: it stays unsigned.

        Returns:
            The version's number.

        Raises:
            AccessDeniedError: If the approver is the author.
            PolicyError: If the policy is invalid.
            InputError: If the database cannot be written.
            KeyFileError: If the key cannot be used.
        """
        AccessControl.from_texts(texts)
        rules = parse_rules(texts["policy.csv"])
        rows = [("p", *rule.tokens) for rule in rules.rules]
        rows += [("g", *grant.tokens) for grant in rules.grants]
        with self._shared.alone() as connection, connection.transaction():
            last = connection.query(f"{_ALL} ORDER BY version DESC LIMIT 1")
            before = _head(last[0]) if last else None
            version = before["version"] + 1 if before else 1
            head: dict[str, Any] = {
                "version": version,
                "previous": before["digest"] if before else "",
                "author": author,
                "approver": approver,
                "approved": now.isoformat(),
                "model": texts["model.conf"],
                "settings": texts["access.yaml"],
            }
            seal = Seal(
                digest=_digest(head, rows),
                author=author,
                approver=approver,
                approved=now.isoformat(),
            )
            kept = {**head, "digest": str(seal.digest), "seal": seal.to_text(key)}
            connection.execute_many(
                f"INSERT INTO auditkit_access_policy ({', '.join(_HEAD)}) "
                f"VALUES ({', '.join('?' * len(_HEAD))})",
                [tuple(kept[name] for name in _HEAD)],
            )
            connection.execute_many(
                "INSERT INTO auditkit_access_rule VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                [_row(version, place, row) for place, row in enumerate(rows, start=1)],
            )
        return int(version)

    def load(self, version: int | None = None) -> AccessControl:
        """Like `read`, without the seal."""
        return self.read(version)[0]

    def follow(self, *, approvers: Approvers | None = None) -> PolicyInForce:
        """The last version, reloaded when another is published.

        Args:
            approvers: Whose signatures count; None: no signature is required.

        Raises:
            PolicyError: If there is none, or it is invalid.
            VerificationError: If it is not what was approved, or not signed as required.
        """
        return PolicyInForce(self._last, self.read, approvers=approvers or {})

    def _last(self) -> int | None:
        ((last,),) = self._shared.read(
            lambda connection: connection.query("SELECT MAX(version) FROM auditkit_access_policy")
        )
        return None if last is None else int(last)

    def read(self, version: int | None = None) -> Sealed:
        """A version of the policy and its seal, checked against its digest and its predecessor's.

        Args:
            version: Its number; None: the last.

        Raises:
            PolicyError: If there is none, or a row is not a rule.
            VerificationError: If a row was changed since it was published.
        """
        head, rows, before = self._shared.read(lambda connection: _stored(connection, version))
        if head["previous"] != before or str(_digest(head, rows)) != head["digest"]:
            raise VerificationError(
                f"Version {head['version']} of the access policy is not what was approved.",
                remedy="find out who wrote to the database",
            )
        access = AccessControl(
            _rules(rows), parse_settings(head["settings"]), model=str(head["model"])
        )
        return access, _sealed(head)

    def history(self) -> tuple[PolicyVersion, ...]:
        """Every version, oldest first."""
        rows = self._shared.read(lambda connection: connection.query(f"{_ALL} ORDER BY version"))
        return tuple(
            PolicyVersion(
                version=head["version"],
                digest=Digest.parse(head["digest"]),
                author=head["author"],
                approver=head["approver"],
                approved=head["approved"],
            )
            for head in map(_head, rows)
        )

    def close(self) -> None:
        """Closes the connection."""
        self._shared.close()


def _stored(
    connection: Connection, version: int | None
) -> tuple[dict[str, Any], list[tuple[str, ...]], str]:
    """A version's head and rules, and the digest of the version before it."""
    connection.begin_reading()
    if version is None:
        found = connection.query(f"{_ALL} ORDER BY version DESC LIMIT 1")
    else:
        found = connection.query(f"{_ALL} WHERE version = ?", (version,))
    if not found:
        raise PolicyError("The database holds no such version of the policy.", remedy="publish one")
    head = _head(found[0])
    rules = connection.query(
        f"SELECT kind, {', '.join(_TOKENS)} FROM auditkit_access_rule WHERE version = ? "
        "ORDER BY position",
        (head["version"],),
    )
    before = connection.query(
        "SELECT digest FROM auditkit_access_policy WHERE version = ?", (head["version"] - 1,)
    )
    connection.commit()
    rows = [tuple(token for token in row if token is not None) for row in rules]
    return head, rows, before[0][0] if before else ""


def _head(row: tuple[Any, ...]) -> dict[str, Any]:
    return dict(zip(_HEAD, row, strict=True))


def _row(version: int, position: int, row: tuple[str, ...]) -> tuple[Any, ...]:
    kind, *tokens = row
    return (version, position, kind, *tokens, *[None] * (len(_TOKENS) - len(tokens)))


def _sealed(head: dict[str, Any]) -> Seal:
    seal = parse_seal(head["seal"])
    said = (str(seal.digest), seal.author, seal.approver, seal.approved)
    if said != tuple(head[name] for name in ("digest", "author", "approver", "approved")):
        raise VerificationError(
            f"The seal of version {head['version']} of the access policy does not match it.",
            remedy="find out who wrote to the database",
        )
    return seal


def _digest(head: dict[str, Any], rows: list[tuple[str, ...]]) -> Digest:
    covered = ("version", "previous", "author", "approver", "approved", "model", "settings")
    content = {name: head[name] for name in covered}
    return digest_of("access-policy-version/v1", {**content, "rules": [list(row) for row in rows]})


def _rules(rows: list[tuple[str, ...]]) -> AccessRules:
    rules: list[AccessRule] = []
    grants: list[Grant] = []
    for position, (kind, *tokens) in enumerate(rows, start=1):
        if kind == "g":
            grants.append(grant_from(tokens, line=position))
        else:
            rules.append(rule_from(tokens, kind=kind, line=position))
    if not rules:
        raise PolicyError("The database's policy has no rules.", remedy="publish one with rules")
    return AccessRules(tuple(rules), tuple(grants))
