"""The checks whose measuring was done before the audit, by the step that had the means to do it.

De-identification sees the raw table and access control sees the requests; the audit sees neither.
Each hands over evidence under the id of the check, and the check takes it, or says that nobody
handed it over.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

from auditkit.checks.check import Check, NoParameters, NotAssessed
from auditkit.checks.fairness_threshold_sweep import TERMS as SWEEP
from auditkit.errors import InputError
from auditkit.evidence import Evidence, Term
from auditkit.measures.fairness.candidates import CHECK_ID, CHECK_TITLE, CHECK_VERSION

if TYPE_CHECKING:
    from auditkit.subject import Case


def from_prior_step(check_id: str, *, maker: str) -> Callable[[Case, NoParameters], Evidence]:
    """A check's `run` that takes evidence made before the audit.

    Args:
        check_id: The check's id, which the evidence carries.
        maker: What makes the evidence, as "auditkit.deid"; named when it is missing.
    """

    def run(case: Case, parameters: NoParameters) -> Evidence:  # noqa: ARG001 - there are none
        made = [e for e in case.evidence if e.check == check_id]
        if len(made) > 1:
            raise InputError(
                f"{len(made)} pieces of evidence were handed over, one is wanted.",
                remedy=f"hand over one evidence of {check_id}",
            )
        if not made:
            raise NotAssessed(f"no evidence from {maker} was handed over")
        return made[0]

    return run


def _handed_over(
    check_id: str,
    *,
    maker: str,
    version: str = "1",
    title: str,
    measures: str,
    misleads: str,
    source: str,
    terms: Mapping[str, Term],
) -> Check[NoParameters]:
    return Check(
        id=check_id,
        version=version,
        title=title,
        area=check_id.partition(".")[0],
        measures=measures,
        misleads=misleads,
        source=source,
        run=from_prior_step(check_id, maker=maker),
        terms=terms,
    )


PRIVACY: Final = (
    _handed_over(
        "privacy.identifiers",
        maker="auditkit.deid",
        title="Identifiers found and treated",
        measures=(
            "For each column of the raw table: which identifiers were found, how many, and "
            "what was done."
        ),
        misleads="A detector that finds nothing has not shown that nothing is there.",
        source="45 CFR 164.514(b)(2)(i)",
        terms={
            "columns_examined": Term(
                "Columns examined", "Columns that were searched for identifiers."
            ),
            "identifiers_found": Term(
                "Identifiers found", "Places where an identifier was recognised."
            ),
            "identifiers_treated": Term(
                "Identifiers treated", "Places that were removed or replaced."
            ),
        },
    ),
    _handed_over(
        "privacy.leaks",
        maker="auditkit.deid",
        title="Identifiers that remain",
        measures=(
            "The output of de-identification is searched again, and for every original identifier."
        ),
        misleads=(
            "It finds what it can recognise; a paraphrase that names a person without a name "
            "is not found."
        ),
        source="45 CFR 164.514(b)",
        terms={"leaks": Term("Identifiers that remain", "Identifiers recognised in the output.")},
    ),
    _handed_over(
        "privacy.recall",
        maker="auditkit deid evaluate",
        title="Share of identifiers in text that are found",
        measures=(
            "Recall of the detector on labelled texts, by class of identifier, with a lower bound."
        ),
        misleads=(
            "It holds for texts like the labelled ones; a sample from elsewhere says little of "
            "these."
        ),
        source="Clopper and Pearson, Biometrika 26 (1934) 404-413",
        terms={
            "recall": Term(
                "Recall",
                "Share of labelled identifiers of which every letter and digit was found.",
            ),
            "precision": Term(
                "Precision",
                "Share of the letters and digits found that are part of a labelled identifier.",
            ),
        },
    ),
    _handed_over(
        "privacy.disclosure_risk",
        maker="auditkit.deid",
        title="Disclosure risk in the released table",
        measures=(
            "Sizes of the equivalence classes, the rows that share their quasi-identifiers: "
            "k-anonymity, unique rows and risks of re-identification; and of sensitive attributes "
            "l-diversity and t-closeness."
        ),
        misleads=(
            "k says nothing of what an equivalence class gives away of all its members, nor of "
            "columns that are not named."
        ),
        source=(
            "45 CFR 164.514(b)(1); Sweeney 2002 (k-anonymity); Machanavajjhala et al. 2007 "
            "(l-diversity); Li, Li and Venkatasubramanian 2007 (t-closeness)"
        ),
        terms={
            "k": Term(
                "Rows in the smallest equivalence class (k-anonymity)",
                "Rows in the smallest equivalence class: rows with the same quasi-identifiers.",
            ),
            "classes": Term("Equivalence classes", "Sets of rows with the same quasi-identifiers."),
            "sample_uniqueness": Term(
                "Share of unique rows",
                "Share of rows whose quasi-identifiers no other row of the table has.",
            ),
            "rows_at_risk": Term(
                "Share of rows in small equivalence classes",
                "Share of rows in equivalence classes smaller than the wanted k.",
            ),
            "prosecutor_risk": Term(
                "Prosecutor risk",
                "Largest chance of finding a person who is known to be in the table: one over k.",
            ),
            "marketer_risk": Term(
                "Marketer risk",
                "Share of rows that guessing within their equivalence classes would name.",
            ),
            "journalist_risk": Term(
                "Journalist risk",
                "Largest chance of finding a person who is known to be in the population.",
            ),
            "l": Term(
                "Values in the least diverse equivalence class (l-diversity)",
                "Fewest different values of a sensitive attribute in an equivalence class.",
            ),
            "t": Term(
                "Largest distance of an equivalence class from all rows (t-closeness)",
                (
                    "Largest distance between a sensitive attribute's distribution in an "
                    "equivalence class and in the whole table."
                ),
            ),
        },
    ),
    _handed_over(
        "privacy.safe_harbor_table",
        maker="auditkit.deid",
        version="2",
        title="The eighteen classes of Safe Harbor",
        measures=(
            "For each class of identifier: what was found, what was done, how surely, what is left."
        ),
        misleads=(
            "None found is what a detector says; and the rule also asks for no actual knowledge."
        ),
        source="45 CFR 164.514(b)(2)(i)",
        terms={
            "classes_examined": Term(
                "Classes examined", "Classes of identifiers that were looked for."
            ),
            "classes_present": Term("Classes present", "Classes of which an identifier was found."),
            "classes_remaining": Term(
                "Classes remaining", "Classes of which one was left in the output."
            ),
        },
    ),
)

ALTERNATIVES: Final = _handed_over(
    CHECK_ID,
    maker="auditkit.alternatives",
    version=CHECK_VERSION,
    title=CHECK_TITLE,
    measures=(
        "Other cut-offs, and models fitted anew to weights that trade accuracy for even rates, "
        "measured on rows that they were not made from: how many lose little balanced accuracy "
        "and treat the least favoured group better."
    ),
    misleads=(
        "The best of many looks better here than it will on new data. Finding none does not show "
        "that there is none."
    ),
    source="Agarwal et al. 2018; Hardt, Price and Srebro 2016, as fairlearn implements them",
    terms={
        "less_disparate_alternatives": Term(
            "Less disparate alternatives",
            "Candidates that lose little balanced accuracy and raise the smallest ratio.",
        ),
        "alternative_ratio": SWEEP["alternative_ratio"],
        "alternative_balanced_accuracy": Term(
            "Balanced accuracy of the best alternative",
            "Balanced accuracy of the alternative with the highest smallest ratio.",
        ),
    },
)

LINEAGE: Final = _handed_over(
    "lineage.model",
    maker="auditkit.registry",
    title="The model in its registry",
    measures="Whether the model that was audited is, byte for byte, the version in the registry.",
    misleads="It shows which bytes were audited, not how they came about.",
    source="TSC 2017 CC8.1",
    terms={
        "artifact_files": Term("Files of the model", "Files that make up the registered version."),
        "digest_matches": Term(
            "Digest matches",
            "Whether the audited bytes have the digest of the registered version.",
        ),
    },
)

_DENIED: Final = Term("Requests denied", "Requests that the access policy denied.")
_CONFLICTS: Final = Term(
    "Segregation-of-duties conflicts", "People who may both make a change and approve it."
)

ACCESS: Final = (
    _handed_over(
        "access.decisions",
        maker="auditkit.access",
        title="Who may promote the model",
        measures=(
            "Decisions on requests to promote the model: how many were allowed, denied, and "
            "by which rule."
        ),
        misleads=(
            "It covers the requests that were put to this access control, not other ways to the "
            "model."
        ),
        source="TSC 2017 CC6.1, CC6.3",
        terms={
            "decisions": Term("Requests decided", "Requests on which the access policy decided."),
            "allowed": Term("Requests allowed", "Requests that the access policy allowed."),
            "denied": _DENIED,
            "sod_conflicts": _CONFLICTS,
        },
    ),
    _handed_over(
        "access.review",
        maker="auditkit access review",
        title="Access review",
        measures=(
            "Who may promote and through which role, who did, denied attempts, unused grants, "
            "segregation-of-duties conflicts, emergencies, and changes of the access policy."
        ),
        misleads=(
            "It reads the policy and the log of one server. It does not know who joined or left, "
            "nor of any way to the model around that server."
        ),
        source="TSC 2017 CC6.1, CC6.3, CC8.1; 45 CFR 164.308(a)(3)-(4), 164.312(a)-(b)",
        terms={
            "users": Term("Users", "Users to whom the access policy gives a role."),
            "promoters": Term("Promoters", "Users whom the access policy lets promote a model."),
            "denied": _DENIED,
            "promotions": Term("Promotions", "Moves of a protected alias or stage."),
            "unused_grants": Term(
                "Unused grants",
                "Roles that somebody holds and through which nothing was allowed for long.",
            ),
            "sod_conflicts": _CONFLICTS,
            "breakglass_uses": Term(
                "Uses of break-glass", "Emergencies in which a rule was passed by."
            ),
            "breakglass_unreviewed": Term(
                "Uses of break-glass not reviewed",
                (
                    "Emergencies in which a rule was passed by, and that nobody else has "
                    "reviewed yet."
                ),
            ),
            "policy_changes": Term(
                "Policy changes", "Versions of the access policy that came into force."
            ),
            "self_approved_policy_changes": Term(
                "Self-approved policy changes",
                "Policy changes whose author and approver are one person.",
            ),
        },
    ),
)
