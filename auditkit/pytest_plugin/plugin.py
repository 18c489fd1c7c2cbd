"""The plugin: options, items, fixtures. pytest finds it by the entry point `pytest11`.

Laws:
    - An audit runs once a session; under xdist once for all workers, which wait for the first.
    - A test's name is its finding's id and rule, and does not change with values.
    - A condition that is uncertain or not tested is never skipped: skipped reads as harmless.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    from auditkit.evidence import Finding
    from auditkit.exports.source import Source

# What a worker waits for another one's audit.
_WAIT_SECONDS: Final = 3600.0
_STEP_SECONDS: Final = 0.05


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options, and the same as keys of pytest's own file."""
    group = parser.getgroup("auditkit", "audits as tests")
    group.addoption(
        "--audit",
        action="append",
        metavar="AUDIT.YAML",
        default=[],
        help="run this audit, and show each condition of its policy as a test; repeatable",
    )
    group.addoption(
        "--audit-uncertain",
        choices=("fail", "xfail"),
        help="a condition that the data leave open is a failure (default), or an expected one",
    )
    parser.addini("audit", "audit files, relative to this file", type="paths", default=[])
    parser.addini("audit_uncertain", "fail or xfail; see --audit-uncertain", default="fail")


def pytest_collection_modifyitems(
    session: pytest.Session, config: pytest.Config, items: list[pytest.Item]
) -> None:
    """Adds one item a condition."""
    for file in _files(config):
        name = _name_of(file, config)
        audit = AuditCollector.from_parent(session, name=name, nodeid=name, file=file)
        items += list(audit.collect())


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Removes what workers shared; by now each of them has read it."""
    for file in _files(session.config):
        folder = _shared_folder(session.config, file)
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)


def _files(config: pytest.Config) -> list[Path]:
    given = [Path(config.invocation_params.dir, one) for one in config.getoption("--audit")]
    return list(dict.fromkeys([*given, *config.getini("audit")]))


def _name_of(file: Path, config: pytest.Config) -> str:
    with suppress(ValueError):
        return file.resolve().relative_to(config.rootpath).as_posix()
    return file.name


class AuditCollector(pytest.Collector):
    """An audit file, whose tests are the conditions of its policy."""

    def __init__(self, *, file: Path, **rest: Any) -> None:
        super().__init__(**rest)
        self.file = file

    def collect(self) -> Iterator[pytest.Item]:
        """One item for each condition; for a rule without one, the rule.

        If the audit cannot run, one item, which fails and says why.
        """
        try:
            rules = _audited(self.config, self.file).rules
        except NotRunError as error:
            yield NotRunItem.from_parent(self, name="audit", why=str(error))
            return
        for rule in rules:
            for finding in rule.conditions or (rule,):
                yield ConditionItem.from_parent(
                    self, name=f"{rule.rule}[{finding.id}]", finding=finding, rule=rule
                )


class ConditionItem(pytest.Item):
    """One condition of an audit."""

    def __init__(self, *, finding: Finding, rule: Finding, **rest: Any) -> None:
        super().__init__(**rest)
        self.finding, self.rule = finding, rule
        self.user_properties += [
            ("auditkit.finding", finding.id),
            ("auditkit.outcome", finding.outcome.words),
        ]

    def runtest(self) -> None:
        """Passes if the condition is met, or does not apply."""
        from auditkit.evidence import Outcome
        from auditkit.judgement.gate import is_waived

        found = self.finding
        if is_waived(found) and found.waiver:
            pytest.xfail(f"waived until {found.waiver['expires']}: {found.statement}")
        if found.outcome is Outcome.NOT_APPLICABLE:
            pytest.skip(found.statement)
        if found.outcome is Outcome.UNCERTAIN and _uncertain(self.config) == "xfail":
            pytest.xfail(f"uncertain: {found.statement}")
        if found.outcome is not Outcome.PASS:
            raise NotMetError(found.statement)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """What was found, and what is asked for."""
        if not isinstance(excinfo.value, NotMetError):
            return super().repr_failure(excinfo, style)
        of = self.rule
        lines = (
            f"{of.rule}, {of.severity}: {of.title}",
            f"{self.finding.outcome.words}: {self.finding.statement}",
            f"Source: {of.citation}",
        )
        return "\n".join(_one_line(line) for line in lines)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """The audit file, and the rule's title."""
        parent = self.parent
        assert isinstance(parent, AuditCollector)
        return parent.file, None, _one_line(f"{self.rule.rule}: {self.rule.title}")


class NotMetError(AssertionError):
    """A condition that is not met."""


class NotRunError(Exception):
    """An audit that cannot run, and what to do about it."""


class NotRunItem(pytest.Item):
    """An audit that cannot run."""

    def __init__(self, *, why: str, **rest: Any) -> None:
        super().__init__(**rest)
        self.why = why

    def runtest(self) -> None:
        """Fails."""
        raise NotRunError(self.why)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """Why it cannot run."""
        if not isinstance(excinfo.value, NotRunError):
            return super().repr_failure(excinfo, style)
        return _one_line(self.why)


@pytest.fixture(scope="session")
def audit(request: pytest.FixtureRequest) -> Source:
    """The first audit of the session: `.findings`, `.decision`, `.model`, `.predicate`."""
    files = _files(request.config)
    if not files:
        pytest.skip("no audit was asked for: --audit audit.yaml")
    return _audited(request.config, files[0])


@pytest.fixture(scope="session")
def finding(audit: Source) -> Any:
    """A function from a rule's id, and the values of a group, to its finding.

    `finding("FL-1")` is the rule's own, `finding("FL-1", sex="f")` that on one group, and
    `finding("F-ABC...")` that with an id.
    """

    def found(name: str, **group: str) -> Finding:
        wanted = tuple(sorted(group.items()))
        for one in audit.findings:
            own = one.group if isinstance(one.group, tuple) else ()
            if one.id == name or (one.rule == name and tuple(sorted(own or ())) == wanted):
                return one
        raise LookupError(f"the audit has no finding {name} {group or ''}".rstrip())

    return found


def _uncertain(config: pytest.Config) -> str:
    return str(config.getoption("--audit-uncertain") or config.getini("audit_uncertain"))


def _audited(config: pytest.Config, file: Path) -> Source:
    """The statement of an audit, which runs once a session."""
    from auditkit.exports.source import Source

    kept = config.stash.setdefault(_KEPT, {})
    if file not in kept:
        kept[file] = Source.of(_statement(config, file))
    return kept[file]


_KEPT: Final = pytest.StashKey[dict[Path, "Source"]]()


def _statement(config: pytest.Config, file: Path) -> bytes:
    folder = _shared_folder(config, file)
    if folder is None:
        return _run(file)
    written, failed = folder / "statement.json", folder / "error.txt"
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:  # another worker runs the audit
        return _waited_for(written, failed)
    try:
        statement = _run(file)
    except NotRunError as error:
        _put(failed, str(error).encode())
        raise
    _put(written, statement)
    return statement


def _shared_folder(config: pytest.Config, file: Path) -> Path | None:
    """What the workers of one session share of an audit; None: there are no workers."""
    worker = getattr(config, "workerinput", None)
    if worker is None:
        return None
    key = hashlib.sha256(f"{worker['testrunuid']} {file.resolve()}".encode()).hexdigest()[:24]
    return Path(tempfile.gettempdir()) / f"auditkit-pytest-{key}"


def _put(path: Path, content: bytes) -> None:
    beside = path.with_suffix(".part")
    beside.write_bytes(content)
    os.replace(beside, path)  # noqa: PTH105 - whole at once


def _waited_for(written: Path, failed: Path) -> bytes:
    ends = time.monotonic() + _WAIT_SECONDS
    while time.monotonic() < ends:
        if written.exists():
            return written.read_bytes()
        if failed.exists():
            raise NotRunError(failed.read_text())
        time.sleep(_STEP_SECONDS)
    raise NotRunError("the worker that runs the audit has not ended in an hour")


def _run(file: Path) -> bytes:
    """Runs an audit as `auditkit gate` does; nothing is logged."""
    from auditkit.cli.audit import gated
    from auditkit.errors import AuditkitError

    try:
        return gated(file).statement
    except AuditkitError as error:
        fix = f" To fix: {error.remedy}" if error.remedy else ""
        raise NotRunError(f"{file.name}: {error.message}{fix}") from None


def _one_line(text: str) -> str:
    from auditkit.cli.shared.console import one_line

    return one_line(text)
