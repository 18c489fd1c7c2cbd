"""Entries that people write: disposals and disclosures that no program did, and responses."""

from __future__ import annotations

import re
from datetime import date
from typing import Final

from auditkit.canonical import Json
from auditkit.errors import InputError
from auditkit.ledger import Ledger, Receipt

DISPOSAL: Final = "disposal.recorded"
DISCLOSURE: Final = "disclosure.recorded"
ANSWERED: Final = "exception.answered"
EXCEPTION: Final = re.compile(r"EX-[A-Z2-7]{12}")
NOT_EXAMINED: Final = "not examined"
_MOST: Final = 4000


def record_disposal(
    log: Ledger, *, by: str, on: date, what: str, method: str, reason: str = ""
) -> Receipt:
    """Logs that something was disposed of.

    Args:
        log: The log.
        by: Who records it.
        on: When it was disposed of.
        what: The object: a data set, a model, a medium. No personal data.
        method: How.
        reason: Why; empty: not stated.

    Raises:
        InputError: If a fact is missing or too long.
    """
    facts: dict[str, Json] = {
        **_words(by=by, object=what, method=method),
        "date": on.isoformat(),
        "reason": reason,
    }
    return log.append(kind=DISPOSAL, payload=facts, retention="hipaa-6y")


def record_disclosure(
    log: Ledger, *, by: str, on: date, recipient: str, what: str, purpose: str, address: str = ""
) -> Receipt:
    """Logs a disclosure, with the four items that 45 CFR 164.528(b)(2) names.

    Args:
        log: The log.
        by: Who records it.
        on: When it was disclosed.
        recipient: Who received it.
        what: What was disclosed, in a few words.
        purpose: Why.
        address: The recipient's address, if it is known.

    Raises:
        InputError: If a fact is missing or too long.
    """
    facts: dict[str, Json] = {
        **_words(by=by, recipient=recipient, what=what, purpose=purpose),
        "date": on.isoformat(),
        "address": address,
    }
    return log.append(kind=DISCLOSURE, payload=facts, retention="disclosures-6y")


def respond(log: Ledger, exception: str, *, by: str, text: str) -> Receipt:
    """Logs management's response to an exception. It changes no finding.

    Raises:
        InputError: If that is not the id of an exception, or the text is missing or too long.
    """
    if not EXCEPTION.fullmatch(exception):
        raise InputError(
            "That is not the id of an exception.",
            remedy="give it as the report prints it: EX- and 12 letters and digits",
        )
    facts: dict[str, Json] = {**_words(by=by, text=text), "exception": exception,
                              "status": NOT_EXAMINED}  # fmt: skip
    return log.append(kind=ANSWERED, payload=facts)


def _words(**given: str) -> dict[str, Json]:
    for name, text in given.items():
        if not text.strip():
            raise InputError(f"The {name} is missing.", remedy=f"say it in a few words: --{name}")
        if len(text) > _MOST:
            raise InputError(
                f"The {name} is longer than {_MOST:,} characters.", remedy="shorten it"
            )
    return {name: text.strip() for name, text in given.items()}
