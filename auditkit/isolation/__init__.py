"""Child processes for work on what others made: files and models that may be meant to do harm.

::

    READER = Child("auditkit.verification.parsing")
    texts = READER.call("pages", pdf, limits=Limits(cpu_seconds=20, ...))

`child` is our side; `server` is the process that has a module loaded and forks for every call;
`confinement` is all that a forked process is denied before it sees its first byte, and the one
place where more is to be denied.

Laws:
    - What a job does reaches us as bytes alone, at most so many, and is never unpickled.
    - Of ours it gets the bytes that it works on: no environment, no open file, no memory.
    - It ends, with all that it started, by itself, at a limit, or with us.
"""

from auditkit.isolation.child import (
    Child,
    ChildCrashError,
    ChildError,
    ChildLimitError,
    ChildUnavailableError,
)
from auditkit.isolation.confinement import Limits

__all__ = [
    "Child",
    "ChildCrashError",
    "ChildError",
    "ChildLimitError",
    "ChildUnavailableError",
    "Limits",
]
