"""Normal form, sort key, jamo, initials, particles."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.domain.korean import initials, is_initials, jamo, normal, particle_variants, sort_key, sorted_text

TEXT = st.text(max_size=30) | st.text(alphabet="가각힣환불ㅎㅂㅏabAB019 ./ａＢ①ßİıſ\u0301\u0345ﬁ", max_size=12)


@given(TEXT)
def test_the_normal_form_is_stable_and_blind_to_the_form_that_was_typed(text: str) -> None:
    form = normal(text)
    assert normal(form) == form
    for other in ("NFC", "NFD", "NFKC", "NFKD"):
        assert normal(unicodedata.normalize(other, text)) == form


def test_the_normal_form_of_known_texts() -> None:
    assert normal("ＡＰＩ Straße") == "api strasse"
    assert normal(unicodedata.normalize("NFD", "환불")) == "환불"
    assert normal("ㅎㅂ") == "\u1112\u1107", "compatibility jamo become leading ones"
    assert jamo("환불") == "\u1112\u116a\u11ab\u1107\u116e\u11af"
    assert jamo("Refund") == "refund"
    assert jamo("환").startswith(jamo("화")), "a half-typed syllable is a prefix"


def test_initials() -> None:
    assert initials("환불 v2") == normal("ㅎㅂ") + " v2"
    assert initials("깨끗") == normal("ㄲㄲ")
    assert normal("ㅎㅂ") in initials("고객 환불 요청")
    assert [is_initials(text) for text in ("ㅎㅂ", "ㅎ ㅂ", "환ㅂ", "hb", "", " ", "ㅏ")] == [
        True,
        True,
        False,
        False,
        False,
        False,
        False,
    ]


@pytest.mark.parametrize(
    "ordered",
    [
        ["a2", "a10"],
        ["a1b2", "a1b10", "a2b1"],
        ["v9", "v10", "v100", "v99999999999999999999"],
        ["가", "각", "갂", "나", "하", "힣"],
        ["1", "a", "z", "가"],
        ["a", "B", "c"],
        ["support", "support/a", "support/b", "support-kr", "support2"],
        ["a", "a/b", "a/b/c", "a/c", "a b"],
        ["분류-2", "분류-10"],
        ["x9" + "9" * 1000, "x1" + "0" * 1002],
    ],
)
def test_the_order_that_people_expect(ordered: list[str]) -> None:
    assert sorted(ordered, key=sort_key) == ordered


NAMES = st.lists(
    st.sampled_from(["a", "A", "b", "1", "01", "10", "2", "/", "-", "가", "각", "é", "ß", "ss", "１"]), max_size=8
).map("".join)


@given(NAMES, NAMES)
def test_different_names_have_different_keys(left: str, right: str) -> None:
    assert (sort_key(left) == sort_key(right)) == (left == right)


@given(NAMES)
def test_a_key_says_which_name_it_is_of(name: str) -> None:
    assert sorted_text(sort_key(name)) == name


@given(TEXT, TEXT)
def test_keys_order_alike_as_bytes_and_as_text(left: str, right: str) -> None:
    a, b = sort_key(left), sort_key(right)
    assert (a < b) == (a.decode() < b.decode())
    assert b"\0" not in a


@given(st.integers(0, 10**30), st.integers(0, 10**30))
def test_numbers_sort_by_value(left: int, right: int) -> None:
    assert (sort_key(f"a{left}x") < sort_key(f"a{right}x")) == (left < right)


@pytest.mark.parametrize(
    ("word", "stems"),
    [
        ("환불을", ["환불"]),
        ("환불은", ["환불"]),
        ("환불이", ["환불"]),
        ("환불의", ["환불"]),
        ("환불에", ["환불"]),
        ("환불로", ["환불"]),
        ("환불과", ["환불"]),
        ("환불도", ["환불"]),
        ("환불만", ["환불"]),
        ("환불까지", ["환불"]),
        ("환불부터", ["환불"]),
        ("환불처럼", ["환불"]),
        ("환불보다", ["환불"]),
        ("환불마다", ["환불"]),
        ("환불조차", ["환불"]),
        ("환불이라도", ["환불"]),
        ("환불이나", ["환불"]),
        ("문제는", ["문제"]),
        ("문제가", ["문제"]),
        ("문제를", ["문제"]),
        ("문제와", ["문제"]),
        ("문제라도", ["문제"]),
        ("문제나", ["문제"]),
        ("결제로", ["결제"]),
        ("주문으로", ["주문"]),
        ("고객에게", ["고객"]),
        ("고객에게는", ["고객에게", "고객"]),
        ("선생님께", ["선생님"]),
        ("친구한테", ["친구"]),
        ("학교에서는", ["학교에서", "학교"]),
        ("책을", ["책"]),
        ("집에서", ["집"]),
        ("사이나", ["사이"]),
        ("API를", ["api"]),
        ("JSON으로", ["json"]),
        ("100만", ["100"]),
        # None of these ends in a particle that can stand there.
        ("환불", []),
        ("환불는", []),
        ("문제은", []),
        ("문제으로", []),
        ("문제을", []),
        ("환불으로", []),
        ("문의", []),
        ("마을", []),
        ("가을", []),
        ("나이", []),
        ("를", []),
        ("", []),
        ("refund", []),
    ],
)
def test_particles(word: str, stems: list[str]) -> None:
    assert particle_variants(word) == stems
    assert particle_variants(unicodedata.normalize("NFD", word)) == stems


@given(TEXT)
def test_stems_are_shorter_prefixes_longest_first(word: str) -> None:
    stems = particle_variants(word)
    assert all(stem and normal(word).startswith(stem) and stem != normal(word) for stem in stems)
    assert sorted(stems, key=len, reverse=True) == stems
    assert len(set(stems)) == len(stems)
