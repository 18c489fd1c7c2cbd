"""`auditkit policy`: lint, explain, diff and test."""

from __future__ import annotations

import json
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from auditkit.cli.gating.against import read_statement
from auditkit.cli.gating.waiver_words import REMIND_DAYS
from auditkit.cli.shared.console import harmless, say
from auditkit.errors import InputError, PolicyError
from auditkit.files import read_text
from auditkit.wording import plural

if TYPE_CHECKING:
    from auditkit.policy import Policy
    from auditkit.policy_review.lint import Problem

_FOUND: Final = 10
_REMEDY: Final = "give the path of a .yaml file, or the name of one that comes with auditkit"

app = typer.Typer(
    help="Check, explain, compare and test policies and control packs.", no_args_is_help=True
)

PolicyArgument = Annotated[
    str,
    typer.Argument(metavar="POLICY", help="A policy's file, or the name of a packaged one."),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command()
def lint(
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="FILES...",
            help="Policies, policies of watching, control packs; files or packaged names.",
        ),
    ],
    rows: Annotated[
        int | None,
        typer.Option(
            min=1, metavar="N", help="How many rows an audit will have: which rules can it reach?"
        ),
    ] = None,
    waivers: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE",
            exists=True,
            help="Waivers, or folders of them: which end soon?",
        ),
    ] = None,
    today: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], metavar="YYYY-MM-DD", help="The day. Default: today."),
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Count warnings as errors in the exit code.")
    ] = False,
    as_json: Json = False,
) -> int:
    """Find mistakes before an audit does. Exit code 10 if there is an error.

    Finds checks, measures and parameters that do not exist, thresholds that cannot fail or cannot
    be met, rules that say the same twice, citations that nobody has checked for half a year, with
    --rows, rules that an audit of that size cannot decide, and waivers that end in 14 days.

    Example: auditkit policy lint credit.yaml --rows 2000
    """
    from auditkit.loading.checks import all_checks
    from auditkit.loading.waiver_files import read_waivers
    from auditkit.period.kinds import BY_NAME
    from auditkit.period.terms import COUNTED
    from auditkit.policy_review.lint import ending, known_checks
    from auditkit.policy_review.lint import lint as find
    from auditkit.watching.terms import TERMS, TITLES

    known = known_checks(all_checks(), TITLES, TERMS, COUNTED, BY_NAME)
    day = today.date() if today else date.today()  # noqa: DTZ011 - the user's day
    found: list[Problem] = []
    for name in files:
        path = _path_of(name)
        document, text, problem = _read(path)
        if problem is not None:
            found.append(problem)
        else:
            found += find(document, text, file=str(path), known=known, today=day, rows=rows)
    found += ending(read_waivers(waivers or ()), day, days=REMIND_DAYS)
    if as_json:
        print(json.dumps([one.to_json() for one in found], indent=1))
    for one in () if as_json else found:
        print(harmless(str(one)))
    errors = sum(one.level == "error" for one in found)
    say(
        f"{plural(len(files), 'file')}: {plural(errors, 'error')}, "
        f"{plural(len(found) - errors, 'warning')}."
    )
    return _FOUND if errors or (strict and found) else 0


@app.command()
def explain(policy: PolicyArgument, as_json: Json = False) -> None:
    """Say each rule of a policy in a sentence, with its reason and its source.

    Example: auditkit policy explain lending
    """
    from auditkit.loading.checks import all_checks
    from auditkit.period.terms import TERMS as OF_A_PERIOD
    from auditkit.policy_review.words import sentence
    from auditkit.watching.terms import TERMS

    read = _policy(policy)
    terms = {
        **TERMS,
        **OF_A_PERIOD,
        **{n: t for check in all_checks() for n, t in check.terms.items()},
    }
    if as_json:
        rows = [
            {"rule": r.id, "severity": r.severity, "says": sentence(r, read, terms), "why": r.why,
             "source": r.citation}
            for r in read.rules
        ]  # fmt: skip
        print(json.dumps(rows, indent=1))
        return
    print(harmless(f"{read.title} ({read.id}, version {read.version}, as of {read.as_of})"))
    for rule in read.rules:
        print(harmless(f"\n{rule.id}, {rule.severity}: {rule.title}"))
        for line in (sentence(rule, read, terms), f"Why: {rule.why}", f"Source: {rule.citation}"):
            print(harmless(f"  {line}"))
    for line in read.out_of_scope:
        print(harmless(f"\nNot covered: {line}"))


@app.command()
def diff(
    before: Annotated[str, typer.Argument(metavar="BEFORE", help="The earlier policy.")],
    after: Annotated[str, typer.Argument(metavar="AFTER", help="The later policy.")],
    as_json: Json = False,
) -> int:
    """Say what changed between two policies: looser, stricter, or neither.

    Exit code 10 if anything got looser: a bound, a rule that is gone, a new name that may sign
    waivers.

    Example: auditkit policy diff released/credit.yaml credit.yaml
    """
    from auditkit.policy_review.changes import changes

    found = changes(_policy(before), _policy(after))
    if as_json:
        print(json.dumps([one.to_json() for one in found], indent=1))
    for one in () if as_json else found:
        print(harmless(f"{one.effect:<8}  {one.what}  {one.text}"))
    loose = sum(one.effect == "looser" for one in found)
    say(f"{plural(len(found), 'change')}, {loose} of them looser.")
    return _FOUND if loose else 0


@app.command("test")
def run_cases(
    policy: PolicyArgument,
    cases: Annotated[
        Path, typer.Argument(metavar="CASES", help="A YAML file of cases, like cases.yaml.")
    ],
    as_json: Json = False,
) -> int:
    """Judge earlier audits by a policy: does it decide as expected? Exit code 10 if not.

    A case names a statement.json or report.pdf, and the expected verdict, the outcome of some
    rules, or both. Waivers do not count, and no signature is checked.

    Example: auditkit policy test credit.yaml cases.yaml
    """
    from auditkit.policy_review.cases import misjudged, parse_policy_cases

    read = _policy(policy)
    text = read_text(cases, what="file of cases", kind=PolicyError, remedy="give a YAML file")
    asked = parse_policy_cases(text, source=cases.name)
    found = [
        one
        for number, case in enumerate(asked.cases, start=1)
        for one in misjudged(
            read, case, read_statement(cases.parent / case.statement), number=number
        )
    ]
    if as_json:
        print(json.dumps([one.to_json() for one in found], indent=1))
    for one in () if as_json else found:
        print(harmless(str(one)))
    wrong = f"{len(found)} judged otherwise" if found else "all judged as expected"
    say(f"{plural(len(asked.cases), 'case')}: {wrong}.")
    return _FOUND if found else 0


def _policy(name: str) -> Policy:
    from auditkit.judgement.controls import ControlPack

    path = _path_of(name)
    document, _, problem = _read(path)
    if problem is not None:
        raise PolicyError(problem.text, remedy=problem.remedy)
    if isinstance(document, ControlPack):
        raise InputError(f"{path.name} is a control pack.", remedy="give a policy")
    return document  # type: ignore[no-any-return]


def _path_of(name: str) -> Path:
    """A file, a packaged policy, or a packaged control pack."""
    from auditkit.loading.places import is_bare, pack_path, policy_path

    if not is_bare(name):
        return Path(name)
    try:
        return policy_path(name)
    except PolicyError:
        try:
            return pack_path(name, None)
        except PolicyError:
            raise PolicyError(
                f"No policy and no control pack {name!r} comes with auditkit.", remedy=_REMEDY
            ) from None


def _read(path: Path) -> tuple[Any, str, Problem | None]:
    from auditkit.judgement.controls import parse_pack
    from auditkit.policy import Policy, parse_policy
    from auditkit.policy_review.lint import kind_of, unreadable
    from auditkit.watching.policy import WatchPolicy, load_watch_policy
    from auditkit.watching.terms import TITLES

    text = read_text(path, what="policy", kind=PolicyError, remedy=_REMEDY)
    own = WatchPolicy.model_fields.keys() - Policy.model_fields.keys()
    try:
        kind = kind_of(text, source=path.name, watched=TITLES, watch_keys=own)
        if kind == "watch-policy":
            return load_watch_policy(path), text, None
        parse = parse_pack if kind == "control-pack" else parse_policy
        return parse(text, source=path.name), text, None
    except PolicyError as error:
        return None, text, unreadable(error, file=str(path))
