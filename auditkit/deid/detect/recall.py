"""Recall of the detector on texts that people labelled, by class, with a lower bound.

A labelled span counts as found if every letter and digit in it was found, as whatever kind. The
bound is Clopper and Pearson's, one-sided: with no miss in n it is about 1 - 3/n.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from auditkit.canonical import Json, digest_of, parse_json
from auditkit.deid.vocabulary.entity_types import (
    CLASSES,
    class_of,
    entity_type_named,
    is_entity_type,
)
from auditkit.errors import InputError, NothingToAuditError
from auditkit.evidence import Evidence, Measurement, Table

if TYPE_CHECKING:
    from auditkit.deid.detect.detector import Deidentifier

_LEVEL: Final = 0.95
_NOTE: Final = (
    "Recall holds for texts like the sample's. The bound is one-sided; zero misses in n leave a "
    "miss rate of up to about 3/n."
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Labelled:
    """A text and what people found in it.

    Attributes:
        text: The text.
        spans: Start, end and kind of each identifier; half-open, in code points.
    """

    text: str
    spans: tuple[tuple[int, int, str], ...]


def read_labelled(lines: Sequence[str]) -> list[Labelled]:
    """Reads JSON Lines: `{"text": ..., "spans": [{"start": 0, "end": 3, "kind": "PERSON"}]}`.

    Raises:
        InputError: If a line is anything else; it is named by its number.
    """
    samples = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            item = parse_json(line)
            spans = tuple((int(s["start"]), int(s["end"]), str(s["kind"])) for s in item["spans"])
            text = str(item["text"])
        except (InputError, KeyError, TypeError, ValueError) as error:
            raise InputError(
                f"Line {number} of the labelled sample cannot be read.",
                remedy='write {"text": "...", "spans": [{"start": 0, "end": 3, "kind": "PERSON"}]}',
            ) from error
        if any(not 0 <= start < end <= len(text) for start, end, _ in spans):
            raise InputError(
                f"Line {number} of the labelled sample has a span outside its text.",
                remedy="count characters from 0, and let `end` be the first one after the span",
            )
        samples.append(Labelled(text=text, spans=spans))
    return samples


def evaluate(
    samples: Sequence[Labelled], deidentifier: Deidentifier, *, about: str = ""
) -> Evidence:
    """Recall by class, and precision, as evidence for the check privacy.recall.

    Args:
        samples: Labelled texts, unlike those that the detector was made with.
        deidentifier: The detector, as it will be used.
        about: Where the texts come from, who labelled them and how they were drawn; a reader
            cannot judge the recall without.

    Raises:
        NothingToAuditError: If nothing is labelled.
    """
    labelled: Counter[str] = Counter()
    found: Counter[str] = Counter()
    unknown: set[str] = set()
    right = wrong = 0
    for sample, spans in zip(samples, deidentifier.find([s.text for s in samples]), strict=True):
        seen = bytearray(len(sample.text))
        for span in spans:
            seen[span.start : span.end] = b"\1" * (span.end - span.start)
        true = bytearray(len(sample.text))
        for start, end, kind in sample.spans:
            letter = class_of(entity_type_named(kind))
            if not is_entity_type(kind):
                unknown.add(kind)
            labelled[letter] += 1
            true[start:end] = b"\1" * (end - start)
            found[letter] += all(seen[i] for i in range(start, end) if sample.text[i].isalnum())
        for i, character in enumerate(sample.text):
            if seen[i] and character.isalnum():
                right += true[i]
                wrong += not true[i]
    if not labelled:
        raise NothingToAuditError(
            "The sample labels no identifier.", remedy="label some: each text has `spans`"
        )
    total = labelled.total()
    table = Table(
        name="recall_by_class",
        title="Recall in text, by class of identifier",
        columns=("class", "identifier", "labelled", "found", "missed", "recall", "at_least"),
        rows=tuple(
            (c, CLASSES[c], n, found[c], n - found[c], found[c] / n, lower_bound(found[c], n))
            for c, n in sorted(labelled.items())
        ),
    )
    parameters: dict[str, Json] = {
        "detector": deidentifier.describe(),
        "sample": str(digest_of("labelled-sample/v1", [_json(s) for s in samples])),
        "texts": len(samples),
    }
    return Evidence(
        check="privacy.recall",
        version="1",
        title="Share of identifiers in text that are found",
        area="privacy",
        n=total,
        population="labelled identifiers",
        parameters=parameters,
        measurements=(
            _recall(found.total(), total),
            *(_recall(found[c], n, ("class", c)) for c, n in sorted(labelled.items())),
            Measurement(
                name="precision",
                value=right / (right + wrong) if right + wrong else None,
                n=right + wrong,
                reason="" if right + wrong else "nothing was found",
                method="letters and digits found that are labelled",
            ),
        ),
        tables=(table,),
        notes=(_NOTE, *_counted_as_codes(unknown), *([f"The sample: {about}"] if about else [])),
    )


def lower_bound(found: int, n: int, *, level: float = _LEVEL) -> float:
    """Clopper and Pearson's one-sided lower bound of a proportion. Requires 0 <= found <= n, n > 0.

    Source: Clopper and Pearson, Biometrika 26 (1934) 404-413.
    """
    from scipy.special import betaincinv

    return 0.0 if found == 0 else float(betaincinv(found, n - found + 1, 1 - level))


def _counted_as_codes(kinds: set[str]) -> list[str]:
    if not kinds:
        return []
    return [f"Kinds that auditkit does not know count under class R: {', '.join(sorted(kinds))}."]


def _recall(found: int, n: int, *group: tuple[str, str]) -> Measurement:
    return Measurement(
        name="recall",
        value=found / n,
        n=n,
        lower=lower_bound(found, n),
        upper=1.0,
        level=_LEVEL,
        method="Clopper-Pearson, one-sided",
        group=group,
    )


def _json(sample: Labelled) -> Any:
    return {"text": sample.text, "spans": [list(span) for span in sample.spans]}
