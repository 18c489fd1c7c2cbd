"""One connection to a database, whichever it is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from auditkit.errors import AuditkitError, LedgerError


@dataclass(frozen=True, slots=True)
class Keeping:
    """What a database keeps, for its messages.

    Attributes:
        what: A noun: "log".
        where: The database's name, never with a password.
        error: What to raise when the database cannot be used.
    """

    what: str
    where: str
    error: type[AuditkitError] = LedgerError

    def held(self) -> AuditkitError:
        """The error for a lock that another process did not give back in time."""
        return self.error(
            f"Another process holds the {self.what} in {self.where}.",
            remedy="wait for it, or raise lock_timeout_s",
        )

    def moved(self) -> AuditkitError:
        """The error for a file that is no longer where it was opened."""
        return self.error(
            f"The {self.what} in {self.where} was moved, removed or replaced while it was open.",
            remedy="put its files back",
        )


class Connection(ABC):
    """One connection to a database. Not shared between threads without a lock.

    In every statement a `?` stands for a value. Statements come only from this package.
    """

    @abstractmethod
    def begin(self) -> None:
        """Begins an exclusive write transaction."""

    @abstractmethod
    def begin_reading(self) -> None:
        """Begins a read transaction, which sees one state of the database to its end."""

    @abstractmethod
    def commit(self) -> None:
        """Makes the transaction durable; if it raises, all of it was committed or none."""

    @abstractmethod
    def rollback(self) -> None:
        """Rolls the transaction back, if there is one."""

    @abstractmethod
    def close(self) -> None:
        """Closes the connection."""

    @abstractmethod
    def check_in_place(self) -> None:
        """Checks that the database's files are still the ones that were opened; takes microseconds.

        Raises:
            AuditkitError: If one was moved, removed or replaced.
        """

    @abstractmethod
    def query(self, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Runs a query and returns all rows; for small results."""

    @abstractmethod
    def stream(
        self, statement: str, values: Sequence[Any] = (), *, rows: int
    ) -> Iterator[list[tuple[Any, ...]]]:
        """Runs a query and yields `rows` rows at a time; for large results."""

    @abstractmethod
    def execute(self, statement: str) -> None:
        """Runs a statement without values and without rows."""

    @abstractmethod
    def execute_many(self, statement: str, rows: Sequence[Sequence[Any]]) -> None:
        """Runs a statement once for each row of values."""

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """An exclusive write transaction, whole or not at all."""
        self.begin()
        try:
            yield
            self.commit()
        except BaseException:
            self.rollback()
            raise
