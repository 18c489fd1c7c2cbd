"""The public names and signatures are those that are written down."""

from __future__ import annotations

import inspect
import re

import auditkit as ak
from tests.fixtures.public_surface import FILE, surface

# One word for one thing, in every public function.
OLD_WORDS = {"y_true", "y_pred", "X", "y", "train_labels", "sample_weight", "sensitive_features"}


def test_public_names_and_signatures_are_as_written_down():
    now, written = list(surface()), FILE.read_text().splitlines()
    gone, new = sorted(set(written) - set(now)), sorted(set(now) - set(written))
    assert (gone, new) == ([], []), "if meant: python -m tests.fixtures.public_surface"


def test_what_people_call_takes_and_gives_only_what_they_can_name():
    called = [
        *(v for v in (getattr(ak, name) for name in ak.__all__) if inspect.isfunction(v)),
        *(ak.Audit.report, ak.Inputs, ak.Explainer, ak.Explainer.explain, ak.Signer.load),
    ]
    assert len(called) > 12
    foreign = {
        "Any",
        "Callable",
        "Certificate",
        "DataFrame",
        "False",
        "Mapping",
        "None",
        "Path",
        "Sequence",
        "True",
    }
    inner = {"Group", "Progress"}  # aliases, for readers
    for function in called:
        words = set(re.findall(r"\b[A-Z][a-z]\w+", str(inspect.signature(function))))
        assert words <= {*ak.__all__, *foreign, *inner}, function


def test_one_vocabulary_in_every_public_function():
    for line in surface():
        names = set(re.findall(r"[(,*] ?(\w+)(?=[:=,)])", line))
        assert not names & OLD_WORDS, line


def test_every_public_name_loads_and_is_listed():
    assert all(getattr(ak, name) is not None for name in ak.__all__)
    assert set(ak.__all__) <= set(dir(ak))
