"""How pixels were turned and resized, for the numbers beside them that mean places and sizes in the picture."""

from typing import NamedTuple


class Change(NamedTuple):
    """Pixels that were turned upright and then resized.

    Attributes:
        before: Width and height of the pixels that the numbers were written for.
        after: Width and height now.
        orientation: How they were turned, 1-8 as in EXIF; anything else counts as 1.
    """

    before: tuple[int, int]
    after: tuple[int, int]
    orientation: int = 1

    @property
    def idle(self) -> bool:
        """Whether nothing changed."""
        return self.before == self.after and self.orientation not in range(2, 9)

    @property
    def swaps(self) -> bool:
        """Whether width and height changed places."""
        return self.orientation in (5, 6, 7, 8)

    @property
    def scale(self) -> tuple[float, float]:
        """By how much widths and heights grew, in the upright picture."""
        width, height = self.before[::-1] if self.swaps else self.before
        return self.after[0] / width, self.after[1] / height

    def fraction(self, x: float, y: float) -> tuple[float, float]:
        """Where a place is now; both in fractions of width and height, from the top left."""
        if self.swaps:
            x, y = y, x
        if self.orientation in (3, 4, 7, 8):
            y = 1 - y
        return (1 - x if self.orientation in (2, 3, 6, 7) else x), y

    def point(self, x: float, y: float) -> tuple[float, float]:
        """Where a place is now; both in pixels."""
        x, y = self.fraction(x / self.before[0], y / self.before[1])
        return x * self.after[0], y * self.after[1]

    def extent(self, width: float, height: float) -> tuple[float, float]:
        """How wide and high something is now; both in pixels."""
        if self.swaps:
            width, height = height, width
        return width * self.scale[0], height * self.scale[1]
