"""The effects of a policy change: decisions that differ, and logged decisions that would."""

from __future__ import annotations

from collections.abc import Iterable

from auditkit.access.policy.control import AccessControl
from auditkit.access.policy.vocabulary import ANYBODY, DEFAULT_DOMAIN, OWNER, VERBS
from auditkit.access.record.log import LoggedEntry
from auditkit.access.record.logged import logged_decisions

# user, verb, object, before, after
Change = tuple[str, str, str, str, str]


def differences(old: AccessControl, new: AccessControl) -> tuple[Change, ...]:
    """Decisions that differ between two policies, on a concrete object for each of their patterns.

    Args:
        old: The policy before.
        new: The policy after.
    """
    users = [(user, ()) for user in sorted({*old.rules.users, *new.rules.users})]
    groups = sorted({*old.settings.groups, *new.settings.groups})
    who: list[tuple[str, tuple[str, ...]]] = [*users, *((ANYBODY, (group,)) for group in groups)]
    patterns = {rule.object for access in (old, new) for rule in access.rules.rules}
    objects = sorted({p.replace("**", "any").replace("*", "any") for p in patterns})
    found = []
    for user, member_of in who:
        name = f"group:{member_of[0]}" if member_of else user
        for verb in VERBS:
            for obj in objects:
                before = old.decide(user, verb, obj, groups=member_of)
                after = new.decide(user, verb, obj, groups=member_of)
                if before.allowed != after.allowed:
                    found.append((name, verb, obj, _word(before.allowed), _word(after.allowed)))
    return tuple(found)


def replayed(draft: AccessControl, entries: Iterable[LoggedEntry]) -> tuple[Change, ...]:
    """Logged decisions that a draft would make differently, each once.

    Args:
        draft: The policy to try.
        entries: The log.
    """
    found: dict[Change, None] = {}
    for logged in logged_decisions(entries):
        user, domain = str(logged["user"]), str(logged.get("domain", DEFAULT_DOMAIN))
        role_and_domain = logged.get("only")
        only = (str(role_and_domain[0]), str(role_and_domain[1])) if role_and_domain else None
        # A request that was refused before its effect was known names no decisions.
        for part in logged.get("decisions", ()):
            verb, obj, before = str(part["verb"]), str(part["object"]), bool(part["allowed"])
            after = draft.decide(
                user,
                verb,
                obj,
                domain=domain,
                roles=(OWNER,) if part.get("owned") else (),
                groups=logged.get("groups", ()),
                only=only,
            ).allowed
            if after != before:
                found[user, verb, obj, _word(before), _word(after)] = None
    return tuple(found)


def _word(allowed: bool) -> str:  # noqa: FBT001
    return "allowed" if allowed else "denied"
