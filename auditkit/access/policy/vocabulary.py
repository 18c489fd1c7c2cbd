"""The vocabulary of access: users, verbs and objects.

Objects are paths of segments, `models/credit/aliases/champion`. A segment is an encoded name, which
cannot be mistaken for another name or for a pattern: everything outside letters, digits and
`_ . @ + = -` is percent-encoded, and so is a leading dot, which glob patterns would skip. Policies
therefore write `models/My%20Model`.

Laws:
    - Encoding is injective: different names are different segments.
    - A request never contains `*`; a user's name never contains `:`, so no user can have the name
      of a role (`role:admin`).
    - Aliases, stages and tags are folded (`folded`), because some databases that MLflow runs on do
      not tell `Champion` from `champion`, and Casbin does.

Example:
    >>> alias_object("My Model", "Champion")
    'models/My%20Model/aliases/champion'
    >>> segment(".hidden")
    '%2Ehidden'
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final
from urllib.parse import quote, unquote

VERBS: Final[dict[str, str]] = {
    "model:read": "see a model, its versions, aliases and tags",
    "model:download": "see where a version's files are, and load it",
    "model:latest": "ask for the latest version of a model that has a protected alias",
    "model:register": "create a model, or a version of one",
    "model:edit": "change a description or a logged model",
    "model:tag": "set or delete a tag",
    "model:rename": "give a model another name, on the old name and on the new one",
    "model:delete": "delete a model or a version",
    "model:request": "request the promotion of a version",
    "model:approve": "approve or reject such a request",
    "model:promote": "set an alias or a stage",
    "model:demote": "delete an alias, or take a version out of a stage",
    "model:archive": "archive versions",
    "waiver:approve": "approve a waiver of a condition that a model does not meet",
    "gate:record": "record the verdict of a gate on a version, which a promotion may require",
    "artifact:read": "read a run's files",
    "artifact:write": "write a run's files",
    "artifact:delete": "delete a run's files",
    "dataset:list": "see which datasets there are",
    "dataset:read": "read a dataset's records",
    "dataset:write": "add or change records",
    "dataset:export": "export a dataset",
    "dataset:delete": "delete a dataset or its records",
    "experiment:read": "see experiments and runs",
    "experiment:edit": "create and change experiments and runs",
    "experiment:locate": "choose where an experiment's files, or a workspace's, will be",
    "experiment:delete": "delete experiments and runs, the lineage of a model",
    "trace:read": "read traces and assessments",
    "trace:edit": "write traces and assessments",
    "trace:delete": "delete traces",
    "gateway:read": "see the gateway's endpoints",
    "gateway:invoke": "call a model through the gateway",
    "gateway:manage": "change endpoints, secrets, guardrails and budgets",
    "job:run": "start or cancel work on the server",
    "job:read": "see work on the server",
    "server:read": "see the server's settings and workspaces",
    "server:manage": "change workspaces and MLflow's users, let the assistant work on the server",
    "deployment:trigger": "start a deployment",
    "deployment:rollback": "move an alias back to the version it pointed to before",
    "webhook:manage": "create, change, delete and test webhooks",
    "vault:reveal": "turn a vault's tokens back into the original values",
    "policy:read": "read the access policy",
    "policy:propose": "change the access policy's draft",
    "policy:approve": "put a draft that somebody else wrote into force",
    "audit:read": "read the log of decisions",
    "audit:export": "export the log",
    "audit:verify": "verify the log",
    "breakglass:invoke": "act in an emergency without an approval",
    "breakglass:review": "review somebody else's use of break-glass",
}

# What takes a person: no token of a service account may.
BY_PEOPLE: Final = frozenset(
    {"model:approve", "waiver:approve", "policy:approve", "breakglass:invoke", "breakglass:review"}
)

DEFAULT_DOMAIN: Final = "default"
# Where the texts of prompts are, among the sources of versions: no file's name begins like that.
PROMPTS: Final = "../prompts"
# A user whom no rule names: no name is encoded so.
ANYBODY: Final = "%anybody"
# Counts for a request about a run, a model or a version whose owner asks; nobody is granted it.
OWNER: Final = "role:owner"
MAX_TOKEN_CHARACTERS: Final = 4096

_SAFE: Final = "@+="
_USER: Final = re.compile(r"[A-Za-z0-9_@%+=-][A-Za-z0-9_.@%+=-]{0,254}\Z")
_DOMAIN: Final = re.compile(r"[A-Za-z0-9_%@+=-][A-Za-z0-9_.%@+=-]{0,254}\Z")
_OBJECT: Final = re.compile(
    r"[A-Za-z0-9_%@+=-][A-Za-z0-9_.%@+=-]*(/[A-Za-z0-9_%@+=-][A-Za-z0-9_.%@+=-]*)*\Z"
)


def segment(name: str) -> str:
    """A name as one segment of an object; an empty name becomes `%empty`, which no name does."""
    if not name:
        return "%empty"
    encoded = quote(name, safe=_SAFE, errors="surrogatepass").replace("~", "%7E")
    return f"%2E{encoded[1:]}" if encoded.startswith(".") else encoded


def folded(name: str) -> str:
    """The name of an alias, a stage or a tag for comparison.

    In lower case, without space around it and without characters that do not show, such as a
    newline at its end: some stores keep them, and some databases and receivers do not see them.
    """
    shown = (c for c in name if unicodedata.category(c) not in ("Cc", "Cf"))
    return "".join(shown).strip().casefold()


def unaccented(name: str) -> str:
    """A folded name without accents, in plain letters: equal to it in some databases."""
    parts = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", name).casefold())
    return folded("".join(c for c in parts if not unicodedata.combining(c)))


def person(user: str) -> str:
    """A user's name for telling people apart in four-eyes approval; rules do not use it.

    `Ann`, `ann` and `ann` in fullwidth letters count as one person: some identity providers do not
    distinguish them, so one person may log in under each of them.
    """
    return unicodedata.normalize("NFKC", unquote(user)).strip().casefold()


def role_name(role: str) -> str:
    """A role's name as policies write it, `role:NAME`, given with or without `role:`."""
    return f"role:{role.removeprefix('role:')}"


def model_object(name: str, *, kind: str = "models") -> str:
    """The object of a registered model; `kind` may be "skills" or "mcp-servers"."""
    return f"{kind}/{segment(name)}"


def alias_object(name: str, alias: str, *, kind: str = "models") -> str:
    """The object of a model's alias."""
    return f"{kind}/{segment(name)}/aliases/{segment(folded(alias))}"


def stage_object(name: str, stage: str) -> str:
    """The object of a model's stage."""
    return f"models/{segment(name)}/stages/{segment(folded(stage))}"


def tag_objects(name: str, key: str, *, kind: str = "models") -> tuple[str, ...]:
    """The objects of a model's tag: its folded key, and the same without accents if it has any.

    A deployment may trigger on a key in any case, and a store may take one for the other.
    """
    keys = dict.fromkeys((folded(key), unaccented(key)))
    return tuple(f"{model_object(name, kind=kind)}/tags/{segment(k)}" for k in keys)


def dataset_object(name: str) -> str:
    """The object of a dataset."""
    return f"datasets/{segment(name)}"


def vault_object(name: str) -> str:
    """The object of a vault of tokens, by its file's name."""
    return f"vaults/{segment(name)}"


def path_object(root: str, path: str) -> str:
    """An object below a root, one segment for each part of a path.

    Empty parts are dropped; `.` and `..` are encoded like any name, so that they match no rule
    for what they would resolve to.
    """
    return "/".join([root, *(segment(part) for part in path.split("/") if part)])


def fault_in_request(user: str, domain: str, verb: str, obj: str) -> str | None:
    """Why a request is invalid and cannot be decided; None if it is valid."""
    if not _USER.match(user):
        return "the user's name cannot be judged"
    if not _DOMAIN.match(domain):
        return "the domain's name cannot be judged"
    if verb not in VERBS:
        return "the verb is unknown"
    if len(obj) > MAX_TOKEN_CHARACTERS or not _OBJECT.match(obj):
        return "the object's name cannot be judged"
    return None
