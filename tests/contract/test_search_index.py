"""What every search index promises, run against FTS5, PostgreSQL and Elasticsearch: what is found, in which order, and how it is shown."""

import asyncio
import random
import unicodedata
from itertools import count

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from registry.adapters.sql import search_ranking
from registry.adapters.sql.outbox import SqlOutbox
from registry.adapters.sql.projection import SqlProjection
from registry.domain.catalogue import OutboxKind, TemplateFilter
from registry.domain.errors import BadRequest, Conflict, TemplateNotFound
from registry.domain.search import FACETS, Query
from registry.domain.search_text import folded
from registry.domain.template import Status, TemplateType
from registry.ports.search_index import CountedSearchIndex
from tests.projected import History
from tests.searching import Engine, document, pages, told


async def found(index: CountedSearchIndex, text: str, **where: object) -> list[str]:
    page = await index.search(Query("default", text, TemplateFilter(**where), limit=100))  # type: ignore[arg-type]
    return [hit.name for hit in page.hits]


KOREAN = {
    "bare": "환불",
    "object": "고객이 환불을 원하면 답한다",
    "topic": "환불은 삼 일 안에",
    "apart": "이것은 환불 요청 안내문",
    "together": "이것은 환불요청 안내문",
    "other": "배송 조회를 도와준다",
}


FOUND_KOREAN = {
    "환불": {"bare", "object", "topic", "apart", "together"},
    "환불을": {"bare", "object", "topic", "apart", "together"},
    "환불은": {"bare", "object", "topic", "apart", "together"},
    "환불 요청": {"apart", "together"},
    "환불요청": {"apart", "together"},
    '"환불 요청"': {"apart"},
    "배": {"other"},  # one syllable begins a word
    "환부": {"bare", "object", "topic", "apart", "together"},  # half typed
    "환ㅂ": {"bare", "object", "topic", "apart", "together"},
    "화": {"bare", "object", "topic", "apart", "together"},
    "ㅎ": {"bare", "object", "topic", "apart", "together"},
    "조회": {"other"},
    "불요": {"together"},
    "없는말": set(),
}


async def test_korean_words_are_found_however_they_are_written(index: CountedSearchIndex) -> None:
    await index.put([document(f"t/{name}", body) for name, body in KOREAN.items()])
    expected = {query: {f"t/{name}" for name in names} for query, names in FOUND_KOREAN.items()}
    for form in ("NFC", "NFD"):
        typed = {query: unicodedata.normalize(form, query) for query in FOUND_KOREAN}
        assert {query: set(await found(index, text)) for query, text in typed.items()} == expected, form


async def test_text_in_nfd_is_found_by_nfc(index: CountedSearchIndex) -> None:
    await index.put([document("a", unicodedata.normalize("NFD", "환불 안내"))])
    page = await index.search(Query("default", "환불"))
    assert page.hits[0].highlights[0].fragment == "환불 안내"


async def test_a_particle_is_stripped_as_a_lower_ranked_variant(index: CountedSearchIndex) -> None:
    await index.put([document("a", "환불은"), document("b", "환불을")])
    assert await found(index, "환불을") == ["b", "a"]
    assert await found(index, "환불은") == ["a", "b"]


async def test_initials_find_names(index: CountedSearchIndex) -> None:
    await index.put([document("고객/환불 요청"), document("고객/배송"), document("x", "ㅎㅂ 라고 쓴 글")])
    assert await found(index, "ㅎㅂ") == ["고객/환불 요청", "x"]
    assert await found(index, "ㅎㅂㅇㅊ") == ["고객/환불 요청"]
    assert await found(index, "ㄱㄱ") == ["고객/배송", "고객/환불 요청"]


FOUND_ENGLISH: dict[str, set[str]] = {
    "refund": {"a", "b", "c"},
    "REFUND": {"a", "b", "c"},
    "fun": {"a", "b", "c"},
    "re": {"a", "b", "c"},
    "r": {"a", "b", "c"},
    "ef": set(),  # two letters are looked for at the begin of words
    "refund order": {"a", "b"},
    '"refund order"': {"a"},
    '"order refund"': set(),
    "gpt-4o": {"d"},
    "order_id": {"d"},
    "cafe": {"d"},
    "ＣＡＦÉ": {"d"},
    "...": set(),
    '""': set(),
    '"': set(),
}


async def test_words_begins_parts_and_phrases_are_found(index: CountedSearchIndex) -> None:
    bodies = {"a": "A refund order.", "b": "Orders and Refunds", "c": "refunds", "d": "café: gpt-4o for {{ order_id }}"}
    await index.put([document(name, body) for name, body in bodies.items()])
    assert {query: set(await found(index, query)) for query in FOUND_ENGLISH} == FOUND_ENGLISH


async def test_where_no_template_has_all_words_those_with_some_are_found(index: CountedSearchIndex) -> None:
    await index.put([document("a", "apples and pears"), document("b", "apples"), document("c", "plums")])
    assert await found(index, "apples pears") == ["a"]
    assert await found(index, "apples melons") == ["a", "b"]


async def test_better_fields_and_better_matches_come_first(index: CountedSearchIndex) -> None:
    ranked = [
        document("1/refund"),
        document("2/refunds"),
        document("3/norefund"),
        document("4/d", description="a refund"),
        document("5/d", description="refunding"),
        document("6/t", tags=("refund",)),
        document("7/b", "one refund"),
        document("8/b", "refunded"),
        document("9/b", "prerefunding"),
    ]
    await index.put(random.sample(ranked, len(ranked)))
    page = await index.search(Query("default", "refund"))
    assert [hit.name for hit in page.hits] == [each.name for each in ranked]
    scores = [hit.score for hit in page.hits]
    assert scores == sorted(scores, reverse=True)
    assert len(set(scores)) == len(scores)


async def test_a_common_word_is_ranked_over_its_best_candidates(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bound is lowered, so that a few dozen documents are many."""
    for name, bound in (("BOUND", 20), ("HEADING_BOUND", 10)):
        monkeypatch.setattr(search_ranking, name, bound)
    index = engine.index
    await index.put(
        [document(f"z/{n:03}", "the common word", tags=("rare",) if n % 25 == 0 else ()) for n in range(100)]
    )
    await index.put([document("zz/common"), document("zz/last", description="common")])
    page = await index.search(Query("default", "common"))
    assert [hit.name for hit in page.hits[:2]] == ["zz/common", "zz/last"]
    assert (page.exact, page.total) == (not engine.bounded, 102)
    narrowed = await index.search(Query("default", "common", TemplateFilter(tag="rare")))
    assert [hit.name for hit in narrowed.hits] == ["z/000", "z/025", "z/050", "z/075"]
    listed = await index.search(Query("default", "", TemplateFilter(folder="z"), limit=100))
    assert [hit.name for hit in listed.hits] == [f"z/{n:03}" for n in range(100)]
    assert dict(listed.facets["folder"]) == {"z": 100, "zz": 2}


async def test_letters_in_another_order_are_not_found(
    index: CountedSearchIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many there are: they may be read as candidates, but then they neither show nor count."""
    monkeypatch.setattr(search_ranking, "BOUND", 20)
    others = [document(f"mixed-{n}", "a defabc and an abcdXef") for n in range(30)]
    await index.put([document("right", "an abcdef"), *others])
    page = await index.search(Query("default", "abcdef"))
    assert ([hit.name for hit in page.hits], page.total, page.exact) == (["right"], 1, True)


async def test_filters_narrow_and_facets_count(index: CountedSearchIndex) -> None:
    await index.put(
        [
            document("s/a", "word", tags=("x", "y"), model="m/1", owners=("@o",), labels=("prod",)),
            document("s/d/b", "word", tags=("x",), type=TemplateType.TEXT),
            document("c", "word", tags=("y",), status=Status.DRAFT),
            document("d", "other", tags=("x",)),
        ]
    )
    for text in ("word", ""):
        page = await index.search(Query("default", text, TemplateFilter(tag="x", folder="s")))
        assert {hit.name for hit in page.hits} == {"s/a", "s/d/b"}
        assert page.total == 2
        facets = {facet: dict(values) for facet, values in page.facets.items()}
        assert tuple(facets) == FACETS
        assert facets["tag"] == {"x": 2, "y": 1}  # its own filter does not narrow it: all in folder s
        assert facets["folder"] == {"s": 2, "s/d": 1}  # of all with tag x
        assert facets["type"] == {"chat": 1, "text": 1}
        assert (facets["model"], facets["owner"], facets["label"]) == ({"m/1": 1}, {"@o": 1}, {"prod": 1})
    for text, tags in (("word", {"x": 2, "y": 2}), ("", {"x": 3, "y": 2})):
        for where in (TemplateFilter(tag="x"), TemplateFilter(tag="y"), TemplateFilter()):
            assert dict((await index.search(Query("default", text, where))).facets["tag"]) == tags, (text, where)
    assert await found(index, "word", status=Status.DRAFT) == ["c"]
    assert await found(index, "", label="prod", owner="@o", model="m/1", type=TemplateType.CHAT) == ["s/a"]


async def test_the_counts_without_a_query_follow_every_change(index: CountedSearchIndex) -> None:
    async def tags() -> tuple[int, dict[str, int]]:
        page = await index.search(Query("default", ""))
        return page.total, dict(page.facets["tag"])

    assert await tags() == (0, {})
    await index.put([document("a", tags=("x",)), document("b", tags=("x", "y"))])
    assert await tags() == (2, {"x": 2, "y": 1})
    await index.put([document("b", tags=("z",), ordinal=2)])
    assert await tags() == (2, {"x": 1, "z": 1})
    await index.delete("default", ["a", "absent"], 3)
    assert await tags() == (1, {"z": 1})


async def test_highlights_are_ranges_of_what_was_written(index: CountedSearchIndex) -> None:
    body = "말머리 " * 60 + "고객의 환불요청을 받는다. " + "꼬리 " * 100 + "REFUND here"
    await index.put([document("고객/환불", body, description="Refund policy", tags=("환불", "x"))])
    page = await index.search(Query("default", '"환불" refund'))
    parts = {
        (light.field, light.fragment[start:end]) for light in page.hits[0].highlights for start, end in light.ranges
    }
    assert parts == {
        ("name", "환불"),
        ("description", "Refund"),
        ("tags", "환불"),
        ("body", "환불"),
        ("body", "REFUND"),
    }
    fragments = [light.fragment for light in page.hits[0].highlights if light.field == "body"]
    assert all(fragment in body and len(fragment) <= 200 for fragment in fragments)


async def test_a_newer_document_wins_whenever_it_comes(index: CountedSearchIndex) -> None:
    await index.put([document("a", "newer", ordinal=5)])
    await index.put([document("a", "older", ordinal=4)])
    assert await found(index, "newer") == ["a"]
    assert await found(index, "older") == []
    await index.delete("default", ["a"], 4)
    assert await found(index, "newer") == ["a"]
    await index.put([document("a", "last", ordinal=5), document("a", "first", ordinal=4)])
    assert await found(index, "last") == ["a"]
    await index.delete("default", ["a"], 5)
    assert await found(index, "last") == []


async def test_fingerprints_tell_what_is_indexed(index: CountedSearchIndex) -> None:
    documents = [document("a", "one"), document("나", "two", tags=("t",))]
    await index.put(documents)
    assert await index.fingerprints("default") == {each.name: each.fingerprint for each in documents}
    assert documents[0].fingerprint != document("a", "two").fingerprint
    assert documents[0].fingerprint == document("a", "one", ordinal=9).fingerprint
    assert await index.fingerprints("elsewhere") == {}


async def test_a_new_index_is_filled_beside_the_live_one(index: CountedSearchIndex) -> None:
    await index.put([document("old", "word", ordinal=9)])
    await index.renew("default")
    await index.put([document("given-up", "word")])
    await index.renew("default")
    await index.put([document("new", "word"), document("old", "word again", ordinal=1)])
    assert await found(index, "word") == ["old"]
    await index.swap("default", 0)
    assert await found(index, "word") == ["new", "old"]
    assert await found(index, "again") == ["old"]
    await index.swap("default", 0)
    await index.put([document("new", "changed", ordinal=2)])
    assert await found(index, "changed") == ["new"]
    assert await index.fingerprints("default") != {}


async def test_renewed_and_swapped_empty_it_is_empty(index: CountedSearchIndex) -> None:
    await index.put([document("a", "word")])
    await index.renew("default")
    await index.swap("default", 0)
    page = await index.search(Query("default", "word"))
    assert (page.hits, page.total, page.exact) == ((), 0, True)


async def test_a_new_index_with_fewer_documents_than_expected_is_refused(index: CountedSearchIndex) -> None:
    await index.put([document("a", "old"), document("b", "old")])
    await index.renew("default")
    await index.put([document("a", "new")])
    for at_least in (2, 3):
        with pytest.raises(Conflict, match=f"has 1 documents where {at_least} are expected"):
            await index.swap("default", at_least)
        assert await found(index, "old") == ["a", "b"]
    await index.put([document("b", "new")])
    await index.swap("default", 2)
    assert (await found(index, "old"), await found(index, "new")) == ([], ["a", "b"])


async def test_repositories_do_not_find_each_other(index: CountedSearchIndex) -> None:
    await index.put([document("a", "word"), document("b", "word", repository="second")])
    assert await found(index, "word") == ["a"]
    assert (await index.search(Query("third", "word"))).total == 0


async def test_hits_know_version_and_labels_of_the_catalogue(engine: Engine) -> None:
    projection, outbox, history = SqlProjection(engine.database), SqlOutbox(engine.database), History()
    await projection.apply(history.commit({"a": "text: word"}))
    await projection.apply(history.commit({"a": "text: word two"}, labels={("prod", "a"): 1}))
    entries = [entry for entry in await outbox.pending() if entry.kind is OutboxKind.DOCUMENT]
    await engine.index.put(await outbox.documents(entries))
    (hit,) = (await engine.index.search(Query("default", "word"))).hits
    assert (hit.latest, dict(hit.labels)) == (2, {"prod": 1})


async def looked_back(engine: Engine, text: str, **where: object) -> list[tuple[str, int | None]]:
    query = Query("default", text, TemplateFilter(**where), limit=100, versions=True)  # type: ignore[arg-type]
    page = await engine.index.search(query)
    assert page.total == len(page.hits)
    return [(hit.name, hit.version) for hit in page.hits]


async def test_old_texts_are_found_with_their_versions(engine: Engine) -> None:
    history = History()
    await told(engine, history.commit({"a": "text: apple 환불을 안내", "f/b": "text: apple pie", "p": "text: tone"}))
    await told(engine, history.commit({"a": "text: banana", "x": 'text: {% include "p" %} cherry'}))
    await told(engine, history.commit({"p": "text: louder", "f/b": None}))
    await told(engine, history.commit({"x": "text: date"}))  # its first text had versions 1 and 2
    for _ in range(2):
        assert await found(engine.index, "apple") == []
        for text in ("apple", "app", "APPLE"):
            assert await looked_back(engine, text) == [("a", 1), ("f/b", 1)], text
        assert await looked_back(engine, "환불") == [("a", 1)]
        assert await looked_back(engine, "banana") == [("a", None)]
        assert await looked_back(engine, "cherry") == [("x", 2)]
        assert await looked_back(engine, "tone") == [("p", 1)]
        assert await looked_back(engine, "apple pie") == [("f/b", 1)]
        assert await looked_back(engine, "apple", folder="f") == [("f/b", 1)]
        assert await looked_back(engine, "apple", type=TemplateType.CHAT) == []
        assert await looked_back(engine, "") == [("a", None), ("p", None), ("x", None)]
        (hit,) = (await engine.index.search(Query("default", "환불", versions=True))).hits
        assert hit.latest == 2
        assert [light.field for light in hit.highlights] == ["body"]
        await told(engine)  # a whole new index has the same


async def test_a_template_comes_before_its_old_texts_and_pages_hold_all(engine: Engine) -> None:
    history = History()
    for number in range(6):
        await told(engine, history.commit({"a": f"text: word {number}", "b": f"text: word {number}"}))
    everything = [("a", None), ("b", None), *(("a", n) for n in range(5, 0, -1)), *(("b", n) for n in range(5, 0, -1))]
    assert await looked_back(engine, "word") == everything
    cut = await pages(engine.index, Query("default", "word", limit=5, versions=True))
    assert [(hit.name, hit.version) for page in cut for hit in page.hits] == everything


async def test_pages_hold_every_hit_once_in_order(index: CountedSearchIndex) -> None:
    await index.put(
        [document(f"f/{n}", "word " * (n % 3), description="word" if n % 4 == 0 else "") for n in range(40)]
    )
    for text in ("word", "", "f"):
        whole = (await index.search(Query("default", text, limit=100))).hits
        cut = [hit for page in await pages(index, Query("default", text, limit=7)) for hit in page.hits]
        assert [(hit.name, hit.score) for hit in cut] == [(hit.name, hit.score) for hit in whole]
    filtered = await pages(index, Query("default", "", TemplateFilter(folder="f"), limit=9))
    assert sum(len(page.hits) for page in filtered) == 40


async def test_a_cursor_that_is_none_is_a_bad_request(index: CountedSearchIndex) -> None:
    await index.put([document("a", "word"), document("b", "word")])
    cursor = (await index.search(Query("default", "word", limit=1))).next_cursor
    for text, given_cursor in (("word", "nonsense"), ("other", cursor)):
        with pytest.raises(BadRequest, match="cursor"):
            await index.search(Query("default", text, cursor=given_cursor))


async def suggested(index: CountedSearchIndex, text: str, limit: int = 10) -> list[str]:
    return [each.name for each in (await index.suggest("default", text, limit)).found]


async def test_names_go_on_as_somebody_types(index: CountedSearchIndex) -> None:
    names = ["support/refund-decision", "support/refunds", "norefund", "고객/환불 안내", "고객/배송", "other/reply"]
    await index.put([document(name, "a refund", description="refund 환불") for name in names])
    assert await suggested(index, "refund") == ["support/refund-decision", "support/refunds", "norefund"]
    assert await suggested(index, "refund", 1) == ["support/refund-decision"]
    assert await suggested(index, "ref dec") == ["support/refund-decision"]
    assert set(await suggested(index, "re")) == {"support/refund-decision", "support/refunds", "other/reply"}
    for text in ("환불", "환부", "환ㅂ", "ㅎㅂ", unicodedata.normalize("NFD", "환불")):
        assert await suggested(index, text) == ["고객/환불 안내"], text
    assert set(await suggested(index, "ㄱ")) == {"고객/환불 안내", "고객/배송"}
    assert await suggested(index, "decision missing") == []
    assert await suggested(index, " ... ") == []
    (one,) = (await index.suggest("default", "환불", 5)).found
    assert (one.description, [one.name[start:end] for start, end in one.ranges]) == ("refund 환불", ["환불"])


async def test_templates_like_one_are_those_with_its_rare_words(index: CountedSearchIndex) -> None:
    padding = [document(f"pad/{n:02}", f"common words of every template and {n}x filler{n}") for n in range(30)]
    refund = "common words: refund voucher for a damaged parcel, courier and warehouse"
    await index.put(
        [
            *padding,
            document("a/refund", refund, tags=("support",)),
            document("a/return", "common words: voucher or refund when the parcel is damaged by a courier"),
            document("b/courier", "common words: the courier and the warehouse"),
            document("b/korean", "환불 안내문: 파손된 상품", tags=("고객",)),
            document("b/korean-too", "파손된 상품의 환불을 안내", tags=("고객",)),
        ]
    )
    page = await index.search(Query("default", "", like="a/refund"))
    assert [hit.name for hit in page.hits[:2]] == ["a/return", "b/courier"]
    assert "a/refund" not in {hit.name for hit in page.hits}
    assert page.total == len(page.hits)
    assert dict(page.facets["folder"])["b"] == 1
    inside = await index.search(Query("default", "", TemplateFilter(folder="b"), like="a/refund"))
    assert [hit.name for hit in inside.hits] == ["b/courier"]
    korean = await index.search(Query("default", "", like="b/korean"))
    assert korean.hits[0].name == "b/korean-too"
    first = await index.search(Query("default", "", like="a/refund", limit=1))
    rest = await index.search(Query("default", "", like="a/refund", limit=9, cursor=first.next_cursor))
    assert [hit.name for hit in (*first.hits, *rest.hits)] == [hit.name for hit in page.hits]
    with pytest.raises(TemplateNotFound):
        await index.search(Query("default", "", like="missing"))


HOSTILE = [
    'a" OR "b', "name:refund", "{name} : x", "NEAR(a b)", "a*", "^a", "-a", "a AND", "(", "')--", '" NOT "', "\\", "\x01",
    "%", "_", "*", "🙂🙂🙂", "\U000f0000\U000f8000\U00100000", "\U00108000a\U00108000", "ㅎ" * 200, "가" * 500, "a " * 300,
]  # fmt: skip


async def test_nothing_typed_is_syntax(index: CountedSearchIndex) -> None:
    await index.put([document("safe", "nothing to see")])
    for text in HOSTILE:
        page = await index.search(Query("default", text))
        assert page.total == len(page.hits), text
        assert (await index.suggest("default", text, 5)).found == (), text
        assert await found(index, "nothing") == ["safe"], text


WORDS = st.lists(
    st.one_of(
        st.text(st.characters(codec="utf-8", categories=["L", "N"]), min_size=1, max_size=8),
        st.text("가각힣환불요청고객ㅎㅂㅏabcÀé1２ＡßİﬁがΩς", min_size=1, max_size=6),
    ),
    min_size=1,
    max_size=6,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(words=WORDS, form=st.sampled_from(["NFC", "NFD", "NFKC", "NFKD"]), upper=st.booleans())
@example(words=["İstanbul", "ΌΣΟΣ"], form="NFD", upper=True)
@example(words=["환불을"], form="NFD", upper=False)
def test_every_spelling_of_a_text_is_one(words: list[str], form: str, upper: bool) -> None:
    """Whatever normal form and case a word is typed in, it is a part of the folded text that it was taken from."""
    text = " ".join(words)
    whole = folded(text)
    assert folded(whole) == whole
    for word in words:
        typed = unicodedata.normalize(form, word)
        assert folded(typed.swapcase() if upper and typed.isascii() else typed).strip() in whole


ORDINALS = count(1)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(words=WORDS)
async def test_each_word_finds_its_text_and_shows_where(index: CountedSearchIndex, words: list[str]) -> None:
    """Any word of a body finds it, and what is highlighted there is in the body as it was written."""
    body = unicodedata.normalize("NFC", " ".join(words))
    await index.put([document("t", body, next(ORDINALS))])
    for word in {word for word in words if folded(word).strip()}:
        page = await index.search(Query("default", f'"{word}"'))
        assert [hit.name for hit in page.hits] == ["t"], word
        for light in page.hits[0].highlights:
            assert light.field != "body" or light.fragment in body
            assert all(0 <= start < end <= len(light.fragment) for start, end in light.ranges)


async def test_searches_go_on_while_documents_change(index: CountedSearchIndex) -> None:
    await index.put([document(f"t{n}", "word") for n in range(20)])

    async def change() -> None:
        for turn in range(2, 12):
            await index.put([document(f"t{n}", f"word {turn}", ordinal=turn) for n in range(20)])

    async def look() -> None:
        for _ in range(20):
            assert (await index.search(Query("default", "word"))).total == 20

    await asyncio.gather(change(), look(), look())


async def test_an_index_counts_what_it_was_filled_with(index: CountedSearchIndex) -> None:
    assert await index.whole("default") is None
    await index.renew("default")
    await index.put([document("a"), document("b")])
    await index.swap("default", 2)
    assert await index.whole("default") == 2
    await index.delete("default", ["a"], 2)
    assert await index.whole("default") == 1
