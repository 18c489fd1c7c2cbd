"""auditkit: evidence about a machine-learning model that an auditor can rely on."""

__version__ = "0.1.0"
