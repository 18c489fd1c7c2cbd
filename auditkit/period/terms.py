"""Words for what is counted of a period, and which check counts what."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from auditkit.evidence import Term

TERMS: Final[dict[str, Term]] = {
    "changes": Term("Changes", "Moves of protected aliases and stages in the period."),
    "changes_with_exceptions": Term(
        "Changes with an exception", "Changes that lack an attribute which they should have."
    ),
    "exceptions": Term("Exceptions", "Changes that lack this attribute."),
    "open_tests": Term("Open", "Changes of which the log cannot yet tell this attribute."),
    "items": Term("Items", "Items of a population in the period."),
    "entries": Term("Entries in the period", "Entries of the log that were written in the period."),
    "destructions": Term(
        "Destructions", "Entries that record that contents of the log were destroyed."
    ),
    "clock_set_back": Term(
        "Clock set back", "Entries that record that the log's clock was behind the one before."
    ),
    "uncovered_ends": Term(
        "Uncovered ends", "Ends of the period, of two, that the log does not reach."
    ),
    "judged_windows": Term("Judged windows", "Due windows that were judged."),
    "missed_windows": Term(
        "Missed windows",
        "Due windows that were not judged. A window is due once it is logged as missed, or once "
        "the log goes on for as long as it lasts after its end.",
    ),
    "unlogged_windows": Term(
        "Windows without an entry", "Missed windows of which no entry says that they were missed."
    ),
    "windows_without_run": Term(
        "Windows without a run", "Due windows during which the monitor wrote nothing."
    ),
    "breached_windows": Term("Breached windows", "Judged windows that broke a rule."),
    "heartbeats": Term(
        "Heartbeats", "Entries that say that the monitor ran and found nothing new."
    ),
    "alerts_opened": Term("Alerts opened", "Alerts that opened in the period."),
    "alerts_not_closed": Term(
        "Alerts not closed", "Alerts that stood in the period and were not closed at its end."
    ),
    "silences": Term("Silences", "Silences of alerts that were set in the period."),
    "policies_used": Term(
        "Policies used", "Different policies that windows were judged by in the period."
    ),
    "median_hours": Term(
        "Hours, median",
        "The median of the hours to detect, acknowledge, act or close, of alerts for which it was "
        "done in the period.",
    ),
    "q90_hours": Term(
        "Hours, 90 % quantile",
        "The 90 % quantile, linearly interpolated, of the hours to detect, acknowledge, act or "
        "close, of alerts for which it was done in the period.",
    ),
    "longest_unacknowledged": Term(
        "Longest time unacknowledged",
        "The most hours, at any time of the period, since the opening of an alert that nobody had "
        "acknowledged or closed; 0 if there was none.",
    ),
    "longest_undecided": Term(
        "Longest time undecided",
        "The most hours, at any time of the period, since the opening of an alert that nobody had "
        "triaged or closed; 0 if there was none.",
    ),
    "fallback_moves": Term(
        "Moves to a fallback", "How often something was made to serve in place of the model."
    ),
    "trials": Term("Trials", "How often the model was made to serve again, on trial."),
    "recoveries": Term("Recoveries", "How often the model was back after its trial."),
    "unexplained_moves": Term(
        "Moves without an alert", "Moves of the fallback whose reason is no alert of the log."
    ),
    "longest_fallback": Term(
        "Longest use of a fallback",
        "The most hours, at any time of the period, since something had begun to serve in place of "
        "the model; 0 if nothing did.",
    ),
    "hours_served": Term("Hours served", "Hours of the period in which it served."),
    "share_served": Term(
        "Share of the time", "Hours in which it served, by the hours from the first window."
    ),
    "rows_served": Term("Rows", "Rows of the judged windows that begin while it served."),
    "rows_decided": Term(
        "Rows decided", "Rows of the period's windows that name this as what decided, and why."
    ),
    "gaps": Term("Gaps", "What the log and the registry do not agree on."),
}
# The measures of each check.
COUNTED: Final[Mapping[str, tuple[str, ...]]] = {
    "period.changes": ("changes", "changes_with_exceptions", "exceptions", "open_tests"),
    "period.populations": ("items",),
    "period.log": ("entries", "destructions", "clock_set_back", "uncovered_ends"),
    "period.registry": ("gaps",),
    "monitoring.operation": (
        "judged_windows", "missed_windows", "unlogged_windows", "windows_without_run",
        "breached_windows", "heartbeats", "alerts_opened", "alerts_not_closed", "silences",
        "policies_used", "median_hours", "q90_hours", "longest_unacknowledged",
        "longest_undecided",
    ),
    "fallback.use": (
        "fallback_moves", "trials", "recoveries", "unexplained_moves", "longest_fallback",
        "hours_served", "share_served", "rows_served", "rows_decided",
    ),
}  # fmt: skip


def terms_of(check: str) -> dict[str, Term]:
    """The words for the measures of a check."""
    return {name: TERMS[name] for name in COUNTED[check]}
