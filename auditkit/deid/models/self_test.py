"""Texts that the fast ways of reading are tried on when they are loaded, before they are relied on.

What is computed fast here rests on inner parts of spaCy and on kernels of onnxruntime, which differ
between releases and processors. A way that does not find on these texts what the plain one finds is
not used, and `Deidentifier.describe` says so.
"""

from __future__ import annotations

from typing import Final

# What the token model's file finds in each text by its own arithmetic: start, end, type. Written
# down and not computed anew, because a second model would take a quarter of the time to load; a
# test computes it.
MARKED: Final[dict[str, tuple[tuple[int, int, str], ...]]] = {
    "Patient John Smith was seen by Dr. Maria Gonzalez on 5 May 2021 in Boston.": (
        (8, 12, "PERSON"),
        (13, 18, "PERSON"),
        (35, 40, "PERSON"),
        (41, 49, "PERSON"),
        (67, 73, "CITY"),
    ),
    "Call Priya Natarajan at 617-555-0143 or write to 48 Elm Street, Apt 5, Dayton, OH 45402.": (
        (5, 20, "PERSON"),
        (24, 36, "PHONE_NUMBER"),
        (49, 51, "ADDRESS"),
        (52, 62, "ADDRESS"),
        (64, 69, "ADDRESS"),
        (71, 77, "CITY"),
        (79, 81, "LOCATION"),
        (82, 87, "ZIP_CODE"),
    ),
    "Passport 512304876, driver license D4821-77310, SSN 078-05-1120, account 3310447785.": (
        (9, 18, "PASSPORT"),
        (35, 46, "DRIVER_LICENSE"),
        (52, 63, "PHONE_NUMBER"),
        (73, 83, "TAX_ID"),
    ),
    "Her brother Tomasz Kowalczyk lives at 9 Harbour Lane, Portsmouth; his email is on file.": (
        (12, 18, "PERSON"),
        (19, 28, "PERSON"),
        (38, 39, "ADDRESS"),
        (40, 52, "ADDRESS"),
        (54, 64, "CITY"),
    ),
    "Nothing here names anybody: the meeting was moved, and the totals were right.": (),
}
TEXTS: Final = tuple(MARKED)
