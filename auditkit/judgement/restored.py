"""The judgement that a statement was written from, made of the statement and its tables alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from auditkit.canonical import Digest, parse_json
from auditkit.errors import InputError
from auditkit.evidence import Cell
from auditkit.judgement.again import derive
from auditkit.judgement.findings import source_in
from auditkit.judgement.statement import MIN_SALT, Judgement
from auditkit.subject import Dataset, Loading, RegisteredModel, Subject


def restored(statement: bytes, rows: Mapping[str, Sequence[Sequence[Cell]]]) -> Judgement:
    """The judgement whose statement has these bytes.

    What follows from policy and evidence is derived anew. The salt is not in a statement: that of
    the judgement is no salt.

    Args:
        statement: A statement's canonical bytes.
        rows: The rows of each table, by its name.

    Raises:
        InputError: If no judgement of this version has that statement.
        UnverifiableError: If it was judged by rules that are not here.
    """
    try:
        made = _made(parse_json(statement)["predicate"], rows)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError("The statement cannot be read as that of an audit.") from error
    if made.statement != statement:
        raise InputError("The statement is not what its policy and evidence give.")
    return made


def _made(content: Mapping[str, Any], rows: Mapping[str, Sequence[Sequence[Cell]]]) -> Judgement:
    found = derive(content, rows)
    return Judgement(
        subject=_subject(content["subject"]),
        datasets=tuple(
            Dataset(**{**d, "digest": Digest.parse(d["digest"])}) for d in content["datasets"]
        ),
        rows=content["rows"],
        policy=found.policy,
        packs=found.packs,
        evidence=found.evidence,
        findings=found.findings,
        controls=found.controls,
        verdict=found.verdict,
        as_of=found.as_of,
        seed=content["seed"],
        versions=content["versions"],
        salt=bytes(MIN_SALT),
        unsuppressed=Digest.parse(content["suppression"]["unsuppressed"]),
        source=source_in(content),
        waivers=found.waivers,
        supersedes=Digest.parse(content["supersedes"]) if "supersedes" in content else None,
        made=content["made_by"],
    )


def _subject(content: Mapping[str, Any]) -> Subject:
    fields = dict(content)
    registered, loading = fields.pop("registered", None), fields.pop("loading", None)
    champion, period = fields.pop("champion", None), fields.pop("period", ())
    return Subject(
        **{**fields, "digest": Digest.parse(fields["digest"])},
        registered=RegisteredModel(**registered) if registered is not None else None,
        loading=Loading.from_json(loading) if loading is not None else None,
        champion=_subject(champion) if champion is not None else None,
        period=tuple(period),
    )
