"""What must be added to a member's entries so that they can be true, in pure Python."""

from collections import Counter
from collections.abc import Callable, Iterable

from saleor_loyalty.points.rules import Bucket, Leg

Place = tuple[int | None, int | None]  # a lot and a hold


class Books:
    """A member's points by lot, hold and bucket, as the entries say.

    `lot_ids` are the member's lots, in the order in which debts are repaid from them.
    """

    def __init__(self, *, lot_ids: Iterable[int]) -> None:
        self._lots = list(lot_ids)
        self._points: Counter[tuple[int | None, int | None, Bucket]] = Counter()
        self._legs: list[Leg] = []

    def note(self, leg: Leg) -> None:
        """Add an entry."""
        self._points[leg.lot_id, leg.hold_id, leg.source] -= leg.points
        self._points[leg.lot_id, leg.hold_id, leg.target] += leg.points

    def corrections(self, *, open_lot: Callable[[], int]) -> list[Leg]:
        """Return the moves after which no bucket is below zero and all points are in lots.

        What is missing is issued, in the member's favour. `open_lot` makes a lot for points
        that are in none.
        """
        for place in self._places():
            self._correct_hold(place)
        for lot_id in sorted({lot for lot, _ in self._places() if lot is not None}):
            for bucket in (Bucket.PENDING, Bucket.AVAILABLE, Bucket.EXPIRED):
                missing = -self._in(bucket, lot_id)
                self._move(Bucket.ISSUED, bucket, missing, (lot_id, None))
        self._correct_outside(open_lot)
        self._correct_debt()
        return self._legs

    def _places(self) -> list[Place]:
        places = {(lot, hold) for lot, hold, _ in self._points}
        return sorted(places, key=lambda place: (place[0] or 0, place[1] or 0))

    def _in(self, bucket: Bucket, lot_id: int | None) -> int:
        return sum(
            points
            for (lot, _, one), points in self._points.items()
            if lot == lot_id and one is bucket
        )

    def _move(self, source: Bucket, target: Bucket, points: int, place: Place) -> None:
        if points <= 0:
            return
        leg = Leg(source=source, target=target, points=points, lot_id=place[0], hold_id=place[1])
        self._legs.append(leg)
        self.note(leg)

    def _correct_hold(self, place: Place) -> None:
        """Held points belong to a hold and a lot; none gives more than it got."""
        held = self._points[*place, Bucket.HELD]
        self._move(Bucket.ISSUED, Bucket.HELD, -held, place)
        if None in place:
            self._move(Bucket.HELD, Bucket.AVAILABLE, held, place)
        else:
            returned_too_often = -self._points[*place, Bucket.SPENT]
            self._move(Bucket.ISSUED, Bucket.HELD, returned_too_often, place)
            self._move(Bucket.HELD, Bucket.SPENT, returned_too_often, place)

    def _correct_outside(self, open_lot: Callable[[], int]) -> None:
        """Bring points that are in no lot into one of their own."""
        outside = (None, None)
        found = {bucket: self._in(bucket, None) for bucket in (Bucket.PENDING, Bucket.AVAILABLE)}
        for bucket, points in found.items():
            self._move(Bucket.ISSUED, bucket, -points, outside)
            if points > 0:
                lot_id = open_lot()
                self._lots.append(lot_id)
                self._move(bucket, Bucket.ISSUED, points, outside)
                self._move(Bucket.ISSUED, bucket, points, (lot_id, None))

    def _correct_debt(self) -> None:
        """Nobody owes less than nothing, or owes while having points."""
        owed = -sum(points for (*_, one), points in self._points.items() if one is Bucket.DEBT)
        self._move(Bucket.DEBT, Bucket.ISSUED, -owed, (None, None))
        for lot_id in self._lots:
            part = min(owed, self._in(Bucket.AVAILABLE, lot_id))
            self._move(Bucket.AVAILABLE, Bucket.DEBT, part, (lot_id, None))
            owed -= max(part, 0)
