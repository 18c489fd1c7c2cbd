"""Who holds which role, users and groups alike: the tables of a review that a policy gives.

A group stands for whoever is in it, as `group:NAME`; who that is only the identity provider knows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Final, TypeVar

from auditkit.access.policy.control import AccessControl
from auditkit.access.policy.rules import Grant
from auditkit.access.policy.vocabulary import DEFAULT_DOMAIN
from auditkit.evidence import Cell, Table

GROUP: Final = "group:"
Rows = tuple[tuple[Cell, ...], ...]
_Held = TypeVar("_Held")


def grants(access: AccessControl) -> Table:
    """Every role that a user or a group has, directly or through another."""
    return table(
        "grants",
        "Who has which role",
        ("user", "domain", "role", "through"),
        tuple(
            (name, domain, role, " > ".join(path))
            for name in _holders(access)
            for domain, (role, path) in _where(access, _roles(access, name))
        ),
    )


def promoters(access: AccessControl) -> Table:
    """Who may promote, for each pattern of objects that a rule names."""
    promoting = [
        rule
        for rule in access.rules.rules
        if rule.effect == "allow" and rule.verb in ("*", "model:*", "model:promote")
    ]

    def ways(name: str) -> Callable[[str], Iterable[tuple[str, str]]]:
        def in_domain(domain: str) -> Iterable[tuple[str, str]]:
            held = {name, *(role for role, _ in _roles(access, name)(domain))}
            return dict.fromkeys(
                (rule.object, rule.subject)
                for rule in promoting
                if rule.subject in held and rule.domain in ("*", domain)
            )

        return in_domain

    return table(
        "promoters",
        "Who may promote what, before approvals; denials are in the policy",
        ("user", "domain", "objects", "through"),
        tuple(
            (name, domain, *way)
            for name in _holders(access)
            for domain, way in _where(access, ways(name))
        ),
    )


def unused(
    access: AccessControl, used: Mapping[tuple[str, str], datetime], now: datetime, days: int
) -> Table:
    """Grants through which nothing was allowed lately.

    Args:
        access: The policy.
        used: When a user or a group was last allowed something through a role.
        now: The time.
        days: After how many days a grant counts as unused.
    """
    rows: list[tuple[Cell, ...]] = []
    for grant in _grants_of_holders(access):
        domain = grant.domain if grant.domain != "*" else DEFAULT_DOMAIN
        reached = {grant.role, *access.snapshot.roles_of(grant.role, domain)}
        times = [used[key] for role in reached if (key := (grant.member, role)) in used]
        last = max(times, default=None)
        if last is None or now - last > timedelta(days=days):
            rows.append((grant.member, grant.role, grant.domain, day(last) if last else "never"))
    return table(
        "unused_grants",
        f"Grants through which nothing was allowed for {days} days",
        ("user", "role", "domain", "last_used"),
        tuple(rows),
    )


def table(name: str, title: str, columns: tuple[str, ...], rows: Rows) -> Table:
    """A table of a review."""
    return Table(name=f"access_{name}", title=title, columns=columns, rows=rows)


def day(time: datetime) -> str:
    """A time as the tables show it."""
    return time.isoformat(timespec="seconds")


def _holders(access: AccessControl) -> list[str]:
    return [*access.rules.users, *(f"{GROUP}{group}" for group in sorted(access.settings.groups))]


def _grants_of_holders(access: AccessControl) -> Iterator[Grant]:
    """What is granted to users and groups directly."""
    yield from (grant for grant in access.rules.grants if not grant.member.startswith("role:"))
    for group in sorted(access.settings.groups):
        for given in access.settings.group_roles(group):
            yield Grant(f"{GROUP}{group}", given.role, given.domain)


def _roles(
    access: AccessControl, name: str
) -> Callable[[str], Iterable[tuple[str, tuple[str, ...]]]]:
    """The roles of a user or a group in a domain, each with the shortest chain to it."""
    snapshot, group = access.snapshot, name.removeprefix(GROUP)

    def in_domain(domain: str) -> Iterable[tuple[str, tuple[str, ...]]]:
        if not name.startswith(GROUP):
            held = snapshot.roles_of(name, domain)
            return [(role, snapshot.path_to(name, role, domain)) for role in held]
        paths: dict[str, tuple[str, ...]] = {}
        for given in access.settings.roles_of((group,), domain):
            for role in (given, *snapshot.roles_of(given, domain)):
                path = (name, *snapshot.path_to(given, role, domain))
                paths[role] = min(paths.get(role, path), path, key=len)
        return sorted(paths.items())

    return in_domain


def _where(
    access: AccessControl, holding: Callable[[str], Iterable[_Held]]
) -> Iterator[tuple[str, _Held]]:
    """Rows of every domain, under `*`, and further rows of each named domain."""
    everywhere = list(holding("*"))
    yield from (("*", thing) for thing in everywhere)
    named = {rule.domain for rule in access.rules.rules}
    named |= {grant.domain for grant in (*access.rules.grants, *_grants_of_holders(access))}
    for domain in sorted(named - {"*"}):
        yield from ((domain, thing) for thing in holding(domain) if thing not in everywhere)
