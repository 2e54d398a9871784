import pytest

from preseason.data.clock import clock, full_clock, match_clock, seconds_from


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        ("83.5", 83.5),
        (" 83,5 s", 83.5),
        ("1:23.5", 83.5),
        ("1:23,5", 83.5),
        ("75:02", 4502),
        ("1:02:03.25", 3723.25),
        ("00:12:31.250", 751.25),
        (".5", 0.5),
        ("5.", 5),
        ("1e-05", 0.00001),
        ("-3", -3),
        ("-0:30", -30),
        ("-0", 0),
    ],
)
def test_times_as_people_write_them(text: str, seconds: float) -> None:
    assert seconds_from(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "text", ["", "half past", "1:75", "1:60:00", "1:2:3:4", "nan", "inf", "1e999", "12.5.1", "1:", ":30", "٣"]
)
def test_other_texts_are_no_times(text: str) -> None:
    with pytest.raises(ValueError, match=r"no time|too large"):
        seconds_from(text)


def test_rounding_carries_over_to_minutes_and_hours() -> None:
    assert clock(59.6) == "1:00"
    assert clock(3599.96, 1) == "1:00:00.0"
    assert clock(3599.94, 1) == "59:59.9"
    assert full_clock(59.9996) == "00:01:00.000"
    assert match_clock(3661.9) == "61:01"
