"""Times of decoding, against their definition."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from elansr.video.muxing import decoding_times


@given(st.lists(st.integers(-1000, 1000), min_size=1, max_size=30, unique=True))
def test_decoding_comes_in_order_and_before_showing(shown_at: list[int]) -> None:
    times = decoding_times(shown_at)
    assert all(a < b for a, b in pairwise(times))
    assert all(decoded <= shown for decoded, shown in zip(times, shown_at, strict=True))


@given(st.lists(st.integers(-1000, 1000), min_size=1, max_size=30, unique=True))
def test_they_are_as_late_as_they_can_be(shown_at: list[int]) -> None:
    """Of the shifts by whole frames, the smallest: one less, and a frame would be shown before it is decoded."""
    times, ordered = decoding_times(shown_at), sorted(shown_at)
    late = sum(time not in shown_at or time < ordered[0] for time in times)
    if late:
        earlier = [*times[1:], ordered[len(ordered) - late]]
        assert any(decoded > shown for decoded, shown in zip(earlier, shown_at, strict=True))


def test_they_are_the_times_of_showing_moved_by_no_more_than_needed() -> None:
    assert decoding_times([3, 5, 6, 90]) == [3, 5, 6, 90]
    assert decoding_times([0, 3, 1, 2, 6, 4, 5]) == [-1, 0, 1, 2, 3, 4, 5]
