"""The draft of an access policy: changed by one user, put into force by another.

A draft is the files in a policy's folder. A change of roles notes its author beside them; only
somebody else may approve it, and what is approved is what was read and checked.

Users are taken at their word here: on one machine, whoever may write the files may write the
author's name too.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from auditkit.access.kept.folder import read_seal, seal_texts
from auditkit.access.kept.seal import Seal
from auditkit.access.policy.control import AccessControl, read_texts
from auditkit.access.policy.duties import conflicts
from auditkit.access.policy.rules import parse_rules
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
        if found := conflicts(self.access.snapshot):
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
            remedy=f"give one of {', '.join(roles)}, or write rules for it into policy.csv",
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
    lines = enumerate(draft.texts[_RULES].split("\n"), start=1)
    _write(draft, "\n".join(text for number, text in lines if number not in removed), by)


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
    return f"g, {user}, role:{role.removeprefix('role:')}, {domain}"


def _write(draft: Draft, rules: str, by: str) -> None:
    """Writes changed rules, if they can be read, and notes who changed them."""
    AccessControl(parse_rules(rules, source="the changed policy"), draft.access.settings)
    write_whole(draft.folder / _RULES, rules.encode())
    write_whole(draft.folder / _AUTHOR, f"{by}\n".encode())
