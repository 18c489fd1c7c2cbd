"""`auditkit evidence record` and `respond`: entries that people write."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from auditkit.cli.shared.console import say
from auditkit.cli.shared.log_open import By, LogOption, Name, writing
from auditkit.cli.shared.signing_options import Folder
from auditkit.parameters import LOG_NAME

if TYPE_CHECKING:
    from auditkit.ledger import Receipt

On = Annotated[
    datetime,
    typer.Option(
        "--date", metavar="DAY", formats=["%Y-%m-%d"], help="When it was, UTC, like 2026-08-14."
    ),
]


def disposal(
    *,
    what: Annotated[
        str,
        typer.Option("--object", metavar="WHAT", help="What was disposed of; no personal data."),
    ],
    method: Annotated[str, typer.Option("--method", metavar="HOW", help="How, like 'shredded'.")],
    on: On,
    by: By,
    reason: Annotated[str, typer.Option("--reason", metavar="WHY", help="Why.")] = "",
    log: LogOption = None,
    keys: Folder = None,
    log_name: Name = LOG_NAME,
) -> None:
    """Record that something was disposed of: an entry of the population 'disposals'.

    Example: auditkit evidence record disposal --object 'visits 2019' --method shredded --date
    2026-08-14 --by ann --log audit.db
    """
    from auditkit.period.record import record_disposal

    with writing(log, keys, log_name) as opened:
        _tell(record_disposal(opened, by=by, on=on.date(), what=what, method=method, reason=reason))


def disclosure(
    *,
    recipient: Annotated[str, typer.Option("--recipient", metavar="WHO", help="Who received it.")],
    what: Annotated[str, typer.Option("--what", metavar="WHAT", help="What, in a few words.")],
    purpose: Annotated[str, typer.Option("--purpose", metavar="WHY", help="Why.")],
    on: On,
    by: By,
    address: Annotated[
        str, typer.Option("--address", metavar="ADDRESS", help="The recipient's address, if known.")
    ] = "",
    log: LogOption = None,
    keys: Folder = None,
    log_name: Name = LOG_NAME,
) -> None:
    """Record a disclosure, with the four items of an accounting (45 CFR 164.528).

    Example: auditkit evidence record disclosure --recipient 'the county' --what 'lab results'
    --purpose 'public health' --date 2026-08-14 --by ann --log audit.db
    """
    from auditkit.period.record import record_disclosure

    with writing(log, keys, log_name) as opened:
        _tell(
            record_disclosure(
                opened, by=by, on=on.date(), recipient=recipient, what=what, purpose=purpose,
                address=address,
            )
        )  # fmt: skip


def respond(
    exception: Annotated[
        str,
        typer.Argument(metavar="EXCEPTION", help="Its id, as the report prints it: EX-…"),
    ],
    *,
    by: By,
    text: Annotated[
        str, typer.Option("--text", metavar="SENTENCES", help="Management's response, in words.")
    ],
    log: LogOption = None,
    keys: Folder = None,
    log_name: Name = LOG_NAME,
) -> None:
    """Log management's response to an exception. It is printed as not examined.

    A response changes no finding.

    Example: auditkit evidence respond EX-ABCDEFGHIJ23 --by mia --text 'Approved by telephone.'
    --log audit.db
    """
    from auditkit.period.record import NOT_EXAMINED
    from auditkit.period.record import respond as responded

    with writing(log, keys, log_name) as opened:
        _tell(responded(opened, exception, by=by, text=text))
    say(f"The response will be printed as {NOT_EXAMINED}.")


def _tell(receipt: Receipt) -> None:
    print(receipt.index)
    say(f"Logged as entry {receipt.index} of {receipt.origin}.")
