"""What the README shows at a prompt is what a user sees."""

from __future__ import annotations

import doctest
from pathlib import Path

import pandas as pd
from sklearn.linear_model import LogisticRegression

import auditkit

README = Path(auditkit.__file__).parents[1] / "README.md"


def test_examples_print_what_they_say():
    # A fence ends the output above it, which doctest does not know.
    text = README.read_text().replace("```", "")
    names = {"ak": auditkit, "pd": pd, "LogisticRegression": LogisticRegression}
    test = doctest.DocTestParser().get_doctest(text, names, "README", "README.md", 0)
    assert len(test.examples) >= 6
    assert doctest.DocTestRunner().run(test).failed == 0
