"""Plans for the model registry: promoting differs from editing, and an alias is its own object."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from auditkit.access.policy.vocabulary import (
    PROMPTS,
    alias_object,
    folded,
    model_object,
    path_object,
    stage_object,
    tag_objects,
    unaccented,
)
from auditkit.access.record.approved import version_record
from auditkit.access.record.moves import Target
from auditkit.access.record.owners import Owned
from auditkit.mlflow_guard.requests.artifacts import artifact_needs, dataset_needs
from auditkit.mlflow_guard.requests.context import RequestContext
from auditkit.mlflow_guard.requests.plan import RequestPlan, RequiredPermission
from auditkit.mlflow_guard.upstream import internals
from auditkit.mlflow_guard.upstream.internals import safe_path
from auditkit.mlflow_guard.upstream.places import refuse_two_readings

# To some databases champion, CHAMPION and chàmpion are equal; the last is refused.
_PLAIN_ALIAS: Final = re.compile(r"[A-Za-z0-9_-]+\Z")
_STAGES: Final = {"none": "None", "archived": "Archived"}


def promotion_of_alias(ask: RequestContext, name: str, alias: str, version: str) -> RequestPlan:
    """The plan to move an alias, whichever route asks for it."""
    if not _PLAIN_ALIAS.match(alias):
        return RequestPlan(
            needs=(RequiredPermission("model:promote", alias_object(name, alias)),),
            mutates=True,
            refusal="an alias may have only letters, digits, _ and -",
        )
    name = ask.stores.model_name(name)
    return RequestPlan(
        needs=(RequiredPermission("model:promote", alias_object(name, alias)),),
        mutates=True,
        promotes=Target(
            model=name, version=version, kind="alias", name=folded(alias), domain=ask.domain
        ),
    )


def _model(verb: str, *, mutates: bool) -> Callable[[RequestContext], RequestPlan]:
    def plan(ask: RequestContext) -> RequestPlan:
        name = ask.stores.model_name(ask.field("name"))
        need = RequiredPermission(verb, model_object(name), owned=_owned(ask, name))
        return RequestPlan(needs=(need,), mutates=mutates)

    return plan


def _owned(ask: RequestContext, name: str) -> Owned:
    """The version that a request names, else the model."""
    version = ask.field("version")
    return ("version", name, version) if version else ("model", name)


def _set_alias(ask: RequestContext) -> RequestPlan:
    return promotion_of_alias(ask, ask.field("name"), ask.field("alias"), ask.field("version"))


def _delete_alias(ask: RequestContext) -> RequestPlan:
    name, alias = ask.stores.model_name(ask.field("name")), ask.field("alias")
    return RequestPlan(
        needs=(RequiredPermission("model:demote", alias_object(name, alias)),),
        mutates=True,
        demotes=(_points_nowhere(ask, name, alias),),
    )


def promotion_to_stage(
    ask: RequestContext, name: str, version: str, stage: str, *, archives: bool
) -> RequestPlan:
    """The plan to move a version to a stage, whichever route asks for it.

    Args:
        ask: The request.
        name: The model's name.
        version: The version.
        stage: The stage to move it to.
        archives: Whether other versions leave the stage.
    """
    name = ask.stores.model_name(name)
    needs, promotes = [], None
    if folded(stage) in _STAGES:
        needs.append(RequiredPermission("model:archive", model_object(name)))
    else:
        needs.append(RequiredPermission("model:promote", stage_object(name, stage)))
        promotes = Target(
            model=name, version=version, kind="stage", name=folded(stage), domain=ask.domain
        )
    now = str(ask.stores.version(name, version).current_stage)
    demotes: tuple[Target, ...] = ()
    if folded(now) not in (*_STAGES, folded(stage)):
        needs.append(RequiredPermission("model:demote", stage_object(name, now)))
        demotes = (
            Target(model=name, version=version, kind="stage", name=folded(now), domain=ask.domain),
        )
    if archives:
        needs.append(RequiredPermission("model:archive", model_object(name)))
    return RequestPlan(needs=tuple(needs), mutates=True, promotes=promotes, demotes=demotes)


def _transition(ask: RequestContext) -> RequestPlan:
    return promotion_to_stage(
        ask,
        ask.field("name"),
        ask.field("version"),
        ask.field("stage"),
        archives=bool(ask.message.archive_existing_versions),
    )


def _create_model(ask: RequestContext) -> RequestPlan:
    name = ask.field("name")
    return RequestPlan(
        needs=(RequiredPermission("model:register", model_object(name)), *_tags(name, ask)),
        mutates=True,
    )


def _create_version(ask: RequestContext) -> RequestPlan:
    name, source = ask.stores.model_name(ask.field("name")), ask.field("source")
    register = RequiredPermission("model:register", model_object(name), owned=("model", name))
    needs = [register, *_tags(name, ask)]
    # Making a version of files needs the right to read them, whatever environment they are in.
    if internals.is_models_uri(source):
        model_id, copied = internals.copied_model(source)
        if model_id:
            needs += artifact_needs("artifact:read", ask.stores.model_root(model_id))
        else:
            needs.append(
                RequiredPermission("model:download", model_object(ask.stores.model_name(copied)))
            )
    elif source not in internals.PROMPT_SOURCES:
        refuse_two_readings(source)
        needs += artifact_needs("artifact:read", ask.stores.relative(source))
    run_id = ask.field("run_id")
    if run_id:
        experiment = ask.stores.experiment_of_run(run_id)
        needs.append(RequiredPermission("experiment:read", path_object("experiments", experiment)))
    elsewhere = not internals.is_ours(source)
    return RequestPlan(
        needs=tuple(needs),
        mutates=True,
        refusal="a version's files may not be on another server" if elsewhere else "",
    )


def _tags(name: str, ask: RequestContext) -> list[RequiredPermission]:
    """Creating a model or version with tags also sets these tags."""
    return [
        RequiredPermission("model:tag", obj)
        for tag in ask.message.tags
        for obj in tag_objects(name, tag.key)
    ]


def _tag(ask: RequestContext) -> RequestPlan:
    name, key = ask.stores.model_name(ask.field("name")), ask.field("key")
    # A prompt's text is a tag: once it was approved, the tag is not written any more.
    writes: tuple[str, ...] = ()
    changes: tuple[str, ...] = ()
    if unaccented(key).startswith(internals.PROMPT_TAGS):
        version = ask.field("version")
        writes = (f"{PROMPTS}/{name}/{version}" if version else f"{PROMPTS}/{name}",)
    if ask.endpoint in ("_set_model_version_tag", "_delete_model_version_tag"):
        changes = (_version_record(ask, name, ask.field("version")),)
    return RequestPlan(
        needs=tuple(
            RequiredPermission("model:tag", obj, owned=_owned(ask, name))
            for obj in tag_objects(name, key)
        ),
        mutates=True,
        writes=writes,
        changes=changes,
    )


def _version_record(ask: RequestContext, name: str, version: str) -> str:
    return version_record(
        Target(model=name, version=version, kind="alias", name="", domain=ask.domain)
    )


def _describe(ask: RequestContext) -> RequestPlan:
    """A description may change at any time; the log says who changed it."""
    version = ask.field("version") if ask.endpoint == "_update_model_version" else ""
    plan = _model("model:edit", mutates=True)(ask)
    return replace(plan, describes=(ask.stores.model_name(ask.field("name")), version))


def _latest(ask: RequestContext) -> RequestPlan:
    """The latest version in some stages: in no stage it may be one that nobody approved.

    `models:/NAME/latest` names no stage, and `models:/NAME/None` the one that is none.
    """
    plan = _model("model:read", mutates=False)(ask)
    stages = {folded(stage) for stage in ask.fields("stages")}
    unnamed = not stages or folded("None") in stages
    name = ask.stores.model_name(ask.field("name"))
    return replace(plan, latest_of=name) if unnamed else plan


def _rename(ask: RequestContext) -> RequestPlan:
    old, new = ask.stores.model_name(ask.field("name")), ask.field("new_name")
    new = ask.stores.model_name(new)
    needs = [
        RequiredPermission("model:rename", model_object(old)),
        RequiredPermission("model:rename", model_object(new)),
    ]
    # The aliases move along: under the new name they could be protected ones.
    aliases, stages = ask.stores.aliases(old), ask.stores.stages(old)
    needs += [RequiredPermission("model:demote", alias_object(old, alias)) for alias in aliases]
    needs += [RequiredPermission("model:promote", alias_object(new, alias)) for alias in aliases]
    needs += [RequiredPermission("model:promote", stage_object(new, stage)) for stage in stages]
    brought = tuple(
        Target(model=new, version="", kind=kind, name=folded(name), domain=ask.domain)
        for kind, names in (("alias", aliases), ("stage", stages))
        for name in names
    )
    return RequestPlan(needs=tuple(needs), mutates=True, aliases_moved=brought, renames=(old, new))


def _delete_version(ask: RequestContext) -> RequestPlan:
    name, version = ask.stores.model_name(ask.field("name")), ask.field("version")
    return _deletion(ask, name, ask.stores.aliases(name, version), ask.stores.stages(name, version))


def _delete_model(ask: RequestContext) -> RequestPlan:
    name = ask.stores.model_name(ask.field("name"))
    return _deletion(ask, name, ask.stores.aliases(name), ask.stores.stages(name))


def _deletion(ask: RequestContext, name: str, aliases: list[str], stages: list[str]) -> RequestPlan:
    """Deleting a version also deletes the aliases that point to it, and leaves its stage empty."""
    stages = [stage for stage in stages if folded(stage) not in _STAGES]
    # A model is not one person's to delete: others rely on its name.
    version = ask.field("version")
    owned = ("version", name, version) if version else ()
    needs = [RequiredPermission("model:delete", model_object(name), owned=owned)]
    needs += [RequiredPermission("model:demote", alias_object(name, alias)) for alias in aliases]
    needs += [RequiredPermission("model:demote", stage_object(name, stage)) for stage in stages]
    left = [("alias", alias) for alias in aliases] + [("stage", stage) for stage in stages]
    return RequestPlan(
        needs=tuple(needs),
        mutates=True,
        demotes=tuple(_points_nowhere(ask, name, one, kind=kind) for kind, one in left),
    )


def _points_nowhere(ask: RequestContext, name: str, one: str, *, kind: str = "alias") -> Target:
    """An alias or a stage with no version."""
    return Target(model=name, version="", kind=kind, name=folded(one), domain=ask.domain)


def _search(kind: str) -> Callable[[RequestContext], RequestPlan]:
    return lambda _: RequestPlan(
        needs=(RequiredPermission("model:read", "models"),), list_field=kind
    )


def _version_artifact(ask: RequestContext) -> RequestPlan:
    name, version = ask.stores.model_name(ask.query.get("name", "")), ask.query.get("version", "")
    needs = [RequiredPermission("model:download", model_object(name))]
    # A dataset that was registered as a model stays a dataset.
    path = f"{ask.stores.version_source(name, version)}/{safe_path(ask.query.get('path', ''))}"
    needs += dataset_needs("artifact:read", path)
    return RequestPlan(needs=tuple(needs))


PLANNERS: Final[Mapping[str, Callable[[RequestContext], RequestPlan]]] = {
    "_set_registered_model_alias": _set_alias,
    "_delete_registered_model_alias": _delete_alias,
    "_transition_stage": _transition,
    "_create_registered_model": _create_model,
    "_create_model_version": _create_version,
    "_rename_registered_model": _rename,
    "_update_registered_model": _describe,
    "_update_model_version": _describe,
    "_delete_registered_model": _delete_model,
    "_delete_model_version": _delete_version,
    "_set_registered_model_tag": _tag,
    "_set_model_version_tag": _tag,
    "_delete_registered_model_tag": _tag,
    "_delete_model_version_tag": _tag,
    "_get_registered_model": _model("model:read", mutates=False),
    "_get_model_version": _model("model:read", mutates=False),
    "_get_model_version_by_alias": _model("model:read", mutates=False),
    "_get_latest_versions": _latest,
    "_get_model_version_download_uri": _model("model:download", mutates=False),
    "_search_registered_models": _search("registered_models"),
    "_search_model_versions": _search("model_versions"),
    "serve_model_version_artifact": _version_artifact,
    "_graphql": lambda _: RequestPlan(
        needs=(
            RequiredPermission("model:read", "models", subtree=True),
            RequiredPermission("experiment:read", "experiments", subtree=True),
            RequiredPermission("artifact:read", "artifacts", subtree=True),
            RequiredPermission("dataset:list", "datasets", subtree=True),
        )
    ),
}
