"""What leaves the process: files that are whole or absent, and findings in other tools' formats."""

from __future__ import annotations

from auditkit.output.files import write_whole

__all__ = ["write_whole"]
