"""Taking secrets out of texts: any number of them, of any length."""

from __future__ import annotations

import pytest

from daemon.host.masking import Censor

MANY = [f"{number:04}-of-many" for number in range(1000)]


@pytest.mark.parametrize("others", [[], MANY], ids=["alone", "among many"])
@pytest.mark.parametrize("form", ["7", "ab", "abc", "abcd", "abcdef"])
def test_a_form_of_any_length_is_found(form: str, others: list[str]) -> None:
    """One that is shorter than what forms are looked up by is found among many as well."""
    censor = Censor([*others, form])

    assert censor(f"({form})") == "(***)"
    assert censor.is_in(form)
    assert not censor.is_in("zz")


def test_the_longest_form_is_taken_out() -> None:
    """Where one form is a part of another nothing of the longer one is left."""
    assert Censor(["pass", "password-1"])("a password-1 and a pass") == "a *** and a ***"


def test_without_forms_a_text_stays() -> None:
    """Nothing is known yet, and nothing is replaced."""
    censor = Censor()

    assert censor.is_idle
    assert censor("password") == "password"
