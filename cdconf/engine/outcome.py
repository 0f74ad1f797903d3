"""What came of asking many hosts: results and errors, of which neither can be forgotten."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cdconf.errors import CdconfError

T = TypeVar("T")


class Outcome(Generic[T]):
    """What a job gave on each host: a result or an error, never both.

    There's no way to the results that passes the errors by: `all` raises the first one, `split` hands both out. A
    fleet raises the first error of an outcome that nobody has asked, before it asks hosts again, and at its end.

    Args:
        results: By host.
        errors: By host, in the hosts' order.
    """

    def __init__(self, results: Mapping[str, T] | None = None, errors: Mapping[str, CdconfError] | None = None) -> None:
        self._results = dict(results or {})
        self._errors = dict(errors or {})
        self._asked = False

    def all(self) -> dict[str, T]:
        """The results of all hosts; raises the error of the first host, in host order, that has one."""
        self._asked = True
        for error in self._errors.values():
            raise error
        return self._results

    def split(self) -> tuple[dict[str, T], dict[str, CdconfError]]:
        """(Results, errors), each by host: the caller says what becomes of the errors."""
        self._asked = True
        return self._results, self._errors

    def check_asked(self) -> None:
        """Raises the first error, unless somebody has asked what came of it."""
        if not self._asked:
            self.all()
