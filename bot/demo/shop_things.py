"""What a stand-in of a shop has: things by id, made when they are asked for, so that there may be any number."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from typing import Any

Make = Callable[[int], dict[str, Any]]


class Things:
    """Ids 1 to `count` are made by `make`; what is put or changed is kept as it is."""

    def __init__(self, make: Make, count: int = 0) -> None:
        self.make = make
        self.ids = list(range(1, count + 1))
        self._kept: dict[int, dict[str, Any]] = {}

    def __len__(self) -> int:
        return len(self.ids)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return (self[one] for one in self.ids)

    def __getitem__(self, number: int) -> dict[str, Any]:
        return self._kept.get(number) or self.make(number)

    def change(self, number: int, **changes: Any) -> dict[str, Any]:
        """Also of one that is new."""
        if (at := bisect_left(self.ids, number)) == len(self.ids) or self.ids[at] != number:
            self.ids.insert(at, number)
        self._kept[number] = {**self[number], **changes}
        return self._kept[number]

    def remove(self, number: int) -> None:
        self.ids.remove(number)
        self._kept.pop(number, None)

    def after(self, number: int, limit: int) -> list[dict[str, Any]]:
        """Those that come after that id."""
        at = bisect_right(self.ids, number)
        return [self[one] for one in self.ids[at : at + limit]]
