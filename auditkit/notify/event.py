"""An event as CloudEvents 1.0 writes it in JSON. Pure.

https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from auditkit.canonical import Json, canonical_bytes

MEDIA_TYPE: Final = "application/cloudevents+json"


@dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    """Something that happened.

    Attributes:
        id: Its id, unique within the source: the same at every attempt to send it. Without dots,
            so that a signature over "id.time.body" can be read in one way only.
        source: Where it happened.
        type: What happened, for example "auditkit.registry.requested".
        time: When it happened, with its zone.
        data: The facts.
    """

    id: str
    source: str
    type: str
    time: datetime
    data: Mapping[str, Json]

    def to_bytes(self) -> bytes:
        """The event as JSON."""
        return canonical_bytes(
            {
                "specversion": "1.0",
                "id": self.id,
                "source": self.source,
                "type": self.type,
                "time": self.time.isoformat(timespec="milliseconds"),
                "datacontenttype": "application/json",
                "data": self.data,
            }
        )
