"""Finds the files that an audit file or a policy names.

Laws:
    - A bare name, such as `lending`, means a policy or control pack that comes with auditkit. Any
      other spelling is a path, and a missing file is never replaced by another.
    - Paths in an audit file are relative to its folder, whatever the working directory, and stay
      inside it; so do those of control packs and the policy's folder. `..`, links and absolute
      paths are resolved first. A file outside is read only if the user who runs the audit allows
      it: the audit file cannot allow it.
    - Errors never quote a file's content, because it may be the wrong file.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from auditkit.documents import lines_of
from auditkit.errors import InputError, PolicyError
from auditkit.files import WRITTEN_BY_PEOPLE, read_bytes, read_text
from auditkit.judgement.controls import ControlPack, parse_pack
from auditkit.policy import Policy, PolicySource, parse_policy
from auditkit.resources import data_path
from auditkit.subject import Task

AUDIT_FILE: Final = "the audit file"
POLICY: Final = "the policy"
# The policy to begin with for each task.
STARTERS: Final = {
    Task.BINARY: "starter",
    Task.CLASSES: "starter-multiclass",
    Task.NUMBER: "starter-regression",
}

_BARE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*\Z")
_PACKAGED: Final = (
    "hospital, lending, starter, starter-challenger, starter-multiclass, starter-regression"
)
_POLICY_REMEDY: Final = (
    f"check the path; for a policy that comes with auditkit give only its name: {_PACKAGED}"
)
_PACK_REMEDY: Final = "check the path; it is relative to the policy's folder"


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """A folder whose files may be named, and what may be read beside it.

    Attributes:
        folder: The folder that names are relative to.
        of: The file there that names them, for example "the audit file".
        outside: Files and folders elsewhere that the user who runs the audit allows.
    """

    folder: Path
    of: str = AUDIT_FILE
    outside: tuple[Path, ...] = ()

    def find(self, name: str, *, what: str) -> Path:
        """The path of a file by its name, whether it exists or not.

        Args:
            name: A path, relative to the folder or absolute.
            what: Its name in errors, for example "model".

        Raises:
            PolicyError: If it leads outside, and that is not allowed.
        """
        path = self.folder / name
        try:
            real = path.resolve()
            allowed = [p.resolve() for p in (self.folder, *self.outside)]
        except (OSError, RuntimeError, ValueError) as error:  # a loop of links, a null character
            raise PolicyError(
                f"The {what} {name!r} is not a valid path.", remedy="give another path"
            ) from error
        if not any(real.is_relative_to(one) for one in allowed):
            raise PolicyError(
                f"The {what} {name!r} leads outside the folder of {self.of}.",
                remedy=f"copy it into that folder{self._or_allow(path)}",
            )
        return path

    def _or_allow(self, path: Path) -> str:
        return (
            f", or allow it: --allow-outside {shlex.quote(str(path.parent))}"
            if self.of == AUDIT_FILE
            else ""
        )


def is_bare(name: object) -> bool:
    """Whether a text names something that comes with auditkit: no separator, no suffix."""
    return isinstance(name, str) and _BARE.match(name) is not None


def policy_path(policy: str | Path) -> Path:
    """The file of a policy, by its bare name or its path.

    Raises:
        PolicyError: If no policy of that name comes with auditkit.
    """
    if not is_bare(policy):
        return Path(policy)
    found = _packaged("policies", f"{policy}.yaml")
    if found is None:
        raise PolicyError(
            f"There is no policy {policy!r} that comes with auditkit.",
            remedy=f"give one of {_PACKAGED}; or the path of a file: ./{policy}, {policy}.yaml",
        )
    return found


def load_policy(policy: str | Path | Policy) -> tuple[Policy, Path | None]:
    """Reads a policy; returns it with its folder, which is None for one made in memory.

    Args:
        policy: A path, a policy, or the bare name of one that comes with auditkit.

    Raises:
        PolicyError: If there is no such policy, or it is wrong.
    """
    if isinstance(policy, Policy):
        return policy, None
    if not isinstance(policy, str | Path):
        raise PolicyError(
            f"policy is a {type(policy).__name__}, not a policy.",
            remedy=f"give the path of a .yaml file, or one of: {_PACKAGED}",
        )
    path = policy_path(policy)
    text = read_text(path, what="policy", kind=PolicyError, remedy=_POLICY_REMEDY)
    return parse_policy(text, source=path.name), path.parent


def source_of(policy: str | Path, audit_file: Path) -> PolicySource:
    """Where the policy of an audit file is written down.

    Args:
        policy: A bare name or a path, as `audit_file.policy_of` gives it; it has been read before.
        audit_file: The audit file, which names it.

    Raises:
        PolicyError: If a file cannot be read any more.
    """
    if is_bare(policy):
        text = read_text(audit_file, what="audit file", kind=PolicyError, remedy=_POLICY_REMEDY)
        return PolicySource(path=audit_file.name, line=lines_of(text, [("policy",)])[0])
    path = Path(policy)
    text = read_text(path, what="policy", kind=PolicyError, remedy=_POLICY_REMEDY)
    rules = [rule.id for rule in parse_policy(text, source=path.name).rules]
    lines = lines_of(text, (("rules", i) for i in range(len(rules))))
    try:
        inside = path.resolve().relative_to(audit_file.parent.resolve())
    except ValueError:  # it is allowed outside: its folder is this machine's affair
        inside = Path(path.name)
    return PolicySource(path=inside.as_posix(), line=1, lines=dict(zip(rules, lines, strict=True)))


def pack_path(name: str, folder: Path | None) -> Path:
    """The file of a control pack that a policy names.

    Args:
        name: The bare name of one that comes with auditkit or is in `controls/` beside the policy;
            or a path from the policy's folder.
        folder: The policy's folder; None: the policy was not read from a file.

    Raises:
        PolicyError: If there is none, or two different ones have the name.
    """
    if not is_bare(name):
        if folder is None:
            raise PolicyError(
                f"The control pack {name!r} is a path, but the policy was not read from a file.",
                remedy="read the policy from a file, or name a pack that comes with auditkit",
            )
        return Place(folder=folder, of=POLICY).find(name, what="control pack")
    packaged = _packaged("policies", "controls", f"{name}.yaml")
    beside = folder / "controls" / f"{name}.yaml" if folder is not None else None
    if beside is None or not beside.is_file():
        if packaged is None:
            raise PolicyError(
                f"The policy names the control pack {name!r}, which does not exist.",
                remedy=f"put it beside the policy and write its path: controls/{name}.yaml; or "
                "use: fair-lending, hipaa, soc2",
            )
        return packaged
    if packaged is not None and packaged != beside and _read(packaged) != _read(beside):
        # Whichever was taken, if its file were lost, the other would silently replace it.
        raise PolicyError(
            f"The control pack {name!r} comes with auditkit, and another of that name is beside "
            "the policy.",
            remedy=f"write the path of the one beside it: controls/{name}.yaml; or remove it",
        )
    return beside


def load_packs(policy: Policy, folder: Path | None) -> list[ControlPack]:
    """The control packs of a policy, in its order.

    Raises:
        PolicyError: If one is not there, or wrong.
    """
    found = []
    for name in policy.controls:
        path = pack_path(name, folder)
        text = read_text(path, what="control pack", kind=PolicyError, remedy=_PACK_REMEDY)
        found.append(parse_pack(text, source=path.name))
    return found


def _packaged(*parts: str) -> Path | None:
    try:
        return data_path(*parts)
    except InputError:
        return None


def _read(path: Path) -> bytes:
    return read_bytes(path, what="control pack", limit=WRITTEN_BY_PEOPLE, kind=PolicyError)
