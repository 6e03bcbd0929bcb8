"""The bound on the large answers of all connections together."""

from __future__ import annotations

from daemon.service.receiver import LargeAnswers


class Sent:
    """An answer that is coming, and whether it was given up."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.is_given_up = False

    def give_up(self) -> None:
        """Note that it has to go."""
        self.is_given_up = True


def given_up(*answers: Sent) -> list[bool]:
    """Tell of each answer whether it was given up."""
    return [each.is_given_up for each in answers]


def test_the_largest_goes_where_there_are_too_many() -> None:
    """The one that takes the most room is given up, whoever asked for the last of it."""
    large = LargeAnswers(100)
    small, hog, late = Sent(), Sent(), Sent()
    for answer, size in ((small, 30), (hog, 60), (late, 20)):
        large.grow(answer, size, answer.give_up)

    assert given_up(small, hog, late) == [False, True, False]

    # What it had is free again.
    large.grow(late, 70, late.give_up)

    assert given_up(small, late) == [False, False]


def test_one_that_is_whole_is_read_to_its_end() -> None:
    """It takes up room while it is read, but those that are still coming have to go first."""
    large = LargeAnswers(100)
    whole, coming = Sent(), Sent()
    large.grow(whole, 90, whole.give_up)
    large.complete(whole)

    large.grow(coming, 20, coming.give_up)

    assert given_up(whole, coming) == [False, True]


def test_one_that_is_forgotten_takes_no_room() -> None:
    """Neither one that failed does, nor one that was read and dropped."""
    large = LargeAnswers(100)
    failed, read, fresh = Sent(), Sent(), Sent()
    large.grow(failed, 90, failed.give_up)
    large.forget(failed)
    large.grow(read, 90, read.give_up)
    large.complete(read)
    del read

    large.grow(fresh, 90, fresh.give_up)

    assert given_up(failed, fresh) == [False, False]
