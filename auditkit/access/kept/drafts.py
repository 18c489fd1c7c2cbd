"""The draft of an access policy: changed by one user, put into force by another.

A draft is the files in a policy's folder. A change of roles notes its author beside them; only
somebody else may approve it, and what is approved is what was read and checked.

Users are taken at their word here: on one machine, whoever may write the files may write the
author's name too.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from auditkit.access.kept.folder import read_seal, seal_texts
from auditkit.access.kept.seal import Seal
from auditkit.access.policy.control import AccessControl, read_texts
from auditkit.access.policy.duties import conflicts
from auditkit.access.policy.rules import AccessRule, parse_rules, rule_from
from auditkit.access.policy.vocabulary import role_name
from auditkit.errors import AccessDeniedError, InputError, PolicyError
from auditkit.files import read_text, write_whole
from auditkit.signing.private_keys import PrivateKey

_RULES: Final = "policy.csv"
_AUTHOR: Final = ".draft-author"


@dataclass(frozen=True, slots=True)
class Draft:
    """A draft as it was read, once.

    Attributes:
        folder: Holds its files.
        texts: The files, by name.
        access: The policy that they are.
        author: Who changed it since the last approval; empty if nobody is noted.
    """

    folder: Path
    texts: dict[str, str]
    access: AccessControl
    author: str

    @property
    def is_first(self) -> bool:
        """Whether the policy was never sealed, so that its approvers name themselves."""
        return read_seal(self.folder) is None or not self.access.rules.users

    def require_approval_by(self, approver: str) -> None:
        """Checks that a user may approve the draft.

        Raises:
            InputError: If the draft's author is not known.
            AccessDeniedError: If the draft does not allow the approver to approve.
            PolicyError: If one person could do what takes two.
        """
        if not self.author:
            raise InputError(
                "Nobody is noted as the draft's author: nothing was granted or revoked since the "
                "last approval.",
                remedy="if you edited its files, or want to sign it now, give --author NAME",
            )
        self.access.require(approver, "policy:approve", "policy")
        if found := conflicts(self.access.snapshot, self.access.settings):
            raise PolicyError(
                f"The draft lets one person do what takes two: {found[0]}.",
                remedy="take a role away: auditkit access revoke; auditkit access lint lists them "
                "all",
            )

    def seal(self, *, approver: str, now: datetime, key: PrivateKey | None = None) -> Seal:
        """Puts the draft into force, as it was read.

        Args:
            approver: Who approves it.
            now: The time, with its zone.
            key: The approver's, to sign the seal; None: it stays unsigned.

        Raises:
            AccessDeniedError: If the approver is the author.
            KeyFileError: If the key cannot be used.
        """
        seal = seal_texts(
            self.folder, self.texts, author=self.author, approver=approver, now=now, key=key
        )
        (self.folder / _AUTHOR).unlink(missing_ok=True)
        return seal


@dataclass(frozen=True, slots=True)
class RuleChange:
    """A change of a draft's rules.

    Attributes:
        lines: The rules, as the file has or had them.
        is_changed: Whether the draft is another one now.
        is_new_role: Whether no rule and no grant named the role before.
    """

    lines: tuple[str, ...]
    is_changed: bool
    is_new_role: bool


def read_draft(folder: str | Path, *, author: str = "") -> Draft:
    """Reads the draft in a folder.

    Args:
        folder: Holds the policy's files.
        author: Who wrote it. Default: who is noted beside it.

    Raises:
        PolicyError: If a file is missing, unreadable or wrong.
    """
    where = Path(folder)
    texts = read_texts(where)
    noted = where / _AUTHOR
    if not author and noted.exists():
        author = read_text(noted).strip()
    return Draft(where, texts, AccessControl.from_texts(texts), author)


def grant_role(folder: str | Path, user: str, role: str, *, domain: str, by: str) -> None:
    """Gives a role to a user, in the draft.

    Args:
        folder: Holds the policy's files.
        user: The user's name on the server.
        role: The role's name, with or without `role:`.
        domain: The workspace or environment; `*` for all.
        by: Who makes the change.

    Raises:
        InputError: If the draft has no such role.
        AccessDeniedError: If `by` may not propose a change, or somebody else's waits for approval.
        PolicyError: If the draft is wrong, before or after.
    """
    draft = _draft_to_change(folder, by)
    roles = [name.removeprefix("role:") for name in draft.access.rules.roles]
    if role.removeprefix("role:") not in roles:
        raise InputError(
            f"The draft has no role {role!r}.",
            remedy=f"give one of {', '.join(roles)}, or make it: auditkit access allow",
        )
    line = _grant_line(user, role, domain)
    _write(draft, f"{draft.texts[_RULES].rstrip()}\n{line}\n", by)


def revoke_role(folder: str | Path, user: str, role: str, *, domain: str, by: str) -> None:
    """Takes a role from a user, in the draft.

    Args:
        folder: Holds the policy's files.
        user: The user's name on the server.
        role: The role's name, with or without `role:`.
        domain: The domain that the grant names; `*` is one that names all.
        by: Who makes the change.

    Raises:
        InputError: If the draft has no such grant.
        AccessDeniedError: If `by` may not propose a change, or somebody else's waits for approval.
        PolicyError: If the draft is wrong, before or after.
    """
    draft = _draft_to_change(folder, by)
    line = _grant_line(user, role, domain)
    removed = [grant.line for grant in draft.access.rules.grants if str(grant) == line]
    if not removed:
        raise InputError(
            "The draft has no such grant.", remedy="list the grants: auditkit access roles"
        )
    _write(draft, _without(draft, set(removed)), by)


def add_rule(
    folder: str | Path, role: str, verb: str, obj: str, effect: str, *, domain: str, by: str
) -> RuleChange:
    """Adds a rule for a role to the draft, below the role's other rules.

    A rule that is there already is left alone.

    Args:
        folder: Holds the policy's files.
        role: The role's name, with or without `role:`; a new name makes a role.
        verb: A verb, `*`, or `model:*`.
        obj: A pattern of objects.
        effect: "allow" or "deny".
        domain: The workspace or environment; `*` for all.
        by: Who makes the change.

    Raises:
        AccessDeniedError: If `by` may not propose a change, or somebody else's waits for approval.
        InputError: If the rule is malformed, or the draft denies the same, so that allowing it has
            no effect.
        PolicyError: If the draft is wrong, before or after.
    """
    draft = _draft_to_change(folder, by)
    new = _new_rule([role_name(role), domain, obj, verb, effect])
    same = [rule for rule in draft.access.rules.rules if rule.tokens[:4] == new.tokens[:4]]
    is_new_role = new.subject not in draft.access.rules.roles
    if any(rule.effect == effect for rule in same):
        return RuleChange((str(new),), is_changed=False, is_new_role=False)
    if same and effect == "allow":
        raise InputError(
            f"The draft denies exactly this, at line {same[0].line}, and a denial overrides.",
            remedy="take that rule back first: auditkit access drop",
        )
    lines = draft.texts[_RULES].rstrip().split("\n")
    own = [rule.line for rule in draft.access.rules.rules if rule.subject == new.subject]
    lines.insert(own[-1] if own else len(lines), str(new))
    _write(draft, "\n".join(lines) + "\n", by)
    return RuleChange((str(new),), is_changed=True, is_new_role=is_new_role)


def drop_rule(
    folder: str | Path, role: str, verb: str, obj: str, *, domain: str, by: str
) -> RuleChange:
    """Takes a rule of a role out of the draft, whether it allows or denies.

    Args:
        folder: Holds the policy's files.
        role: The role's name, with or without `role:`.
        verb: The verb, as the rule has it.
        obj: The pattern of objects, as the rule has it.
        domain: The domain, as the rule has it.
        by: Who makes the change.

    Raises:
        AccessDeniedError: If `by` may not propose a change, or somebody else's waits for approval.
        InputError: If the draft has no such rule.
        PolicyError: If the draft is wrong, before or after.
    """
    draft = _draft_to_change(folder, by)
    subject = role_name(role)
    own = [rule for rule in draft.access.rules.rules if rule.subject == subject]
    dropped = [rule for rule in own if rule.tokens[1:4] == (domain, obj, verb)]
    if not dropped:
        there = "; ".join(f"{r.verb} {r.object} --domain '{r.domain}'" for r in own) or "none"
        raise InputError("The draft has no such rule.", remedy=f"those of {subject} are: {there}")
    _write(draft, _without(draft, {rule.line for rule in dropped}), by)
    return RuleChange(tuple(str(rule) for rule in dropped), is_changed=True, is_new_role=False)


def _new_rule(tokens: list[str]) -> AccessRule:
    try:
        new = rule_from(tokens)
    except PolicyError as error:
        raise InputError(f"This is no rule: {error.message}.", remedy=error.remedy) from error
    parts = new.object.split("/")
    for part in parts[3:] if parts[2:3] in (["aliases"], ["stages"], ["tags"]) else ():
        if part != _lower(part):
            raise InputError(
                f"No request is about {new.object}: aliases, stages and tags are in lower case.",
                remedy=f"write {part} as {_lower(part)}",
            )
    return new


def _lower(part: str) -> str:
    """A part of a pattern in lower case; escapes such as %2E stay as they are."""
    return re.sub(r"%..|[^%]+", lambda m: m[0] if m[0][0] == "%" else m[0].casefold(), part)


def _draft_to_change(folder: str | Path, by: str) -> Draft:
    """The draft, after checking that a user may change it."""
    draft = read_draft(folder)
    access = draft.access
    # Until somebody holds the right, whoever sets the policy up does.
    if any(access.decide(u, "policy:propose", "policy") for u in access.rules.users):
        access.require(by, "policy:propose", "policy")
    if draft.author and draft.author != by:
        raise AccessDeniedError(
            "The draft holds changes by somebody else that nobody has approved yet.",
            remedy="have them approved first",
        )
    return draft


def _grant_line(user: str, role: str, domain: str) -> str:
    return f"g, {user}, {role_name(role)}, {domain}"


def _without(draft: Draft, removed: Collection[int]) -> str:
    """The rules' text without some of its lines, counted from 1."""
    lines = enumerate(draft.texts[_RULES].split("\n"), start=1)
    return "\n".join(text for number, text in lines if number not in removed)


def _write(draft: Draft, rules: str, by: str) -> None:
    """Writes changed rules, if they can be read, and notes who changed them."""
    AccessControl(parse_rules(rules, source="the changed policy"), draft.access.settings)
    write_whole(draft.folder / _RULES, rules.encode())
    write_whole(draft.folder / _AUTHOR, f"{by}\n".encode())
