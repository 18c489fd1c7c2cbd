"""`auditkit access allow`, `deny`, `drop` and `test`: a draft's rules, and cases that they decide.

Who runs these commands is taken at their word.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from auditkit.cli.shared.access_options import FOLDER, By, Domain, Folder
from auditkit.cli.shared.console import harmless, say
from auditkit.wording import plural

if TYPE_CHECKING:
    from auditkit.access.kept.drafts import RuleChange

FOUND: Final = 10

RuledRole = Annotated[
    str, typer.Argument(metavar="ROLE", help="A role, like trainer; a new name makes a role.")
]
RuledVerb = Annotated[
    str, typer.Argument(metavar="VERB", help="A verb, like model:delete, or model:* for all.")
]
RuledObject = Annotated[
    str,
    typer.Argument(
        metavar="OBJECT",
        help="To what, like models/credit or models/credit-*/aliases/staging; ** for all below.",
    ),
]


def allow(
    role: RuledRole,
    verb: RuledVerb,
    obj: RuledObject,
    by: By,
    policy: Folder = FOLDER,
    domain: Domain = "*",
) -> None:
    """Allow a role something, in the draft.

    Example: auditkit access allow trainer model:delete 'models/scratch-*' --by adam
    """
    from auditkit.access.kept.drafts import add_rule

    _told(add_rule(policy, role, verb, obj, "allow", domain=domain, by=by))


def deny(
    role: RuledRole,
    verb: RuledVerb,
    obj: RuledObject,
    by: By,
    policy: Folder = FOLDER,
    domain: Domain = "*",
) -> None:
    """Deny a role something, in the draft. A denial overrides what other rules allow.

    Example: auditkit access deny trainer model:tag 'models/*/tags/owner' --by adam
    """
    from auditkit.access.kept.drafts import add_rule

    _told(add_rule(policy, role, verb, obj, "deny", domain=domain, by=by))


def drop(
    role: RuledRole,
    verb: RuledVerb,
    obj: RuledObject,
    by: By,
    policy: Folder = FOLDER,
    domain: Domain = "*",
) -> None:
    """Take back a rule of a role, in the draft, whether it allows or denies.

    Example: auditkit access drop trainer model:delete 'models/scratch-*' --by adam
    """
    from auditkit.access.kept.drafts import drop_rule

    _told(drop_rule(policy, role, verb, obj, domain=domain, by=by), taken=True)


def run_cases(
    cases: Annotated[
        Path, typer.Argument(metavar="CASES", help="A YAML file of cases, like cases.yaml.")
    ],
    policy: Folder = FOLDER,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> int:
    """Test a policy: does it decide each case as expected? Exit code 10 if not.

    A case has a user, a verb, an object, a domain if it is not default, and what is expected:
    allow or deny.

    Example: auditkit access test cases.yaml --policy access
    """
    from auditkit.access import AccessControl
    from auditkit.access.kept.folder import is_sealed
    from auditkit.access.policy.cases import failures, parse_cases
    from auditkit.errors import PolicyError
    from auditkit.files import read_text

    text = read_text(cases, what="file of cases", kind=PolicyError, remedy="give a YAML file")
    asked = parse_cases(text, source=cases.name)
    found = list(failures(AccessControl.load(policy), asked))
    if not is_sealed(policy):
        say("Decided by the draft in this folder, which is not in force: nobody has approved it.")
    if as_json:
        rows = [
            {"case": f.number, "expected": f.case.expected, **f.decision.to_json()} for f in found
        ]
        print(json.dumps(rows, indent=1))
    for failed in () if as_json else found:
        print(harmless(str(failed)))
    wrong = f"{len(found)} decided otherwise" if found else "all decided as expected"
    say(f"{plural(len(asked.cases), 'case')}: {wrong}.")
    return FOUND if found else 0


def _told(change: RuleChange, *, taken: bool = False) -> None:
    for line in change.lines:
        print(harmless(line))
    if not change.is_changed:
        say("The draft has this rule already.")
        return
    if change.is_new_role:
        say("The role is new, and nobody has it yet: auditkit access grant NAME ROLE --by YOU")
    say(
        f"{'Taken out of' if taken else 'Added to'} the draft. To put it into force: auditkit "
        "access approve --by OTHER"
    )
