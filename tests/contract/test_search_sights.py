"""What every search index keeps to itself: who sees some folders alone learns nothing of the rest, in no way there is."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import count

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from registry.adapters.sql import search_ranking
from registry.domain.catalogue import SearchDocument, TemplateFilter
from registry.domain.errors import BadRequest, TemplateNotFound
from registry.domain.rights import EVERYTHING, Sight
from registry.domain.search import FACETS, Query, SearchPage
from registry.domain.template import Status, TemplateType
from registry.ports.search_index import CountedSearchIndex
from tests.projected import History
from tests.searching import Engine, document, pages, told

NOTHING_COUNTED: dict[str, dict[str, int]] = {facet: {} for facet in FACETS}


def sight(*folders: str) -> Sight:
    return Sight(folders)


async def page_of(index: CountedSearchIndex, text: str, seen: Sight, **where: object) -> SearchPage:
    return await index.search(Query("default", text, TemplateFilter(**where), limit=100, sight=seen))  # type: ignore[arg-type]


async def found(index: CountedSearchIndex, text: str, seen: Sight, **where: object) -> list[str]:
    page = await page_of(index, text, seen, **where)
    assert page.total == len(page.hits)
    return [hit.name for hit in page.hits]


async def suggested(index: CountedSearchIndex, text: str, seen: Sight) -> list[str]:
    return [each.name for each in (await index.suggest("default", text, 10, seen)).found]


def counted(page: SearchPage) -> dict[str, dict[str, int]]:
    return {facet: dict(values) for facet, values in page.facets.items()}


async def test_hits_totals_and_every_facet_are_of_what_is_seen(index: CountedSearchIndex) -> None:
    await index.put(
        [
            document("s/a", "word", tags=("x",), model="m/1", owners=("@o",), labels=("prod",)),
            document("s/d/b", "word", tags=("x", "y")),
            document(
                "hidden/a", "word secret", tags=("x", "z"), model="m/2", owners=("@p",), labels=("beta",),
                type=TemplateType.TEXT, status=Status.DRAFT,
            ),
            document("top", "word", tags=("top",)),
        ]
    )  # fmt: skip
    everything = await page_of(index, "word", EVERYTHING)
    assert everything.total == 4
    for text in ("word", ""):
        page = await page_of(index, text, sight("s"))
        assert ([hit.name for hit in page.hits], page.total, page.exact) == (["s/a", "s/d/b"], 2, True)
        assert counted(page) == {
            "tag": {"x": 2, "y": 1},
            "folder": {"s": 2, "s/d": 1},
            "type": {"chat": 2},
            "status": {"active": 2},
            "model": {"m/1": 1},
            "owner": {"@o": 1},
            "label": {"prod": 1},
        }
        inner = await page_of(index, text, sight("s/d"))
        assert [hit.name for hit in inner.hits] == ["s/d/b"]
        assert counted(inner)["folder"] == {"s": 1, "s/d": 1}
        assert await found(index, text, sight("s/d", "hidden")) == ["hidden/a", "s/d/b"]
    hidden = await page_of(index, "secret", sight("s"))
    assert (hidden.hits, hidden.total, counted(hidden)) == ((), 0, NOTHING_COUNTED)


async def test_who_sees_nothing_finds_nothing(index: CountedSearchIndex) -> None:
    await index.put([document("s/a", "word"), document("b", "word")])
    for seen in (Sight(()), sight("missing"), sight("s/a"), sight("b"), sight("")):
        for text in ("word", ""):
            page = await page_of(index, text, seen)
            assert (page.hits, page.total, counted(page), page.exact) == ((), 0, NOTHING_COUNTED, True), seen
        assert await suggested(index, "a", seen) == []


async def test_whether_any_word_will_do_is_asked_of_what_is_seen(index: CountedSearchIndex) -> None:
    await index.put([document("h/a", "apples and pears"), document("s/b", "apples"), document("s/c", "pears")])
    assert await found(index, "apples pears", EVERYTHING) == ["h/a"]
    assert await found(index, "apples pears", sight("s")) == ["s/b", "s/c"]


async def test_pages_go_through_what_is_seen_and_belong_to_it(index: CountedSearchIndex) -> None:
    await index.put([document(f"{folder}/{n}", "word") for n in range(9) for folder in ("a", "m", "z")])
    whole = await index.search(Query("default", "word", limit=2))
    for text in ("word", ""):
        for folders in (("a",), ("m",), ("z",), ("a", "z")):
            query = Query("default", text, limit=4, sight=sight(*folders))
            cut = await pages(index, query)
            assert [hit.name for page in cut for hit in page.hits] == [f"{f}/{n}" for f in folders for n in range(9)]
            assert {page.total for page in cut} == {9 * len(folders)}
    mine = await index.search(Query("default", "word", limit=2, sight=sight("m")))
    for cursor, seen in (
        (whole.next_cursor, sight("m")),
        (mine.next_cursor, sight("a")),
        (mine.next_cursor, EVERYTHING),
    ):
        with pytest.raises(BadRequest, match="cursor"):
            await index.search(Query("default", "word", limit=2, cursor=cursor, sight=seen))


async def test_a_folder_is_looked_into_as_far_as_it_is_seen(index: CountedSearchIndex) -> None:
    names = ("a/b/1", "a/b/c/2", "a/d/3", "e/4")
    await index.put([document(name, "word", tags=(name[0],)) for name in names])
    seen = sight("a/b", "e")
    for text in ("word", ""):
        assert await found(index, text, seen, folder="a/b/c") == ["a/b/c/2"]  # inside
        assert await found(index, text, seen, folder="a") == ["a/b/1", "a/b/c/2"]  # around a part of it
        assert await found(index, text, seen, folder="a/d") == []  # outside
        assert await found(index, text, seen, tag="a") == ["a/b/1", "a/b/c/2"]
        everywhere = {"a": 2, "a/b": 2, "a/b/c": 1, "e": 1}
        outside = counted(await page_of(index, text, seen, folder="a/d"))
        assert outside.pop("folder").items() <= everywhere.items()
        assert not any(outside.values())
    wide = counted(await page_of(index, "word", seen, folder="a"))
    assert (wide["folder"], wide["tag"]) == (everywhere, {"a": 2})


ALIKE = [
    "support", "support2", "SUPPORT", "support ", "\u3000support", "sup", "support-", "sup%", "s_pport", "s?pport",
    "s*", "고객 둘", "고객  둘", "고객\u3000둘", "고객\u00a0둘", "고객", "ｓupport", "s* 둘", "s*\u00a0 둘",
]  # fmt: skip
"""Folders that look like each other: to a sort key, a facet's value, a pattern, or a database without care for case."""


async def test_folders_that_look_alike_are_apart(index: CountedSearchIndex) -> None:
    await index.put([document(f"{folder}/refund", "환불 word", tags=(folder,)) for folder in ALIKE])
    for folder in ALIKE:
        for text in ("word", "환불", "ㅎㅂ", ""):
            page = await page_of(index, text, sight(folder))
            if text == "ㅎㅂ":  # initials are looked for in names
                assert page.total == 0
                continue
            assert ([hit.name for hit in page.hits], page.total) == ([f"{folder}/refund"], 1), (text, folder)
            assert set(counted(page)["tag"].values()) == {1}
        assert await suggested(index, "refund", sight(folder)) == [f"{folder}/refund"]
    both = await page_of(index, "word", sight("support", "고객 둘"))
    assert {hit.name for hit in both.hits} == {"support/refund", "고객 둘/refund"}


async def test_korean_folders_and_words(index: CountedSearchIndex) -> None:
    await index.put(
        [
            document("고객/환불 안내", "환불을 안내한다"),
            document("고객/배송", "배송 조회, 환불은 삼 일 안에"),
            document("고객센터/환불 거절", "환불을 거절한다"),
            document("인사/환불", "비밀 환불"),
        ]
    )
    seen = sight("고객")
    for text in ("환불", "환불은", "환부", "환ㅂ"):
        assert set(await found(index, text, seen)) == {"고객/환불 안내", "고객/배송"}, text
    assert await found(index, "ㅎㅂ", seen) == ["고객/환불 안내"]
    assert await found(index, "비밀", seen) == []
    assert await found(index, "", seen) == ["고객/배송", "고객/환불 안내"]
    for text in ("환불", "ㅎㅂ", "환ㅂ"):
        assert await suggested(index, text, seen) == ["고객/환불 안내"], text
    assert await suggested(index, "거절", seen) == []


async def test_what_is_not_seen_is_like_nothing(index: CountedSearchIndex) -> None:
    padding = [document(f"s/pad/{n:02}", f"common words of every template and filler{n}") for n in range(20)]
    await index.put(
        [
            *padding,
            document("s/one", "common words: refund voucher for a damaged parcel", tags=("t",)),
            document("s/two", "common words: the refund voucher", tags=("t",)),
            document("h/three", "common words: refund voucher for a damaged parcel", tags=("t",)),
        ]
    )
    page = await index.search(Query("default", "", like="s/one", sight=sight("s")))
    assert ([hit.name for hit in page.hits], page.total) == (["s/two"], 1)
    assert set(counted(page)["folder"]) == {"s"}
    told_of = []
    for name in ("h/three", "h/missing"):
        with pytest.raises(TemplateNotFound) as raised:
            await index.search(Query("default", "", like=name, sight=sight("s")))
        told_of.append(str(raised.value).replace(name, "…"))
    assert told_of[0] == told_of[1]


async def test_words_that_others_have_often_are_rare_all_the_same(engine: Engine) -> None:
    if not engine.bounded:
        pytest.skip("the engine tells rare words by all documents")
    seen = [document(f"s/pad/{n:02}", f"common words of every template and filler{n}") for n in range(20)]
    seen += [document("s/one", "common words: refund voucher"), document("s/two", "common words: the refund voucher")]
    hidden = [document(f"h/{n:02}", "refund voucher") for n in range(60)]
    await engine.index.put([*hidden, *seen])
    await engine.index.put([replace(each, repository="seen") for each in seen])
    some = await engine.index.search(Query("default", "", like="s/one", sight=sight("s")))
    alone = await engine.index.search(Query("seen", "", like="s/one"))
    assert [hit.name for hit in some.hits] == ["s/two"]
    assert [(hit.name, hit.score) for hit in some.hits] == [(hit.name, hit.score) for hit in alone.hits]


async def test_old_texts_of_what_is_not_seen_stay_hidden(engine: Engine) -> None:
    history = History()
    first = {name: f"text: apple of {name}" for name in ("s/a", "s/gone", "S/b", "s2/c", "h/d", "s\u3000/e")}
    await told(engine, history.commit(first))
    await told(engine, history.commit(dict.fromkeys(first, "text: banana") | {"s/gone": None, "h/d": None}))

    async def looked_back(text: str, seen: Sight, folder: str | None = None) -> set[tuple[str, int | None]]:
        query = Query("default", text, TemplateFilter(folder=folder), limit=100, versions=True, sight=seen)
        page = await engine.index.search(query)
        assert page.total == len(page.hits)
        assert page.exact
        assert seen.is_whole or set(counted(page)["folder"]) <= set(seen.folders or ())
        return {(hit.name, hit.version) for hit in page.hits}

    assert len(await looked_back("apple", EVERYTHING)) == len(first)
    assert await looked_back("apple", sight("s")) == {("s/a", 1), ("s/gone", 1)}
    assert await looked_back("apple", sight("S")) == {("S/b", 1)}
    assert await looked_back("apple", sight("h", "s2")) == {("h/d", 1), ("s2/c", 1)}
    assert await looked_back("apple", sight("s"), "h") == set()
    assert await looked_back("banana", sight("s")) == {("s/a", None)}


async def test_bounds_are_of_what_is_seen(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bounds are lowered, so that a few dozen documents are many."""
    for name, bound in (("BOUND", 20), ("HEADING_BOUND", 10)):
        monkeypatch.setattr(search_ranking, name, bound)
    index = engine.index
    await index.put(
        [
            *(document(f"a/common-{n:02}", "common", description="common", tags=("hidden",)) for n in range(60)),
            *(document(f"m/{n}", "common", tags=("hidden",)) for n in range(5)),
            *(document(f"z\u3000/{n}", "common", tags=("hidden",)) for n in range(30)),
            *(document(f"z/{n:02}", "a common word", tags=("rare",) if n % 10 == 0 else ("often",)) for n in range(30)),
            document("z/z/common"),
            document("few/common"),
            *(document(f"few/{n}", "common", tags=("few",)) for n in range(4)),
        ]
    )
    few = await page_of(index, "common", sight("few"))
    assert [hit.name for hit in few.hits] == ["few/common", "few/0", "few/1", "few/2", "few/3"]
    assert (few.total, few.exact, counted(few)["tag"]) == (5, True, {"few": 4})
    many = await page_of(index, "common", sight("z"))
    assert many.hits[0].name == "z/z/common", "the headings of others take no place"
    assert (many.total, many.exact) == (31, not engine.bounded)
    for page in (many, await page_of(index, "", sight("z")), await page_of(index, "common", sight("z"), folder="z")):
        assert page.total == 31
        assert set(counted(page)["folder"]) <= {"z", "z/z"}
        assert set(counted(page)["tag"]) <= {"rare", "often"}
    rare = await page_of(index, "common", sight("z"), tag="rare")
    assert [hit.name for hit in rare.hits] == ["z/00", "z/10", "z/20"]
    outside = await page_of(index, "", sight("few"), folder="z")
    assert (outside.total, outside.exact, outside.hits) == (0, True, ())
    wide = await page_of(index, "", sight("few", "z"), folder="z")
    assert (wide.total, set(counted(wide)["tag"])) == (31, {"rare", "often"})
    assert set(counted(wide)["folder"]) <= {"few", "z", "z/z"}
    for seen, names in (
        (sight("z"), [f"z/{n:02}" for n in range(30)]),
        (sight("few", "z"), ["few/0", "few/1", "few/2", "few/3", "few/common", *(f"z/{n:02}" for n in range(30))]),
        (sight("z", "z/z"), [f"z/{n:02}" for n in range(30)]),
    ):
        cut = await pages(index, Query("default", "", limit=4, sight=seen))
        assert [hit.name for page in cut for hit in page.hits if hit.name != "z/z/common"] == names
        assert sum(len(page.hits) for page in cut) == len(names) + 1


async def test_many_that_are_not_seen_hide_none_that_is(index: CountedSearchIndex) -> None:
    """More than are scored, and more than are looked at to suggest a name."""
    await index.put([document(f"a/refund-{n}", "refund") for n in range(2_010)])
    await index.put([document("z/refund", "a refund")])
    page = await page_of(index, "refund", sight("z"))
    assert ([hit.name for hit in page.hits], page.total, page.exact) == (["z/refund"], 1, True)
    assert await suggested(index, "refund", sight("z")) == ["z/refund"]


ORDINALS = count(1)
FOLDERS = [*ALIKE, "support/a", "support/a/b", "고객 둘/환불", ""]
ANY_FOLDER = st.sampled_from(FOLDERS)
NAME = (
    st.tuples(ANY_FOLDER, st.sampled_from(["환불", "refund", "re 2", "주문"])).map("/".join).map(lambda n: n.strip("/"))
)
WORD = st.sampled_from(["refund", "refunds", "환불", "환불을", "order", "주문"])
BODY = st.lists(WORD, max_size=4).map(" ".join)
TAG = st.sampled_from(["x", "y", "고객"])
DOCUMENTS = st.dictionaries(NAME, st.tuples(BODY, st.lists(TAG, max_size=2, unique=True)), min_size=1, max_size=14)
SIGHT = st.lists(ANY_FOLDER, max_size=3).map(lambda folders: Sight(tuple(sorted(set(folders)))))
TEXT = st.one_of(
    st.just(""), WORD, st.tuples(WORD, WORD).map(" ".join), st.sampled_from(["ㅎㅂ", "re", "환ㅂ", "none"])
)
FILTER = st.builds(TemplateFilter, folder=st.none() | st.sampled_from(FOLDERS), tag=st.none() | TAG)


async def put_anew(index: CountedSearchIndex, documents: Sequence[SearchDocument], repository: str) -> None:
    """The documents, and none of those that were there before."""
    await index.delete(repository, list(await index.fingerprints(repository)), next(ORDINALS))
    if documents:
        ordinal = next(ORDINALS)
        await index.put([replace(each, repository=repository, ordinal=ordinal) for each in documents])


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(known=DOCUMENTS, seen=SIGHT, text=TEXT, where=FILTER)
@example(
    known={"support/환불": ("", ()), "support /환불": ("", ("x",))},
    seen=Sight(("support",)),
    text="",
    where=TemplateFilter(),
)
async def test_what_is_seen_is_found_as_if_there_were_nothing_else(
    engine: Engine, known: dict[str, tuple[str, Sequence[str]]], seen: Sight, text: str, where: TemplateFilter
) -> None:
    """Page by page: names, totals, facets and where the list ends are those of an index that has nothing else."""
    index = engine.index
    documents = [document(name, body, tags=tuple(tags)) for name, (body, tags) in known.items()]
    await put_anew(index, documents, "default")
    await put_anew(index, [each for each in documents if seen.has(each.name)], "seen")

    async def shown(repository: str, what: Sight) -> tuple[object, ...]:
        query = Query(repository, text, where, limit=3, sight=what)
        cut = await pages(index, query)
        names = [(hit.name, hit.score) for page in cut for hit in page.hits]
        told_of = {(page.total, page.exact, page.degraded, str(page.facets)) for page in cut}
        proposed = await index.suggest(repository, text, 10, what)
        return names, told_of, [len(page.hits) for page in cut], proposed.found

    alone = await shown("seen", seen)
    assert await shown("default", seen) == alone
    names, *others = await shown("seen", EVERYTHING)
    if engine.bounded:  # else how often a word stands in a text counts besides
        assert [names, *others] == list(alone)
    else:
        assert sorted(name for name, _ in names) == sorted(name for name, _ in alone[0])
        assert others[:2] == list(alone[1:3])

    async def alike(repository: str, name: str, what: Sight) -> tuple[object, ...]:
        page = await index.search(Query(repository, "", where, like=name, sight=what))
        return [(hit.name, hit.score) for hit in page.hits], page.total, page.exact, page.facets

    for name in known if engine.bounded else ():  # the engine tells rare words by all documents
        if seen.has(name):
            assert await alike("default", name, seen) == await alike("seen", name, EVERYTHING)
