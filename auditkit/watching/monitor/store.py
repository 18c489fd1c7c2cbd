"""The files beside a monitor's log: profiles, rows that wait for labels, judgements.

    <store>/profiles/<digest>.json     counts; confidential, mode 0600
    <store>/rows/<digest>.parquet      salted key, score, decision, groups of each row; 0600
    <store>/labels/<digest>.parquet    salted keys of labels that came; 0600
    <store>/evidence/<digest>.json     what a window was judged by; suppressed

Each is durable before the entry that names it, and named by a digest of what it holds.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from auditkit.canonical import Digest, Json, canonical_bytes, digest_of, parse_json
from auditkit.errors import InputError, OutputError, VerificationError
from auditkit.files import read_bytes, write_whole
from auditkit.watching.profile.profile import Profile

if TYPE_CHECKING:
    import pandas as pd

# What the digest of a judgement is of.
JUDGEMENT: Final = "watched/v1"
_LARGEST = 4 * 2**30


class Store:
    """The files of one monitor.

    Args:
        folder: Where they lie; made with mode 0700 if it is not there.

    Raises:
        OutputError: If it cannot be made.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(
                f"The folder {folder.name} cannot be made.", remedy="check `store` in monitor.yaml"
            ) from error

    def put_profile(self, profile: Profile, *, alone: bool) -> str:
        """Keeps a profile; its digest."""
        digest = str(profile.digest)
        write_whole(self._path("profiles", digest), profile.to_bytes(alone=alone), secret=True)
        return digest

    def profile(
        self, digest: str, *, base: Profile | None = None, salt: bytes | None = None
    ) -> Profile:
        """The profile of a digest.

        Raises:
            InputError: If it is not there.
            VerificationError: If it is another.
        """
        data = read_bytes(
            self._path("profiles", digest), what="profile", limit=_LARGEST,
            remedy="restore the store that belongs to this log",
        )  # fmt: skip
        found = Profile.from_bytes(data, base=base, salt=salt, source="A profile of the store")
        if str(found.digest) != digest:
            raise VerificationError(
                "A profile of the store is not the one that was logged.",
                remedy="restore the store from its backup",
            )
        return found

    def put_evidence(self, content: Json) -> str:
        """Keeps a judgement; its digest."""
        digest = str(digest_of(JUDGEMENT, content))
        write_whole(self._path("evidence", digest), canonical_bytes(content))
        return digest

    def evidence(self, digest: str) -> dict[str, Any]:
        """The judgement of a digest.

        Raises:
            InputError: If it is not there.
            VerificationError: If it is another.
        """
        data = read_bytes(
            self._path("evidence", digest), what="judgement", limit=_LARGEST,
            remedy="restore the store that belongs to this log",
        )  # fmt: skip
        content: dict[str, Any] = parse_json(data)
        if str(digest_of(JUDGEMENT, content)) != digest:
            raise VerificationError(
                "A judgement of the store is not the one that was logged.",
                remedy="restore the store from its backup",
            )
        return content

    def put_rows(self, folder: str, digest: str, frame: pd.DataFrame) -> None:
        """Keeps rows under the digest of the profile that they belong to."""
        data = io.BytesIO()
        frame.to_parquet(data, index=False)
        write_whole(self._path(folder, digest, "parquet"), data.getvalue(), secret=True)

    def rows(self, folder: str, digest: str) -> pd.DataFrame | None:
        """The rows of a digest; None: none were kept."""
        import pandas as pd

        path = self._path(folder, digest, "parquet")
        if not path.exists():
            return None
        try:
            return pd.read_parquet(io.BytesIO(read_bytes(path, what="rows", limit=_LARGEST)))
        except (ValueError, OSError) as error:
            raise InputError(
                f"The file {path.name} of the store is damaged.",
                remedy="restore the store from its backup",
            ) from error

    def _path(self, folder: str, digest: str, ending: str = "json") -> Path:
        return self._folder / folder / f"{Digest.parse(digest).hex}.{ending}"
