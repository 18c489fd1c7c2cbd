"""The view model: everything that a report says, in order, independent of fonts and paper.

It reads only a judgement, the log's receipt and the options. It feeds both the PDF and the HTML
page.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from auditkit.charts import letters
from auditkit.evidence import SEVEREST_FIRST, SUPPRESSION_RULE, Evidence, Finding, Outcome
from auditkit.glossary import GENERAL
from auditkit.judgement.gate import Decision, severity_order
from auditkit.report.annex import Indexed, Pack
from auditkit.report.blocks.condition import Condition
from auditkit.report.blocks.kinds import Area, Log, Part, Status
from auditkit.report.blocks.layout import laid_out
from auditkit.report.figures.figure_ledger import FigureLedger, Line, Text, TracedText, joined
from auditkit.report.options import ReportOptions
from auditkit.report.sections import blocks_of
from auditkit.report.typeset.text import shown
from auditkit.subject import UNREGISTERED

if TYPE_CHECKING:
    from auditkit.judgement.statement import Judgement
    from auditkit.subject import Subject

# The areas in the order of the report, with their headings.
AREAS: Final = (
    ("fairness", "Outcome disparities by group"),
    ("performance", "Performance"),
    ("comparison", "Beside the model in use"),
    ("explanation", "Explanations"),
    ("privacy", "Privacy"),
    ("access", "Access"),
    ("lineage", "Lineage"),
    ("monitoring", "Monitoring"),
)
# The most letters of a fact on page one, and of the title.
_FACT: Final = 120
_TITLE: Final = 240
# The room for a name in the running head and foot, in points.
_HEAD_NAME: Final = 150.0
_HEAD_VERSION: Final = 40.0
_FOOT_NAME: Final = 120.0
# What audits in the log may share with this one, and what is counted of those that do.
_SHARED: Final = {"name": "this name", "model": "this model", "data": "these evaluation data"}
_COUNTED: Final = ("audits", "pass", "fail", "incomplete", "unended")
_ORDER_OF_COUNTS: Final = (
    Outcome.PASS,
    Outcome.FAIL,
    Outcome.UNCERTAIN,
    Outcome.NOT_ASSESSED,
    Outcome.NOT_APPLICABLE,
    Outcome.ERROR,
)


class Page:
    """Everything that a template prints.

    Args:
        judgement: The audit.
        options: What the people behind the report state.
        receipt: The log's receipt; None: the statement was not logged.
        room: How many exceptions page one has room for.
        fits: Whether page one fits on one page; if not, the next section follows without a break.
        screen: Whether it is for a screen, where each number shows its details.
    """

    def __init__(
        self,
        judgement: Judgement,
        options: ReportOptions,
        receipt: Mapping[str, Any] | None,
        *,
        room: int = 5,
        fits: bool = True,
        screen: bool = False,
    ) -> None:
        self._room = room
        self.fits = fits
        self.screen = screen
        self.book = FigureLedger(judgement, screen=screen)
        self.judgement = judgement
        self.options = options
        self._receipt = receipt
        self._position = {f.rule: i for i, f in enumerate(judgement.findings)}

    # Page one

    @property
    def report_id(self) -> TracedText:
        """The report's short name."""
        return self.book.digest(self.judgement.report_id)

    @property
    def title(self) -> Line:
        """The model and its version."""
        subject = self.judgement.subject
        if subject.period:
            return Line("Operation of controls, by the log ", self.book.quote(subject.name))
        if subject.version == "unregistered":
            return Line(self.book.quote(subject.name, limit=_TITLE), ", not registered")
        version = self.book.quote(subject.version, limit=_FACT)
        return Line(self.book.quote(subject.name, limit=_TITLE), ", version ", version)

    @property
    def short_title(self) -> Line:
        """The title, cut to fit a running head."""
        subject, book = self.judgement.subject, self.book
        name = book.quote(subject.name, limit=letters(shown(subject.name), _HEAD_NAME))
        if subject.period:
            return Line(name)
        if subject.version == "unregistered":
            return Line(name, ", not registered")
        limit = letters(shown(subject.version), _HEAD_VERSION)
        return Line(name, ", version ", book.quote(subject.version, limit=limit))

    @property
    def producer(self) -> TracedText:
        """Who produced the report, cut to fit a running foot."""
        stated = self.options.organisation
        return self.book.stated(stated, limit=letters(shown(stated), _FOOT_NAME))

    @property
    def facts(self) -> Iterator[tuple[str, Text]]:
        """The facts on page one, about the subject and those who examined it."""
        judgement, options, book = self.judgement, self.options, self.book
        subject = judgement.subject
        if subject.champion is not None:
            yield "Compared with", self._champion(subject.champion)
        if subject.period:
            first, last = (book.quote(end) for end in subject.period)
            yield "Period", Line(first, " to ", last, ", the end not in it")
        else:
            yield "Owner", book.quote(subject.owner, limit=_FACT) if subject.owner else "not stated"
        as_of: Text = book.quote(str(judgement.as_of)) if judgement.as_of else "not stated"
        if options.period:
            yield "Period", book.stated(options.period)
        yield "As of", as_of
        yield (
            "Policy",
            Line(
                book.quote(judgement.policy.id, limit=_FACT),
                ", version ",
                book.quote(judgement.policy.version, limit=_FACT),
            ),
        )
        yield "Run by", book.stated(options.ran_by) if options.ran_by else "not stated"
        reviewed = book.stated(options.reviewed_by) if options.reviewed_by else "not reviewed"
        yield "Reviewed by", reviewed
        stated = book.stated(options.independence) if options.independence else "not stated"
        yield "Independence", stated
        yield (
            "Read" if subject.period else "Evaluated on",
            Line(
                book.fact("rows", value=judgement.rows),
                " entries of the log"
                if subject.period
                else " rows; datasets in the method section",
            ),
        )
        yield "Report id", self.report_id
        if judgement.supersedes is not None:
            yield (
                "Supersedes",
                Line("the report of statement ", book.digest(judgement.supersedes.short)),
            )

    @property
    def frameworks(self) -> Text:
        """The control packs, each with the day on which its citations were checked."""
        book = self.book
        return joined(
            "; ",
            (
                Line(book.quote(p.title), ", as of ", book.quote(str(p.as_of)))
                for p in self.judgement.packs
            ),
        )

    @property
    def counts(self) -> list[tuple[Status, TracedText]]:
        """The number of rules with each of the six outcomes, zero included."""
        counts = self.judgement.counts()
        return [
            (Status(outcome=o), self.book.count("findings", counts[o], outcome=o.value))
            for o in _ORDER_OF_COUNTS
        ]

    @property
    def total(self) -> TracedText:
        """The number of rules."""
        return self.book.count("findings", len(self.judgement.findings))

    @property
    def verdict(self) -> str:
        """The gate's decision in words."""
        if self.judgement.subject.period:
            return {
                Decision.PASS: "No exception",
                Decision.FAIL: "Exceptions",
                Decision.INCOMPLETE: "Not all could be tested",
            }[self.judgement.verdict.decision]
        return {
            Decision.PASS: "The gate lets the model through",
            Decision.FAIL: "The gate does not let the model through",
            Decision.INCOMPLETE: "The gate cannot decide",
        }[self.judgement.verdict.decision]

    @property
    def why(self) -> str:
        """The reason for the decision, without numbers."""
        verdict = self.judgement.verdict
        waived = "; a waiver is in force" if verdict.waived else ""
        return {
            Decision.PASS: "every condition that applies is met or waived",
            Decision.FAIL: "at least one condition has an exception that is not waived",
            Decision.INCOMPLETE: "at least one condition is uncertain, not tested or in error",
        }[verdict.decision] + waived

    def _findings(self, *outcomes: Outcome) -> list[Condition]:
        chosen = [f for f in self.judgement.findings if f.outcome in outcomes]
        return [self._row(f) for f in sorted(chosen, key=severity_order)]

    def _row(self, finding: Finding) -> Condition:
        return Condition(self.book, finding, self._position[finding.rule])

    @property
    def exceptions(self) -> list[Condition]:
        """Conditions with an exception, or whose check crashed; worst first."""
        return self._findings(Outcome.FAIL, Outcome.ERROR)

    @property
    def first_exceptions(self) -> list[Condition]:
        """The exceptions that page one has room for."""
        return self.exceptions[: self._room]

    @property
    def first_uncertain(self) -> list[Condition]:
        """The uncertain conditions that page one has room for."""
        return self.uncertain[: min(3, self._room)]

    @property
    def first_not_tested(self) -> list[Condition]:
        """The untested conditions that page one has room for."""
        return self.not_tested[: min(4, self._room)]

    @property
    def uncertain(self) -> list[Condition]:
        """Conditions that the data cannot decide."""
        return self._findings(Outcome.UNCERTAIN)

    @property
    def not_tested(self) -> list[Condition]:
        """Conditions for which there is no evidence."""
        return self._findings(Outcome.NOT_ASSESSED)

    @property
    def conditions(self) -> list[Condition]:
        """All conditions, worst first."""
        return self._findings(*SEVEREST_FIRST)

    @property
    def untested_controls(self) -> list[Line]:
        """Requirements of the packs without a test, but for those that lie outside."""
        return [
            Line(self.book.quote(c.control.id), " (", self.book.quote(c.control.citation), ")")
            for c in self.judgement.controls
            if c.outcome is Outcome.NOT_ASSESSED and not c.control.is_outside
        ]

    @property
    def unmeasured(self) -> list[tuple[Text, Line]]:
        """Checks without evidence that no condition reads, each with its reason."""
        read = {f.evidence for f in self.judgement.findings}
        return [
            (
                self.book.quote(e.id),
                Line(self.book.quote(e.title), ": ", self.book.quote(e.reason), "."),
            )
            for e in self.judgement.evidence
            if e.outcome in {Outcome.NOT_ASSESSED, Outcome.ERROR} and e.id not in read
        ]

    @property
    def unlifting(self) -> list[tuple[Text, Text]]:
        """The files of waivers that lift nothing, or less than they say, each with the reason."""
        return [
            (self.book.quote(one.file.name), self.book.quote(one.reason, whole=True))
            for one in self.judgement.waivers
            if one.reason
        ]

    @property
    def out_of_scope(self) -> list[TracedText]:
        """What the policy declares out of scope."""
        return [self.book.quote(text) for text in self.judgement.policy.out_of_scope]

    # Evidence

    @cached_property
    def areas(self) -> list[Area]:
        """The sections of evidence, numbered after the two sections on conditions."""
        known = dict(AREAS)
        others = sorted(self._areas() - set(known))
        titles: dict[str, Text] = {a: self.book.heading(a) for a in others}
        titles |= known
        ordered = [a for a, _ in AREAS if a in self._areas()]
        ordered += others
        return [self._area(a, titles[a], position) for position, a in enumerate(ordered, start=3)]

    def _areas(self) -> set[str]:
        return {e.area for e in self.judgement.evidence}

    def _area(self, area: str, title: Text, position: int) -> Area:
        members = [e for e in self.judgement.evidence if e.area == area]
        return Area(
            number=self.book.numbering(str(position)),
            title=title,
            anchor=f"section-{position}",
            parts=[self._part(e, f"{position}.{i}") for i, e in enumerate(members, start=1)],
        )

    def _part(self, evidence: Evidence, number: str) -> Part:
        book = self.book
        return Part(
            evidence=evidence,
            id=book.quote(evidence.id),
            number=book.numbering(number),
            title=book.quote(evidence.title),
            basis=Line(
                "n = ",
                book.n(evidence),
                " ",
                book.quote(evidence.population),
                " · ",
                book.quote(evidence.check),
                ", version ",
                book.quote(evidence.version),
            )
            if evidence.outcome is Outcome.PASS
            else Line(book.quote(evidence.check), ", version ", book.quote(evidence.version)),
            blocks=laid_out(blocks_of(book, evidence)),
            notes=[book.quote(note) for note in evidence.notes],
        )

    @property
    def after_areas(self) -> int:
        """The number of the first section after the evidence."""
        return 3 + len(self._areas())

    # Controls

    @property
    def packs(self) -> list[Pack]:
        """The control matrix, pack by pack."""
        return [Pack(self.book, pack) for pack in self.judgement.packs]

    @property
    def has_outside(self) -> bool:
        """Whether a pack lists a requirement that nothing here speaks to."""
        return any(c.control.is_outside for c in self.judgement.controls)

    # Index, verification, method

    @property
    def index(self) -> list[Indexed]:
        """All evidence, in the order of the statement."""
        section = {p.evidence.id: p.number for a in self.areas for p in a.parts}
        every = self.judgement.evidence
        return [Indexed(self.book, e, section[e.id], every[:i]) for i, e in enumerate(every)]

    @property
    def exported(self) -> list[tuple[str, list[TracedText]]]:
        """The formats that were exported with the report, each with the digests of its files."""
        given = self.options.exported or {}
        return [(name, [self.book.exported(one) for one in given[name]]) for name in sorted(given)]

    @property
    def log(self) -> Log | None:
        """The log's checkpoint; None if the statement was not logged."""
        receipt = self._receipt
        if receipt is None or not isinstance(receipt.get("checkpoint"), str):
            return None
        checkpoint = str(receipt["checkpoint"])
        lines = checkpoint.split("\n")
        if len(lines) < 3:
            return None
        book = self.book
        return Log(
            origin=book.receipt(lines[0]),
            size=book.receipt(lines[1]),
            root=book.receipt(lines[2]),
            index=book.receipt(str(receipt.get("index", "not stated"))),
            checkpoint=checkpoint,
            counts=self._logged(),
            unknown=self._unknown(),
        )

    def _logged(self) -> list[tuple[str, list[TracedText]]]:
        """The numbers of audits in the log, by the facts that they share with this one."""
        counted = self.options.logged
        if counted is None:
            return []
        return [
            (words, [self.book.logged(counted[fact][name]) for name in _COUNTED])
            for fact, words in _SHARED.items()
        ]

    def _unknown(self) -> TracedText | None:
        unknown = self.options.logged["unknown"] if self.options.logged is not None else 0
        return self.book.logged(unknown) if unknown else None

    @property
    def datasets(self) -> list[tuple[Text, ...]]:
        """The tables that were read: name, role, rows, columns, digest."""
        book = self.book
        return [
            (
                book.quote(d.name),
                self.book.quote(d.role),
                book.fact("datasets", i, "rows", value=d.rows),
                book.fact("datasets", i, "columns", value=d.columns),
                book.digest(d.digest.short),
            )
            for i, d in enumerate(self.judgement.datasets)
        ]

    @property
    def versions(self) -> Line:
        """The packages that computed the numbers."""
        return joined(
            ", ",
            (
                Line(self.book.quote(name), " ", self.book.quote(version))
                for name, version in sorted(self.judgement.versions.items())
            ),
        )

    def _champion(self, champion: Subject) -> Line:
        name = Line(self.book.quote(champion.name, limit=_FACT))
        if champion.version != UNREGISTERED:
            name = Line(name, ", version ", self.book.quote(champion.version, limit=_FACT))
        return Line(name, ", ", self.book.digest(champion.digest.short))

    @property
    def loading(self) -> Line | None:
        """Where the model ran; None: the statement does not say."""
        how = self.judgement.subject.loading
        if how is None:
            return None
        if not how.format:
            return Line(
                "The model was handed over as an object and ran in this audit's own process."
            )
        if how.kind == "served":
            return Line("The model runs in another program, which was asked over HTTP (",
                        self.book.quote(how.format), ").")  # fmt: skip
        sandbox = joined(", ", (Line(self.book.quote(layer)) for layer in how.sandbox))
        form = (self.book.quote(how.format), ", class ", self.book.quote(how.kind))
        return Line("The model was loaded from a file (", *form, ") into a process confined by ",
                    sandbox, ".")  # fmt: skip

    @property
    def seed(self) -> TracedText:
        """The seed of every random draw."""
        return self.book.fact("seed", value=self.judgement.seed)

    @property
    def hidden(self) -> TracedText:
        """How many numbers are suppressed."""
        return self.book.fact("suppression", "hidden", value=self.judgement.hidden)

    @property
    def suppression_rule(self) -> Text:
        """The source of the suppression rule."""
        return self.book.quote(SUPPRESSION_RULE)

    @property
    def auditkit_version(self) -> Text:
        """The version of this toolkit that made the evidence."""
        version = self.judgement.versions.get("auditkit", "")
        return self.book.quote(version) if version else "of an unknown version"

    @property
    def glossary(self) -> list[tuple[Text, Text]]:
        """The measures that this report prints, each with its definition; then general terms."""
        book = self.book
        named = (m.name for e in self.judgement.evidence for m in e.measurements)
        measured = book.glossary.explained(named)
        terms = ((book.quote(words), book.quote(meaning)) for words, meaning in measured)
        return [*terms, *GENERAL]
