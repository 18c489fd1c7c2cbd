"""Models from files: what a file is, and a confined process that loads and asks it.

::

    file -> formats: what it is by its bytes, and its class
         -> confined: a process that gets the bytes and gives answers, this side of it
         -> answering: that process: loading, and the questions

Laws:
    - A file's bytes decide what it is, never its name, and nothing is tried after a refusal.
    - Nothing that a file makes runs in this process. What crosses is data: `crossing`.
    - What this process is told by the other is checked as what a stranger says.
"""
