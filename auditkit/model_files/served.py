"""A model that another program serves over HTTP, by the Open Inference Protocol, version 2.

KServe, Triton, MLServer and OpenVINO speak it. No bytes of the model are here: its digest is that
of what the server says it is, and what it answers is a stranger's word, bounded and checked.

Source: https://github.com/kserve/open-inference-protocol (specification/protocol/inference_rest.md)
"""

from __future__ import annotations

import http.client
import re
import time
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from auditkit.canonical import Digest, canonical_bytes, parse_json
from auditkit.errors import InputError
from auditkit.model_files.confined import AskedAgain, Confinement

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd
    from numpy.typing import NDArray

_ADDRESS: Final = re.compile(
    r"(?P<url>https?://[^/?#@\s]+/(?:[^?#\s]*/)?v2/models/[^/?#\s]+(?:/versions/[^/?#\s]+)?)"
    r"(?:#(?P<output>[^:\s]+)(?::(?P<column>[0-9]{1,4}))?)?"
)
# For one question; a server that answers a byte at a time keeps within it.
SECONDS: Final = 60.0
_STEP_SECONDS: Final = 30.0
_ROWS_AT_ONCE: Final = 2_000
_FACTS_BYTES: Final = 1 << 20
_ANSWER_BYTES, _ANSWER_A_ROW, _CHUNK_BYTES = 1 << 20, 1 << 14, 1 << 16
_FLOATS: Final = {"FP16", "FP32", "FP64"}
_WHOLE: Final = {f"{sign}INT{bits}" for sign in ("", "U") for bits in (8, 16, 32, 64)}
_MOST_CLASSES: Final = 10_000


def served_model(address: str, *, isolation: str = "default") -> ServedModel:
    """The model behind an address.

    Args:
        address: `http(s)://HOST/v2/models/NAME`, with `/versions/V` for one version. `#OUTPUT`
            behind it names one of several outputs, and `#OUTPUT:1` one number of each row's.
        isolation: "strict" is refused: nothing here confines another program.

    Raises:
        InputError: If the server does not answer, serves no such model or one that cannot be
            asked, or `isolation` is "strict".
    """
    if isolation == "strict":
        raise InputError(
            "A model behind an address runs in a program that nothing here confines.",
            remedy="audit its file, or leave out isolation: strict",
        )
    found = _ADDRESS.fullmatch(address)
    if found is None:
        raise InputError(
            "The model's address is none of the Open Inference Protocol.",
            remedy="write http://HOST:PORT/v2/models/NAME, with #OUTPUT behind it to name one of "
            "several outputs; no user, password or query",
        )
    facts = _facts_of(_answer(found["url"], None, most=_FACTS_BYTES))
    output = _output_of(facts["outputs"], found["output"])
    width = output["shape"][-1] if len(output["shape"]) == 2 else 1
    if found["column"] is None and 1 < width <= _MOST_CLASSES:
        return ServedClassifier(found["url"], facts, output["name"], width)
    column = None if found["column"] is None else int(found["column"])
    return ServedModel(found["url"], facts, output["name"], column)


class ServedModel:
    """A model that gives one number a row, as a function of a table; or several, for classes.

    Attributes:
        name: Its name there.
        digest: Of its address and of what the server says it is: name, versions, platform, inputs
            and outputs.
        confinement: How it was loaded: not at all.
        feature_names_in_: The columns that it takes; None: it takes one array.
    """

    def __init__(
        self, url: str, facts: Mapping[str, Any], output: str, column: int | None = None
    ) -> None:
        self.name = str(facts["name"])
        self._url, self._output, self._column = url, output, column
        self._inputs = facts["inputs"]
        names = [one["name"] for one in self._inputs]
        self.feature_names_in_ = np.array(names, dtype=object) if len(names) > 1 else None
        self._again = AskedAgain()
        self.digest: Final = Digest.of(canonical_bytes({"url": url, **facts}))
        self.confinement: Final = Confinement(
            format="open-inference-v2",
            kind="served",
            isolation="default",
            layers=("none (another program, asked over HTTP)",),
        )

    def __repr__(self) -> str:
        """Its address."""
        return f"<model behind {self._url}>"

    def __call__(self, rows: pd.DataFrame) -> NDArray[np.float64]:
        """One number for each row, shape `(rows,)`; or several, shape `(rows, numbers)`.

        Raises:
            InputError: If the server gives no answer, or one that cannot be.
        """
        parts = [
            self._of_rows(rows.iloc[start : start + _ROWS_AT_ONCE])
            for start in range(0, len(rows), _ROWS_AT_ONCE)
        ]
        widths = {part.shape[1:] for part in parts}
        if len(widths) > 1:
            raise _unusable("numbers of other shapes for other rows")
        answer = np.concatenate(parts) if parts else np.empty(0)
        self._again.compare("infer", rows, answer, self._of_rows)
        return answer

    def _of_rows(self, rows: pd.DataFrame) -> NDArray[np.float64]:
        asked: dict[str, Any] = {"inputs": self._given(rows)}
        if self._output:
            asked["outputs"] = [{"name": self._output}]
        most = _ANSWER_BYTES + _ANSWER_A_ROW * len(rows)
        found = _answer(f"{self._url}/infer", canonical_bytes(asked), most=most)
        values = _numbers_of(found, self._output, rows=len(rows))
        if self._column is not None:
            if values.ndim != 2 or self._column >= values.shape[1]:
                raise _unusable(f"no number {self._column} for a row")
            return values[:, self._column]
        return values

    def _given(self, rows: pd.DataFrame) -> list[dict[str, Any]]:
        if self.feature_names_in_ is not None:
            return [_tensor(one, rows[one["name"]].to_numpy()) for one in self._inputs]
        (only,) = self._inputs
        return [_tensor(only, rows.to_numpy())]


class ServedClassifier(ServedModel):
    """A model that gives the chances of classes.

    Attributes:
        classes_: The classes: 0, 1, 2 ..., since the protocol does not name them.
    """

    def __init__(self, url: str, facts: Mapping[str, Any], output: str, classes: int) -> None:
        super().__init__(url, facts, output)
        self.classes_ = np.arange(classes)

    __call__ = None  # type: ignore[assignment] # it is an estimator, not a function

    def predict_proba(self, rows: pd.DataFrame) -> NDArray[np.float64]:
        """The chances of the classes, shape `(rows, classes)`.

        Raises:
            InputError: As a served model's call.
        """
        found = ServedModel.__call__(self, rows)
        if found.shape != (len(rows), len(self.classes_)):
            raise _unusable(f"an answer of shape {found.shape} for {len(self.classes_)} classes")
        return found

    def predict(self, rows: pd.DataFrame) -> NDArray[Any]:
        """The class of the largest chance, shape `(rows,)`."""
        return np.asarray(self.classes_[self.predict_proba(rows).argmax(axis=1)])


def _facts_of(answer: Any) -> dict[str, Any]:
    """What the server says of the model, without anything that the protocol does not have."""
    try:
        facts: dict[str, Any] = {
            "name": str(answer["name"]),
            "versions": [str(one) for one in answer.get("versions") or ()],
            "platform": str(answer.get("platform", "")),
            **{
                side: [
                    {
                        "name": str(one["name"]),
                        "datatype": str(one["datatype"]),
                        "shape": [int(length) for length in one["shape"]],
                    }
                    for one in answer.get(side) or ()
                ]
                for side in ("inputs", "outputs")
            },
        }
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise _unusable("no metadata of the protocol's form") from error
    if not facts["inputs"]:
        raise _unusable("no inputs in its metadata")
    odd = next((i for i in facts["inputs"] if i["datatype"] not in _TYPES), None)
    if odd is not None:
        raise _unusable(f"an input of the type {odd['datatype']!r}, which no table has")
    return facts


def _output_of(outputs: list[dict[str, Any]], named: str | None) -> dict[str, Any]:
    if named is not None:
        return next((one for one in outputs if one["name"] == named), {"name": named, "shape": []})
    numbers = [one for one in outputs if one["datatype"] in _FLOATS]
    if outputs and len(numbers) != 1:
        names = ", ".join(one["name"] for one in outputs)
        raise InputError(
            f"The server's model has {len(numbers)} outputs of decimal numbers.",
            remedy=f"name one behind the address, #OUTPUT; its outputs: {names}",
        )
    return numbers[0] if numbers else {"name": "", "shape": []}


def _tensor(of: Mapping[str, Any], values: NDArray[Any]) -> dict[str, Any]:
    """Values as an input of the protocol."""
    kind = of["datatype"]
    name = of["name"]
    if len(of["shape"]) == 2 and values.ndim == 1:
        values = values[:, None]
    width = of["shape"][-1] if len(of["shape"]) == 2 else 1
    if values.ndim == 2 and width not in (-1, values.shape[1]):
        raise InputError(
            f"The server's model takes {width:,} columns, and the rows have {values.shape[1]:,}.",
            remedy="name its columns in its order: columns, in the audit file",
        )
    flat = values.reshape(-1).tolist()
    try:
        data = [_TYPES[kind](one) for one in flat]
    except (TypeError, ValueError) as error:
        raise InputError(
            f"The rows cannot be handed to the server's model: its input {name!r} is of the type "
            f"{kind}, and a value is missing or of another kind.",
            remedy="the protocol has no missing numbers: fill them, or audit its scores: scores:",
        ) from error
    return {"name": name, "shape": list(values.shape), "datatype": kind, "data": data}


def _decimal(value: Any) -> float:
    number = float(value)
    if not np.isfinite(number):
        raise ValueError
    return number


def _whole(value: Any) -> int:
    number = int(value)
    if number != value:
        raise ValueError
    return number


def _truth(value: Any) -> bool:
    if value not in (0, 1):
        raise ValueError
    return bool(value)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


_TYPES: Final[Mapping[str, Any]] = {
    **dict.fromkeys(_FLOATS, _decimal),
    **dict.fromkeys(_WHOLE, _whole),
    "BOOL": _truth,
    "BYTES": _text,
}


def _numbers_of(answer: Any, output: str, *, rows: int) -> NDArray[np.float64]:
    """The numbers of an output, shape `(rows,)` or `(rows, numbers)`."""
    try:
        outputs = {str(one["name"]): one for one in answer["outputs"]}
        if not output and len(outputs) != 1:
            raise InputError(
                f"The server's model gives {len(outputs)} outputs.",
                remedy=f"name one behind the address, #OUTPUT: {', '.join(outputs)}",
            )
        one = outputs[output] if output else next(iter(outputs.values()))
        shape = tuple(int(length) for length in one["shape"])
        if one["datatype"] not in _FLOATS | _WHOLE | {"BOOL"}:
            raise _unusable(f"the type {str(one['datatype'])[:20]!r} instead of numbers")
        values = np.array(one["data"], dtype=np.float64).reshape(shape)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise _unusable("no output of the protocol's form") from error
    if values.ndim not in (1, 2) or len(values) != rows:
        raise _unusable(f"an answer of shape {shape} for {rows:,} rows")
    return values[:, 0] if values.ndim == 2 and values.shape[1] == 1 else values


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect would send the rows to somebody else."""

    def redirect_request(self, *_: Any) -> None:
        """Refuses it."""


# Without proxies: rows go to the address that the audit names, and nowhere else.
_OPENER: Final = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirect())


def _answer(url: str, body: bytes | None, *, most: int) -> Any:
    """The JSON that a server answers.

    Raises:
        InputError: If it gives none, in time and of the size that it may have.
    """
    headers = {"Accept": "application/json"}
    if body is not None:
        headers["Content-Type"] = "application/json"
    request = urllib.request.Request(url, data=body, headers=headers)  # noqa: S310 - checked
    ends, data = time.perf_counter() + SECONDS, bytearray()
    try:
        with _OPENER.open(request, timeout=_STEP_SECONDS) as reply:
            while chunk := reply.read1(_CHUNK_BYTES):
                data += chunk
                if len(data) > most:
                    raise _unusable(f"more than {most:,} bytes")
                if time.perf_counter() > ends:
                    raise _unusable(f"no whole answer in {SECONDS:.0f} seconds")
    except urllib.error.HTTPError as error:
        error.close()
        raise _unusable(f"the status {error.code}") from error
    except (OSError, http.client.HTTPException) as error:
        raise InputError(
            f"The server of the model does not answer: {type(error).__name__}.",
            remedy="check the address, and that the server runs",
        ) from error
    try:
        return parse_json(bytes(data))
    except InputError as error:
        raise _unusable("no JSON") from error


def _unusable(what: str) -> InputError:
    return InputError(
        f"The server of the model gives {what}.",
        remedy="serve it by the Open Inference Protocol, version 2, and check its address",
    )
