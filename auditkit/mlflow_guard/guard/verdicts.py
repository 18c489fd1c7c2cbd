"""Records a gate's verdict on a version: from its signed statement, if it is about these bytes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from auditkit.access.policy.vocabulary import person, segment
from auditkit.access.record.moves import Target
from auditkit.access.record.verdicts import VERDICT, statement_payload
from auditkit.canonical import Digest, Json, canonical_bytes
from auditkit.errors import AuditkitError
from auditkit.judgement.again import glossary_in
from auditkit.mlflow_guard.guard.gate import Admission, Gate
from auditkit.mlflow_guard.requests.context import version_of
from auditkit.mlflow_guard.upstream.refusals import RefusedError, denied
from auditkit.signing.dsse import open_envelope
from auditkit.signing.private_keys import fingerprint_of
from auditkit.verification.attachments import STATEMENT
from auditkit.verification.contents import check_verdict, read_statement


def record_verdict(gate: Gate, admission: Admission, body: dict[str, Any]) -> Json:
    """Logs the verdict of a signed statement about the files of a version.

    The body names `model` and `version`, and holds the statement's DSSE `envelope`.
    """
    user = segment(admission.caller.user)
    model, version = version_of(gate.stores, body)
    verdict = _read(body.get("envelope"))
    target = Target(model=model, version=version, kind="version", name="", domain=admission.domain)
    facts = gate.promotions.facts(target)
    if person(user) in {person(name) for name in facts["made_by"]}:
        raise denied("whoever made a version cannot record a gate's verdict on it")
    if verdict["artifact_digest"] != facts["artifact_digest"]:
        raise RefusedError(
            409,
            "INVALID_STATE",
            f"the statement is about other files ({verdict['artifact_digest']}) than those of "
            f"version {version} of {model} ({facts['artifact_digest']}); audit this version: "
            f"'model: models:/{model}/{version}' in audit.yaml",
        )
    payload: dict[str, Json] = {
        **verdict,
        "request": admission.id,
        "user": user,
        "domain": admission.domain,
        "model": model,
        "version": version,
    }
    gate.recorder.now(VERDICT, payload)
    told = ("model", "version", "artifact_digest", "policy", "decision", "statement")
    return {name: payload[name] for name in told}


def _read(envelope: Any) -> Mapping[str, Json]:
    """What an envelope says, once its signature and its verdict were checked."""
    if not isinstance(envelope, dict):
        raise _wrong("give envelope, the DSSE envelope of an audit's statement")
    try:
        opened = open_envelope(canonical_bytes(envelope))
        statement = read_statement({STATEMENT: opened.payload})
        check_verdict(statement)
        keys = [fingerprint_of(key) for key in opened.keys]
        words = glossary_in(statement["predicate"])
        return statement_payload(statement, Digest.of(opened.payload), keys, words.in_words)
    except AuditkitError as error:
        raise _wrong(f"the statement cannot be used: {error.message.rstrip('.')}") from error
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise _wrong("the statement lacks parts that every audit has") from error


def _wrong(message: str) -> RefusedError:
    return RefusedError(400, "INVALID_PARAMETER_VALUE", message)
