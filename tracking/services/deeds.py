"""What can be done to parcels by hand, one or thousands at once: what each kind of it brings along.

The machinery is `remap.py`: plan, start, chunks, stop, go on, undo. A deed says how one parcel is looked at, done and
undone. Which deed it is, the target of the Remap says.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from tracking.enums import StaffActionKind
from tracking.models import Parcel, Remap, RemapItem

Target = Mapping[str, Any]


class LeftAsIs(Exception):  # noqa: N818  a verdict on one parcel, not a failure
    """Nothing is done to this parcel, and why."""


class Planned(Protocol):
    """What would become of one parcel. With a ``refusal`` nothing does.

    ``fingerprint`` goes into `start_remap`, which leaves out what is not as it was seen.
    """

    @property
    def parcel(self) -> Parcel: ...
    @property
    def refusal(self) -> str: ...
    @property
    def fingerprint(self) -> str: ...


class Plan(Protocol):
    def __call__(
        self, parcel_ids: Sequence[int], target: Target, *, moving: Collection[int] | None = None
    ) -> Sequence[Planned]: ...


@dataclass(frozen=True)
class Deed:
    """``do`` and ``undo`` get the locked item and return what became of it in words, or raise LeftAsIs.

    ``before``: what is kept of the parcel when it is planned, for ``undo``. ``undo`` None: it cannot be undone.
    """

    plan: Plan
    fault_of: Callable[[Target, int], str]
    before: Callable[[Parcel], dict[str, Any]]
    prepare: Callable[[Collection[Parcel]], Any]
    do: Callable[[Remap, RemapItem, Any, int], str]
    undo: Callable[[Remap, RemapItem], str] | None
    kind: StaffActionKind = StaffActionKind.REMAP
    undo_kind: StaffActionKind = StaffActionKind.UNDO
