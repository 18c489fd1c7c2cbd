"""Child processes for untrusted files and models, which may be made to do harm.

::

    READER = Child("auditkit.verification.parsing")
    texts = READER.call("pages", pdf, limits=Limits(cpu_seconds=20, ...))

`child` is the caller's side; `server` is the process that has a module loaded and forks for every
call; `confinement` is the one place that takes rights away from a forked process, before it reads
its first byte. A job that may write no file also gets the filter of system calls, where there is
one: no network, no other program, nothing written.

A `Resident` keeps what it has loaded and answers many calls: a model. It cannot start anew for
each, so it is confined before it loads its libraries, by every layer that the kernel has (`layers`:
`landlock`, `seccomp`, namespaces, limits), and says which those are.

Laws:
    - A job's answer is bytes, up to a limit, and is never unpickled.
    - A job gets only its input bytes: no environment, no open file, no memory of the caller.
    - A job ends, with every process it started: by itself, at a limit, or with the caller.
"""

from auditkit.isolation.child import Child, get_ready, shared
from auditkit.isolation.confinement import Limits
from auditkit.isolation.errors import (
    ChildCrashError,
    ChildError,
    ChildLimitError,
    ChildUnavailableError,
)
from auditkit.isolation.resident import Resident

__all__ = [
    "Child",
    "ChildCrashError",
    "ChildError",
    "ChildLimitError",
    "ChildUnavailableError",
    "Limits",
    "Resident",
    "get_ready",
    "shared",
]
