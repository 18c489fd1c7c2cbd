"""The plan of a request: the permissions it needs, and what it would change.

A plan is made from the routed endpoint and from what the server's own parser reads, never from the
path's text. An endpoint without a plan is denied.
"""

from __future__ import annotations

from dataclasses import dataclass

from auditkit.access.record.moves import Target
from auditkit.access.record.owners import Owned


@dataclass(frozen=True, slots=True)
class RequiredPermission:
    """One thing that must be allowed."""

    verb: str
    object: str
    subtree: bool = False
    """Whether everything below the object must be allowed too: lists and queries show it all."""
    owned: Owned = ()
    """The run, model or version whose owner has `role:owner` for this permission; empty: none."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RequestPlan:
    """The effects of a request.

    Attributes:
        needs: All of them must be allowed; at least one.
        mutates: Whether it changes anything; if so, its decision is durable before it takes effect.
        promotes: The move of an alias or stage that it asks for.
        demotes: Aliases or stages that would point nowhere afterwards.
        aliases_moved: Aliases or stages that a rename would bring to the new name; none of them may
            be protected there.
        renames: A model's old name and its new one; None: it renames nothing.
        writes: Paths below the artifact root that it would write or delete; requires `mutates`.
        changes: Names of records of runs, logged models and versions that it would change, see
            `auditkit.access.record.approved.run_record` and its like; requires `mutates`.
        links: Paths below the artifact root for which it would hand out a link to the storage.
        describes: A model and its version, or no version, whose description it would change.
        latest_of: The model whose latest version it asks for, whichever that is; empty: none.
        locates: Canonical names of locations that it chooses for files to come; nobody else's files
            may be there.
        refusal: Why it is refused whatever the policy says; empty: it is not.
        list_field: The list of the answer to filter, "registered_models" or "model_versions";
            empty: none.
    """

    needs: tuple[RequiredPermission, ...]
    mutates: bool = False
    promotes: Target | None = None
    demotes: tuple[Target, ...] = ()
    aliases_moved: tuple[Target, ...] = ()
    renames: tuple[str, str] | None = None
    writes: tuple[str, ...] = ()
    changes: tuple[str, ...] = ()
    links: tuple[str, ...] = ()
    describes: tuple[str, str] | None = None
    latest_of: str = ""
    locates: tuple[str, ...] = ()
    refusal: str = ""
    list_field: str = ""

    def __post_init__(self) -> None:
        if (self.writes or self.changes) and not self.mutates:
            raise ValueError("a plan that writes files or changes records mutates")

    @property
    def is_held(self) -> bool:
        """Whether it may need more than a rule that allows it."""
        touched = (self.promotes, self.renames, self.describes)
        named = (self.demotes, self.aliases_moved, self.writes, self.changes, self.links)
        return any((*named, self.locates)) or any(one is not None for one in touched)
