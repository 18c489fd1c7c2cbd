"""What a policy says, in sentences."""

from __future__ import annotations

from collections.abc import Mapping

from auditkit.evidence import Term
from auditkit.glossary import in_sentence
from auditkit.policy import Policy, Rule


def sentence(rule: Rule, policy: Policy, terms: Mapping[str, Term]) -> str:
    """A rule in one sentence.

    Args:
        rule: The rule.
        policy: Its policy, for the words for decisions and the small cell.
        terms: The words for measures, by their names.
    """
    put = policy.decision.words.put_into
    term = terms.get(rule.measure)
    name = in_sentence(put(term.words)) if term else rule.measure
    bound = "or more" if rule.operator == ">=" else "or less"
    of = f" of every group by {' and '.join(rule.by)}" if rule.by else ""
    least = f", where it is based on {rule.min_n:,} observations or more" if rule.min_n else ""
    judged = (
        "its whole interval has to be on that side"
        if rule.judge == "interval"
        else "only the value counts, not its interval"
    )
    return f"The {name}{of} must be {rule.threshold:g} {bound}{least}; {judged}."
