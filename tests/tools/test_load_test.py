"""The load test's own judgement: it must see a wrong picture, a wrong status, and memory that grows."""

import json
import random
from pathlib import Path

import pytest

pytest.importorskip("fastapi", reason="needs pip install '.[web]'")

from elansr.errors import PictureError
from elansr.images import read
from tools.load_cases import Answer, Case, bomb, hostile
from tools.load_client import Server, ask, form
from tools.load_test import Sample, Tally, grew, parts, table_of_answers, table_of_memory


def samples(memory: list[float]) -> list[Sample]:
    return [Sample(float(second), mib, 10, 20) for second, mib in enumerate(memory)]


def test_a_wrong_picture_and_a_wrong_status_are_seen() -> None:
    good = Case("good", b"", "a.png", "200", {}, b"the result")
    assert good.complaint(Answer("200", b"the result")) == ""
    assert "another picture" in good.complaint(Answer("200", b"the resulT"))
    assert "500 instead of 200" in good.complaint(Answer("500"))
    assert "ConnectionResetError instead of 200" in good.complaint(Answer("ConnectionResetError"))
    assert good.complaint(Answer("429", b"", 1.0)) == ""
    bad = Case("bad", b"", "a.png", "422")
    shape = {"code": "bad_picture", "message": "no", "limit": None}
    assert bad.complaint(Answer("422", json.dumps({"error": shape}).encode())) == ""
    assert "another shape" in bad.complaint(Answer("422", json.dumps({"error": {"code": "x"}}).encode()))
    assert "200 instead of 422" in bad.complaint(Answer("200", b"a picture"))


def test_memory_that_grows_is_seen_and_a_warm_up_is_not() -> None:
    assert not grew(samples([100.0] * 20 + [500.0] * 80))
    assert not grew(samples([500.0 + n / 10 for n in range(100)]))
    assert grew(samples([500.0 + n for n in range(100)]))
    assert [len(part) for part in parts(samples([1.0] * 12))] == [2, 2, 3, 2, 3]


def test_the_tables() -> None:
    case, tally = Case("good", b"", "a.png", "200"), Tally()
    for status, complaint in (("200", ""), ("200", ""), ("500", "why")):
        tally.add(case, status, complaint)
    assert table_of_answers(tally, [case]).splitlines()[-1] == "| good | 200 | 200: 2, 500: 1 |"
    assert tally.wrong == ["good: why"]
    assert table_of_memory(samples([1.0, 2.0, 3.0, 4.0, 5.0])).splitlines()[-1] == "| 4 to 4 | 5 | 5 | 10 | 20 |"


def test_a_form_and_nobody_who_answers() -> None:
    case = Case("good", b"data", "../a.png", "200", {"scale": "2"})
    assert form(case).count(b"\r\n\r\n") == 2
    assert b'name="picture"; filename="../a.png"\r\n\r\ndata\r\n--' in form(case)
    assert ask(Server("127.0.0.1", 1), case, random.Random(0)).status == "ConnectionRefusedError"


def test_the_bomb_is_one(tmp_path: Path) -> None:
    (tmp_path / "bomb.png").write_bytes(bomb(30000, 30000))
    with pytest.raises(PictureError, match="30000 x 30000 = 900,000,000 pixels"):
        read(tmp_path / "bomb.png")
    assert len(bomb(30000, 30000)) < 100
    assert len({case.name for case in hostile()}) == len(hostile())
