"""Access policies in a database: every version, with its author, approver and predecessor.

Rows hold tokens, one column each, and are parsed as strictly as a file: a name with a comma is
refused, where the usual adapters would split it into another rule. A version's digest covers its
rules, settings, model and the digest before it, and is checked on loading. Its seal is stored
beside it, signed by its approver if that is required.

Example:
    >>> from datetime import UTC
    >>> from auditkit.access.policy.control import read_texts
    >>> store = SqlPolicyStore("sqlite://")
    >>> now = datetime(2026, 1, 1, tzinfo=UTC)
    >>> store.publish(read_texts(None), author="adam", approver="paula", now=now)
    1
    >>> store.load().decide("eve", "model:promote", "models/x/aliases/champion").allowed
    False
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import (
    Column,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    create_engine,
    func,
    insert,
    select,
)
from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from sqlalchemy.pool import StaticPool

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
from auditkit.errors import InputError, PolicyError, VerificationError
from auditkit.signing.private_keys import PrivateKey

_METADATA: Final = MetaData()
_POLICIES: Final = Table(
    "auditkit_access_policy",
    _METADATA,
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("digest", String(71), nullable=False),
    Column("previous", String(71), nullable=False),
    Column("author", String(255), nullable=False),
    Column("approver", String(255), nullable=False),
    Column("approved", String(40), nullable=False),
    Column("model", Text, nullable=False),
    Column("settings", Text, nullable=False),
    Column("seal", Text, nullable=False),
)
_TOKENS: Final = ("v0", "v1", "v2", "v3", "v4")
_RULES: Final = Table(
    "auditkit_access_rule",
    _METADATA,
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("kind", String(1), nullable=False),
    *(Column(name, Text) for name in _TOKENS),
)


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
        url: SQLAlchemy URL: `sqlite:///access.db`, `postgresql+psycopg://user@host/name`.

    Raises:
        InputError: If the database cannot be opened.
    """

    def __init__(self, url: str) -> None:
        memory: dict[str, Any] = {"poolclass": StaticPool} if url == "sqlite://" else {}
        try:
            self._engine = create_engine(url, **memory)
            _METADATA.create_all(self._engine)
        except (SQLAlchemyError, ImportError) as error:
            raise InputError(
                "The policy's database cannot be opened.",
                remedy="check its URL, and that its server runs",
            ) from error

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
            PolicyError: If the policy is invalid, or somebody else published meanwhile.
            KeyFileError: If the key cannot be used.
        """
        AccessControl.from_texts(texts)
        rules = parse_rules(texts["policy.csv"])
        rows = [("p", *rule.tokens) for rule in rules.rules]
        rows += [("g", *grant.tokens) for grant in rules.grants]
        try:
            with self._engine.begin() as connection:
                last = connection.execute(
                    select(_POLICIES.c.version, _POLICIES.c.digest)
                    .order_by(_POLICIES.c.version.desc())
                    .limit(1)
                ).first()
                version, previous = (last[0] + 1, last[1]) if last else (1, "")
                head = {
                    "version": version,
                    "previous": previous,
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
                kept = {"digest": str(seal.digest), "seal": seal.to_text(key)}
                connection.execute(insert(_POLICIES), {**head, **kept})
                connection.execute(
                    insert(_RULES),
                    [_row(version, position, row) for position, row in enumerate(rows, start=1)],
                )
        except IntegrityError as error:
            raise PolicyError(
                "Somebody else published a version meanwhile.",
                remedy="read that version, then try again",
            ) from error
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
        try:
            with self._engine.connect() as connection:
                last: int | None = connection.execute(
                    select(func.max(_POLICIES.c.version))
                ).scalar()
                return last
        except SQLAlchemyError as error:
            raise InputError(
                "The policy's database cannot be read.",
                remedy="check its URL, and that its server runs",
            ) from error

    def read(self, version: int | None = None) -> Sealed:
        """A version of the policy and its seal, checked against its digest and its predecessor's.

        Args:
            version: Its number; None: the last.

        Raises:
            PolicyError: If there is none, or a row is not a rule.
            VerificationError: If a row was changed since it was published.
        """
        with self._engine.connect() as connection:
            query = select(_POLICIES).order_by(_POLICIES.c.version.desc())
            if version is not None:
                query = query.where(_POLICIES.c.version == version)
            head = connection.execute(query.limit(1)).mappings().first()
            if head is None:
                raise PolicyError(
                    "The database holds no such version of the policy.", remedy="publish one"
                )
            found = connection.execute(
                select(_RULES)
                .where(_RULES.c.version == head["version"])
                .order_by(_RULES.c.position)
            ).mappings()
            rows = [
                (r["kind"], *(r[name] for name in _TOKENS if r[name] is not None)) for r in found
            ]
            before = connection.execute(
                select(_POLICIES.c.digest).where(_POLICIES.c.version == head["version"] - 1)
            ).scalar()
        if head["previous"] != (before or "") or str(_digest(dict(head), rows)) != head["digest"]:
            raise VerificationError(
                f"Version {head['version']} of the access policy is not what was approved.",
                remedy="find out who wrote to the database",
            )
        access = AccessControl(
            _rules(rows), parse_settings(head["settings"]), model=str(head["model"])
        )
        return access, _sealed(dict(head))

    def history(self) -> tuple[PolicyVersion, ...]:
        """Every version, oldest first."""
        with self._engine.connect() as connection:
            rows = connection.execute(select(_POLICIES).order_by(_POLICIES.c.version)).mappings()
            return tuple(
                PolicyVersion(
                    version=row["version"],
                    digest=Digest.parse(row["digest"]),
                    author=row["author"],
                    approver=row["approver"],
                    approved=row["approved"],
                )
                for row in rows
            )

    def close(self) -> None:
        """Closes connections."""
        self._engine.dispose()


def _row(version: int, position: int, row: tuple[str, ...]) -> dict[str, Any]:
    kind, *tokens = row
    padded = [*tokens, *[None] * (len(_TOKENS) - len(tokens))]
    return {
        "version": version,
        "position": position,
        "kind": kind,
        **dict(zip(_TOKENS, padded, strict=True)),
    }


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
