"""`auditkit gate --against`: what got worse since an earlier audit."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from auditkit.cli.shared.console import one_line, say
from auditkit.wording import plural

if TYPE_CHECKING:
    from auditkit.evidence import Finding
    from auditkit.reperformance.changes import Change


def read_statement(path: Path) -> Any:
    """The statement of an audit, from its report or its own file, parsed.

    Raises:
        InputError: If it is neither.
    """
    from auditkit.canonical import parse_json
    from auditkit.files import read_bytes
    from auditkit.reperformance.bundle import statement_of

    return parse_json(statement_of(read_bytes(path, what="report")))


@dataclass(frozen=True, kw_only=True)
class Worse:
    """What got worse since an earlier audit.

    Attributes:
        than: The earlier audit, in words.
        standing: Rules and conditions that got worse.
        waived: Those that a waiver lets stand.
        same_policy: Whether both audits judged by the same policy.
    """

    than: str
    standing: tuple[Change, ...]
    waived: tuple[Change, ...]
    same_policy: bool

    @classmethod
    def since(cls, before: Any, after: bytes, findings: Iterable[Finding], *, file: str) -> Self:
        """Compares two audits, as `auditkit diff` does.

        Args:
            before: The earlier statement, parsed.
            after: This audit's statement.
            findings: This audit's findings, with those of conditions.
            file: The earlier audit's file, for people.

        Raises:
            InputError: If the earlier one is not the statement of an audit.
        """
        from auditkit.canonical import parse_json
        from auditkit.judgement.gate import is_waived
        from auditkit.reperformance import differences

        changes = differences(before, parse_json(after))
        worse = [c for c in changes if c.regressed and c.area == "condition"]
        lifted = {finding.id for finding in findings if is_waived(finding)}
        as_of = before["predicate"]["as_of"]
        return cls(
            than=f"{file}, an audit of {as_of}" if as_of else file,
            standing=tuple(c for c in worse if c.finding not in lifted),
            waived=tuple(c for c in worse if c.finding in lifted),
            same_policy=not any(c.area == "policy" and c.name == "digest" for c in changes),
        )

    def to_json(self) -> dict[str, Any]:
        """What `--json` adds."""
        return {
            "regressed": [c.finding for c in self.standing],
            "regressed_waived": [c.finding for c in self.waived],
        }

    def tell(self) -> None:
        """For people: what got worse, from what to what."""
        changed = "" if self.same_policy else " Its policy was another."
        say("")
        if not self.standing and not self.waived:
            say(one_line(f"Nothing got worse since {self.than}.{changed}"))
            return
        say(one_line(f"Worse than in {self.than}:{changed}"))
        for change, word in (
            *((c, "") for c in self.standing),
            *((c, " (waived)") for c in self.waived),
        ):
            say(one_line(f"  {change.finding:<14}  {change.name}  {change.title}{word}"))
            say(one_line(f"  {'':<14}    was: {change.before}"))
            say(one_line(f"  {'':<14}    now: {change.after}"))
        lifted = f"; {len(self.waived)} more waived" if self.waived else ""
        say(f"\n{plural(len(self.standing), 'finding')} got worse{lifted}.")
