"""The version of this package, and of the pages that it makes."""

__version__ = "0.1.0"

# The version of the pages that this package makes: it changes when the same statement would give
# others. What made each is in `auditkit.report.versions`.
TEMPLATES = 1
