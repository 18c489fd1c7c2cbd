"""`auditkit explain`: the contribution of each feature to the score of one row."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from auditkit.cli.audit import AllowOutside, AuditFileArgument
from auditkit.cli.letter import prepared
from auditkit.cli.shared.console import Work, harmless

if TYPE_CHECKING:
    from auditkit.evidence import Cell
    from auditkit.measures.attribution.result import Attribution


def explain(
    audit_file: AuditFileArgument,
    row: Annotated[
        int, typer.Option("--row", min=0, metavar="N", help="The row of the data, counted from 0.")
    ],
    allow_outside: AllowOutside = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON at full precision.")] = False,
) -> None:
    """Explain the score of one row.

    Prints each feature, its value, its usual value and its contribution to the score, the largest
    contribution first. A contribution below 0 spoke against the person. The usual value of a denial
    is that of the population in its letter; of any other row, that of the whole reference.

    Example: auditkit explain audit.yaml --row 17
    """
    from auditkit.checks.explained import (
        explainer_against,
        favourable_attribution,
        missing_input,
    )
    from auditkit.checks.explanation_denials import population_of
    from auditkit.errors import InputError
    from auditkit.measures.attribution.reasons import ALL, POPULATIONS

    case, _, parameters = prepared(audit_file, allow_outside)
    reason = missing_input(case)
    if reason:
        raise InputError(f"Nothing can be explained: {reason}.", remedy="give it in audit.yaml")
    if row >= len(case.features):
        raise InputError(
            f"There is no row {row:,}; the data has {len(case.features):,}.",
            remedy="rows are counted from 0",
        )
    favourable = case.decisions is None or bool(case.decisions[row])
    population = ALL if favourable else parameters.population
    reference = population_of(case, replace(parameters, population=population))
    with Work(f"Explain row {row:,}"):
        one = favourable_attribution(
            case, case.features.iloc[[row]], explainer_against(case, reference)
        )
    content = _content(one, row, favourable=favourable, population=POPULATIONS[population])
    print(json.dumps(content, indent=2) if as_json else _text(content))


def _content(one: Attribution, row: int, *, favourable: bool, population: str) -> dict[str, Any]:
    from auditkit.measures.attribution.reasons import cell

    order = abs(one.values[0]).argsort(kind="stable")[::-1]
    return {
        "row": row,
        "decision": "favourable" if favourable else "unfavourable",
        "unit": one.unit,
        "method": one.method,
        "reference": str(one.reference_digest),
        "reference_rows": one.reference_rows,
        "relative_to": population,
        "base": one.base,
        "output": float(one.outputs[0]),
        "residual": float(one.residual[0]),
        "features": [
            {
                "feature": one.feature_names[i],
                "value": cell(one.data.iloc[0, i]),
                "usual": one.typical[i],
                "contribution": float(one.values[0, i]),
            }
            for i in order
        ],
    }


def _text(content: dict[str, Any]) -> str:
    rows = [("feature", "value", "usual", content["unit"])]
    rows += [
        (f["feature"], _short(f["value"]), _short(f["usual"]), f"{f['contribution']:+.4f}")
        for f in content["features"]
    ]
    widths = [max(len(r[i]) for r in rows) for i in range(4)]
    output = f"output {content['output']:.4f} {content['unit']}"
    rows_of = f"{content['reference_rows']:,} rows: {content['relative_to']}"
    mean = f"a mean of {content['base']:.4f} over {rows_of}"
    lines = [f"Row {content['row']}: {content['decision']}, {output}, against {mean}.", ""]
    lines += [
        f"{name:<{widths[0]}}  {value:>{widths[1]}}  {usual:>{widths[2]}}  {moved:>{widths[3]}}"
        for name, value, usual, moved in rows
    ]
    lines += ["", f"{content['method']}; adds up to within {content['residual']:.1e}."]
    return harmless("\n".join(lines))


def _short(value: Cell) -> str:
    if value is None:
        return "missing"
    return f"{value:.6g}" if isinstance(value, float) else str(value)
