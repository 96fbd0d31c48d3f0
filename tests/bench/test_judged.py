"""The judged queries: enough of them, in both languages, of templates that are there; and the measure itself."""

import unicodedata
from pathlib import Path

import pytest

from bench.generator import generate
from bench.judged import TEMPLATES, judged_generated, judged_sample, ndcg

SAMPLE = Path(__file__).parents[2] / "sample-repo" / "prompts"


def test_what_is_judged_of_the_sample_is_there() -> None:
    names = {
        unicodedata.normalize("NFC", str(path.relative_to(SAMPLE))).removesuffix(".prompt.yaml")
        for path in SAMPLE.rglob("*.prompt.yaml")
    }
    judged = judged_sample()
    assert {name for each in judged for name in each.grades} <= names
    korean = [each for each in judged if not each.query.isascii()]
    assert len(judged) >= 60
    assert len(korean) >= 25
    assert len(judged) - len(korean) >= 25


def test_generated_templates_are_judged_by_what_they_are_about(tmp_path: Path) -> None:
    generate(tmp_path / "generated.git", templates=TEMPLATES, versions=TEMPLATES, seed=1)
    judged = {each.query: each.grades for each in judged_generated(tmp_path / "generated.git")}
    assert len(judged) >= 20
    assert judged["refund"] == judged["refunds"]
    assert judged["환불"] == judged["환불을"]
    assert {grade for grades in judged.values() for grade in grades.values()} == {1, 2, 3}


@pytest.mark.parametrize(
    ("answers", "expected"),
    [(["a", "b"], 1.0), (["b", "a"], 0.7098), (["x", "a", "b"], 0.6443), (["x"], 0.0), (["x"] * 10 + ["a", "b"], 0.0)],
)
def test_the_measure_is_that_of_the_literature(answers: list[str], expected: float) -> None:
    assert ndcg(answers, {"a": 3, "b": 1}) == pytest.approx(expected, abs=1e-3)
