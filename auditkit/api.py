"""The functions for a pipeline: inputs and a policy in, an audit and its signed report out.

inputs = ak.Inputs(model=model, data=X, labels=y, groups=groups, reference=X_train)
audit = ak.run(inputs, policy="lending")
audit.report("report.pdf", signer=ak.Signer.load("key.p12", passphrase=passphrase))
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, fields, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from auditkit.canonical import Digest
from auditkit.errors import InputError, KeyFileError, LedgerError, argument
from auditkit.judgement.audit import examine, parameters_of
from auditkit.judgement.controls import ControlPack
from auditkit.judgement.progress import Progress, shown
from auditkit.judgement.statement import MIN_SALT, Judgement
from auditkit.parameters import LOG_NAME
from auditkit.policy import Policy, PolicySource
from auditkit.wording import html_table, interval, plural

if TYPE_CHECKING:
    from datetime import date, datetime

    import pandas as pd

    from auditkit.audit_log.recording import Begun
    from auditkit.evidence import Finding
    from auditkit.ledger import Ledger, Receipt
    from auditkit.ledger.witness.http import RemoteWitness
    from auditkit.report import ReportOptions
    from auditkit.signing import KeyStore, Signer
    from auditkit.subject import Case, Inputs

# The packages that compute numbers; their versions are recorded with every audit.
_COMPUTING = (
    "numpy",
    "scipy",
    "pandas",
    "scikit-learn",
    "shap",
    "treelite",
    "xgboost-cpu",
)


@dataclass(frozen=True, kw_only=True, repr=False)
class Audit(Judgement):
    """A finished audit, with the fields of `Judgement`. It never changes.

    Attributes:
        log: The log that its reports go into, as `run` was given it; None: none.
        begun: The entry that it began with there.
    """

    log: Ledger | str | Path | None = field(default="", compare=False)
    begun: Begun | None = field(default=None, compare=False)

    __hash__ = Judgement.__hash__

    @classmethod
    def of(
        cls,
        judgement: Judgement,
        *,
        log: Ledger | str | Path | None = "",
        begun: Begun | None = None,
    ) -> Audit:
        """The audit with the fields of a judgement."""
        known = {f.name: getattr(judgement, f.name) for f in fields(Judgement)}
        return cls(**known, log=log, begun=begun)

    def to_frame(self) -> pd.DataFrame:
        """Every number of the audit, one row each.

        Columns: evidence, check, measure, group, value, lower, upper, level, n, unit, suppressed,
        reason. A value that is not estimable, or about fewer people than the policy's `small_cell`
        and so suppressed, is missing, and `reason` says why. `ak.fairness` keeps every number.
        """
        import pandas as pd

        return pd.DataFrame(
            [
                {
                    "evidence": e.id,
                    "check": e.check,
                    "measure": m.name,
                    "group": ", ".join(f"{a}={v}" for a, v in m.group),
                    "value": m.value,
                    "lower": m.lower,
                    "upper": m.upper,
                    "level": m.level,
                    "n": m.n,
                    "unit": m.unit,
                    "suppressed": bool(m.suppressed),
                    "reason": m.reason,
                }
                for e in self.evidence
                for m in e.measurements
            ]
        )

    def report(
        self,
        path: str | Path,
        *,
        signer: Signer | None = None,
        log: Ledger | str | Path | None = "",
        ledger: Ledger | None = None,
        keys: KeyStore | None = None,
        options: ReportOptions | None = None,
        at: datetime | None = None,
        retention: str = "standard",
        twin: str | Path | None = None,
        witnesses: Sequence[RemoteWitness] = (),
        progress: Progress | bool | None = None,
    ) -> Receipt | None:
        """Logs the statement, renders the report with it, signs it, and writes it whole.

        Args:
            path: Where the PDF goes. Nothing is left there if anything fails.
            signer: Signs statement and PDF. Default: the key store's key, which is made on first
                use and labelled a demonstration key.
            log: The log, its path or its URL; None: the statement is not logged, and the report
                says so. Default: the log that the audit was begun in.
            ledger: The former name of `log`.
            keys: The key store for the keys that are not given. Default: the user's configuration
                folder.
            options: Paper size and the texts that a report prints about people.
            at: The time to write into the signature: the signer's claim, which nobody attests.
                Default: none is stated.
            retention: How long the log keeps the payloads of this audit: the name of one of
                `auditkit.ledger.CLASSES`, for example "hipaa-6y".
            twin: Where the same report goes as one HTML file for a browser, which is a copy for
                reading and not signed. Default: nowhere.
            witnesses: Who signs the log's checkpoint before it is printed, so that a reader who
                knows their keys sees the log that everyone sees. Default: nobody.
            progress: As for `run`, of the steps: log, pages, signature, copy.

        Returns:
            The log's receipt for the statement, which is also attached to the PDF; None if it was
            not logged.

        Raises:
            OutputError: If the report cannot be written.
            KeyFileError: If a key cannot be read.
            LedgerError: If the statement cannot be logged, or a witness cannot be reached; then
                no report is made.
            VerificationError: If a witness refuses to sign the log.
        """
        from auditkit.audit_log import recording
        from auditkit.files import require_writable, write_whole
        from auditkit.report import ReportOptions, get_ready, render_twin, rendered

        target = Path(path)
        require_writable(target.parent)
        store = keys if keys is not None else default_keys()
        signing = signer if signer is not None else store.report_signer()
        chosen = options if options is not None else ReportOptions()
        get_ready()
        steps = ["log", "pages", "signature", *(["copy for a browser"] if twin else [])]
        with shown("Report", progress=progress) as tell:

            def enter(step: str) -> None:
                if tell is not None:
                    tell(steps.index(step), len(steps), step)

            enter("log")
            place = ledger if ledger is not None else self.log if log == "" else log
            receipt, counted = None, None
            if place is not None:
                with _opened(place, store) as opened:
                    receipt, counted = recording.report(
                        opened, self.begun, self, retention=retention, witnesses=witnesses
                    )
            receipt_json = receipt.to_json() if receipt is not None else None
            chosen = replace(
                chosen,
                signer=signing.name,
                fingerprint=signing.fingerprint,
                signing_time=signing.time_words,
                logged=counted,
            )
            enter("pages")
            with rendered(
                self,
                receipt=receipt_json,
                envelope=signing.sign_statement(self.statement),
                options=chosen,
            ) as pages:
                import auditkit.signing.pdf  # noqa: F401 - loaded while the pages are drawn

                if twin is not None:
                    copy = render_twin(self, receipt=receipt_json, options=chosen)
                unsigned = pages.result()
            enter("signature")
            reason = f"Evidence report {self.report_id}, as it was issued"
            signed = signing.sign_pdf(unsigned, reason=reason, at=at)
            write_whole(target, signed)
            if twin is not None:
                enter("copy for a browser")
                write_whole(Path(twin), copy)
        return receipt

    def export(self, format: str, *, signer: Signer | None = None) -> bytes:  # noqa: A002 - its name
        """Writes the audit in another tool's format; each finding keeps its id.

        Args:
            format: One of `auditkit.exports.FORMATS`: "sarif", "junit", "oscal", "poam",
                "markdown", "annotations", "gitlab", "openmetrics", "xlsx", "csv", "intoto", "svr",
                "cyclonedx" (1.6), "modelcard".
            signer: Signs the attestations, "intoto" and "svr". Default: they carry no signature.

        Returns:
            The file's content; the same bytes for the same audit.

        Raises:
            InputError: If there is no such format.
        """
        from auditkit.exports import export

        sign = signer.sign_statement if signer is not None else None
        files = export(self.statement, [format], sign=sign)
        return next(iter(files.values()))

    def __repr__(self) -> str:
        """The verdict and the counts, in one line."""
        counts = ", ".join(f"{n} {o.words}" for o, n in self.counts().items() if n)
        return (
            f"<Audit of {self.subject.name} {self.subject.version} by the policy "
            f"{self.policy.id}: {self.verdict.decision.value}; "
            f"{plural(len(self.findings), 'condition')}: {counts}>"
        )

    def _repr_html_(self) -> str:
        """The findings as an HTML table for a notebook, worst first."""
        from auditkit.judgement.gate import severity_order

        return html_table(
            repr(self)[1:-1],
            ("finding", "rule", "outcome", "value"),
            [
                (f.statement, f.rule, f.outcome.words, _value(f))
                for f in sorted(self.findings, key=severity_order)
            ],
        )


def run(
    inputs: Inputs,
    *,
    policy: str | Path | Policy = "",
    packs: Sequence[ControlPack] | None = None,
    today: date | None = None,
    salt: bytes | None = None,
    source: PolicySource | None = None,
    progress: Progress | bool | None = None,
    expect: Mapping[str, str] | None = None,
    supersedes: str | None = None,
    waivers: Sequence[str | Path] = (),
    log: Ledger | str | Path | None = "",
    keys: KeyStore | None = None,
    retention: str = "standard",
) -> Audit:
    """Audits a model.

    The audit is logged before anything is measured, and again with its verdict, so that one that is
    run until it passes is seen to be. `Audit.report` says how many the log holds.

    Args:
        inputs: Model, rows, labels, groups, reference.
        policy: What must hold: a path, a `Policy`, or the bare name of one that comes with
            auditkit: "hospital", "lending", "starter", "starter-challenger",
            "starter-multiclass", "starter-regression". Default: the starter of the task, which the
            audit's `repr`, its report and its statement name.
        packs: The control packs that the evidence is assessed against. Default: those that the
            policy names.
        today: The day of the audit. It is printed, and decides which waivers are in force; without
            it none is. It is an argument so that equal inputs give equal statements.
        salt: At least 16 secret bytes for the commitment to the numbers that are suppressed in the
            statement. Default: derived from all rows, so that whoever has the data has the salt.
        source: Where the policy is written down, which the statement then says; see
            `PolicySource`. Default: it is not stated.
        progress: None shows the running check in a terminal or a notebook; False shows nothing. A
            function is called before each check with its position, the number of checks and its
            title, and again with a title that says how far it is in one that takes long.
        expect: Digests, `sha256:...`, that the inputs must have: of "model", "champion", "data",
            "reference" and "policy". None: any will do.
        supersedes: The digest, `sha256:...`, of the statement whose report this one's takes the
            place of; the statement, the report and the log say so. None: of none.
        waivers: Files of waivers, and folders of them. One that is not signed as the policy wants,
            is for something else or not for this day, is as none; the statement says why. A
            revocation in the log counts as if it was given.
        log: The log, its path or its URL (`postgresql://user@host/name`); None: nothing is logged,
            and the report says so. Default: the key store's own, `log.db` in its folder.
        keys: The key store whose key signs a log that is given by its path or URL. Default: the
            user's configuration folder.
        retention: How long the log keeps these payloads; see `Audit.report`.

    Returns:
        The audit: verdict, findings, evidence, statement.

    Raises:
        InputError: If the inputs cannot be used; the message says what and where. Or if they are
            not those that `expect` names, a file of waivers cannot be read, or a check of another
            package cannot be loaded.
        PolicyError: If the policy or one of its control packs is wrong.
        KeyFileError: If the log's key cannot be read.
        LedgerError: If the log cannot be written; then nothing is measured.
    """
    from auditkit.audit_log import recording
    from auditkit.audit_log.waivers import revocations
    from auditkit.loading import prepare
    from auditkit.loading.checks import all_checks, installed_checks
    from auditkit.loading.places import STARTERS, load_packs, load_policy
    from auditkit.loading.waiver_files import read_waivers

    if salt is not None and len(salt) < MIN_SALT:
        raise InputError(
            f"The salt has {len(salt)} bytes.", remedy="give 32 random bytes, or leave it out"
        )
    replaced = Digest.parse(supersedes) if supersedes is not None else None
    files = read_waivers(waivers)
    case = None
    if policy == "":
        case = prepare(inputs)
        policy = STARTERS[case.task]
    chosen, folder = load_policy(policy)
    brought = installed_checks()
    checks = all_checks(brought)
    parameters_of(chosen, checks)  # refuses wrong ones before the model computes any score
    case = prepare(inputs) if case is None else case
    if expect:
        _refuse_unexpected(case, chosen, expect)
    applied = load_packs(chosen, folder) if packs is None else packs
    with ExitStack() as stack:
        opened, begun = None, None
        if log is not None:
            opened = stack.enter_context(_opened(log, keys))
            begun = recording.begin(opened, case, chosen, retention=retention)
            if files:
                files += revocations(opened, files)
        tell = stack.enter_context(shown("Audit", progress=progress))
        judgement = examine(
            case,
            chosen,
            applied,
            today=today,
            versions={**{one.package: one.version for one in brought}, **computing_versions()},
            checks=checks,
            salt=salt,
            source=source,
            waivers=files,
            progress=tell,
        )
        judgement = replace(judgement, supersedes=replaced)
        if opened is not None and begun is not None:
            recording.end(opened, begun, judgement, retention=retention)
    return Audit.of(judgement, log=log, begun=begun)


def compare(
    champion: Any,
    challenger: Any,
    *,
    policy: str | Path | Policy = "starter-challenger",
    **options: Any,
) -> Audit:
    """Audits a model that is to replace another, and compares both on the same rows.

    The audit is of the challenger: its statement has the challenger's digest, so that a promotion
    of the challenger can require it. All checks are run on it, and the checks `comparison.*` lay
    it beside the champion. Both models are judged on the same rows, labels and groups, with the
    same cut-off; each reads the columns that it was fitted on.

    Args:
        champion: The model in use, or `Inputs` with its `model`, `name`, `version`, `digest` and
            `registered`.
        challenger: The model that is to replace it.
        policy: As for `run`. Margins of non-inferiority are bounds on the changes that
            `comparison.performance` and `comparison.groups` measure.
        **options: All else that `Inputs` takes, as `data`, `labels`, `groups` and `reference`; and
            all else that `run` takes, as `today` and `log`.

    Raises:
        InputError: As `run`; or if the two models do different tasks.
        PolicyError: As `run`.
    """
    from auditkit.subject import Inputs

    in_use = champion if isinstance(champion, Inputs) else Inputs(model=champion, data=None)
    known = {f.name for f in fields(Inputs)}
    given = {name: value for name, value in options.items() if name in known}
    others = {name: value for name, value in options.items() if name not in known}
    return run(Inputs(model=challenger, champion=in_use, **given), policy=policy, **others)


def _refuse_unexpected(case: Case, policy: Policy, expect: Mapping[str, str]) -> None:
    """Refuses inputs that are not the expected ones, before anything is measured."""
    roles = {"evaluation": "data", "reference": "reference"}
    found = {roles.get(d.role, d.role): str(d.digest) for d in case.datasets}
    found |= {"model": str(case.subject.digest), "policy": str(policy.digest)}
    if case.champion is not None:
        found["champion"] = str(case.champion.subject.digest)
    for name, wanted in expect.items():
        if name not in ("model", "champion", "policy", *roles.values()):
            raise InputError(
                f"Nothing called {name!r} has a digest.",
                remedy="expect digests of model, champion, data, reference and policy",
            )
        of_file = str(getattr(case.model, "file_digest", None)) if name == "model" else None
        if wanted not in (found.get(name), of_file):
            raise InputError(
                f"The {name} is not the expected one: its digest is {found.get(name, 'unknown')}, "
                f"not {wanted}.",
                remedy=f"give the {name} that is meant, or correct what is expected",
            )


def default_keys() -> KeyStore:
    """The user's key store, whose keys are made on first use; see `KeyStore.default`."""
    import os

    from auditkit.signing import KeyStore

    return KeyStore.default(os.environ)


@contextmanager
def _opened(place: Ledger | str | Path, keys: KeyStore | None) -> Iterator[Ledger]:
    """A log: one that is open already, or that of a path or URL; empty: the key store's own."""
    from auditkit.ledger import Ledger
    from auditkit.ledger.opening import as_url

    if isinstance(place, Ledger):
        yield place
        return
    store = keys if keys is not None else default_keys()
    try:
        log = open_log(as_url(place) if place else store.log_url, store)
    except (KeyFileError, LedgerError) as error:
        if place:
            raise
        other = f"name another log with {argument('log')}, or log=None for none"
        raise type(error)(error.message, remedy=f"{error.remedy}; or {other}") from error
    with log:
        yield log


def open_log(url: str, keys: KeyStore) -> Ledger:
    """A log whose checkpoints are signed with the log key of a key store.

    Args:
        url: `sqlite:///path` or `postgresql://...`.
        keys: Its former log keys still open a log that they began, revoked ones as far as they
            signed before.

    Raises:
        LedgerError: If it cannot be opened, or is older than the head that was kept of it.
    """
    from auditkit.ledger import Ledger

    key = keys.log_signer(LOG_NAME)
    return Ledger.open(url, key=key, former_keys=keys.log_verifiers(LOG_NAME))


def computing_versions() -> Mapping[str, str]:
    """Version of auditkit and of each installed package that computes a number."""
    from auditkit.version import __version__

    found = {"auditkit": __version__}
    for name in _COMPUTING:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _value(finding: Finding) -> str:
    if finding.value is None:
        return ""
    return interval(finding.value, finding.lower, finding.upper, threshold=finding.threshold)
