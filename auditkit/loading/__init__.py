"""Loads and validates inputs: from files, dataframes and models to the `Case` that checks read.

After `prepare` every array has the right length, every label is one of two values, every group has
a name, and every table has a digest.
"""

from __future__ import annotations

from auditkit.loading.case import prepare
from auditkit.loading.files import load_table
from auditkit.loading.models import load_model

__all__ = ["load_model", "load_table", "prepare"]
