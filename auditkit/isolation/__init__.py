"""Child processes for untrusted files and models, which may be made to do harm.

::

    READER = Child("auditkit.verification.parsing")
    texts = READER.call("pages", pdf, limits=Limits(cpu_seconds=20, ...))

`child` is the caller's side; `server` is the process that has a module loaded and forks for every
call; `confinement` is the one place that takes rights away from a forked process, before it reads
its first byte.

Laws:
    - A job's answer is bytes, up to a limit, and is never unpickled.
    - A job gets only its input bytes: no environment, no open file, no memory of the caller.
    - A job ends, with every process it started: by itself, at a limit, or with the caller.
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
