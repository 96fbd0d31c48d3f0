"""Invitations, forgotten passwords and their links, with a real server of mail."""

import asyncio
import logging
import sqlite3
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from registry.bootstrap import Registry, open_registry
from registry.domain.access import Actor
from registry.domain.audit import AuditAction, AuditFilter, AuditOrigin
from registry.domain.errors import BadRequest, Conflict, Denied, NotFound, TooManyRequests, Unauthenticated
from registry.domain.ids import GroupName, ProviderName, UserName
from registry.domain.key_secrets import LINK_PREFIX, new_secret
from registry.domain.links import LIFETIMES, LinkKind, secret_of
from registry.domain.rate_limits import Buckets, LimitKind, RateLimit
from registry.domain.rights import EVERY_RIGHT, NOTHING, SERVER, Rights
from registry.domain.roles import Role
from registry.services import links as link_service
from registry.services.audit_origin import acting
from registry.services.rate_limits import RateLimiting
from registry.settings import Settings
from tests.mailing import MailServer, give_password, link_in, mail_server, text_of

ADMIN = Actor(UserName("root"), "Root", "root@example.com", EVERY_RIGHT)
KIM, LEE = UserName("kim"), UserName("lee")
PASSWORD, ANOTHER = "열쇠 구멍 달빛 1001", "borrow-lantern-seven"
PUBLIC = "https://prompts.example.com"

Opened = Callable[..., AbstractAsyncContextManager[Registry]]


@pytest.fixture
async def mail() -> AsyncIterator[MailServer]:
    async with mail_server() as server:
        yield server


@pytest.fixture
def opened(tmp_path: Path, mail: MailServer) -> Opened:
    """Opens a registry that mails, but for what is set otherwise."""

    def open_it(**more: Any) -> AbstractAsyncContextManager[Registry]:
        how = {
            "data": tmp_path / "data",
            "render_workers": 1,
            "smtp_url": f"smtp://127.0.0.1:{mail.port}",
            "mail_from": "Promptuary <prompts@example.com>",
            "public_url": PUBLIC,
        }
        return open_registry(Settings(**how | more))

    return open_it


@pytest.fixture
async def registry(opened: Opened) -> AsyncIterator[Registry]:
    async with opened() as found:
        yield found


async def person(registry: Registry, user: UserName = KIM, *, forgot: bool = False, **more: Any) -> None:
    await registry.access.put_user(user, actor=ADMIN, **{"name": "김민지", "email": f"{user}@example.com", **more})
    if forgot:
        await give_password(registry, user)


async def entered(registry: Registry, action: AuditAction) -> list[Any]:
    return [each.draft for each in (await registry.audit.list_entries(AuditFilter(action=action))).items]


async def accept(registry: Registry, secret: str, password: str = PASSWORD) -> str:
    user, _, session = await registry.signing_in.linking.links.accept(secret, password, "curl")
    assert (await registry.identification.authenticate(session)).user == user.user
    return user.user


async def test_who_is_invited_chooses_a_password(registry: Registry, mail: MailServer) -> None:
    await registry.access.put_group(GroupName("team"), actor=ADMIN, name="Team", members=[])
    given = await registry.signing_in.linking.invitations.invite(
        KIM, actor=ADMIN, name="김민지", email="kim@example.com", groups=[GroupName("team")], role=Role.AUTHOR
    )
    assert (given.mailed, given.address, given.why) == (True, None, None)
    letter = await mail.next_letter()
    assert (letter["to"], letter["subject"]) == (
        "김민지 <kim@example.com>",
        "Invitation to Promptuary · Promptuary 초대",
    )
    base, secret = link_in(letter)
    assert (base, "kim" in text_of(letter), "초대되었습니다" in text_of(letter)) == (PUBLIC, True, True)
    assert await accept(registry, secret) == "kim"
    found = await registry.access.find_user(KIM, ADMIN)
    assert found.rights == Rights.of([(SERVER, Role.AUTHOR)])
    assert [each.members for each in await registry.access.groups(ADMIN)] == [("kim",)]
    await registry.signing_in.passwords.sign_in("kim@example.com", PASSWORD, "curl")
    (told,) = await entered(registry, AuditAction.LINK_CREATED)
    assert (told.origin.actor, told.new["user"], told.new["kind"]) == ("root", "kim", "invitation")
    (changed,) = await entered(registry, AuditAction.PASSWORD_CHANGED)
    assert (changed.origin.actor, changed.new) == (
        "kim",
        {"user": "kim", "must_change": False, "by_link": "invitation"},
    )


async def test_an_invitation_leaves_whom_a_provider_put_there_to_the_provider(registry: Registry) -> None:
    team, provider, stored = GroupName("team"), ProviderName("corp"), registry.access._groups
    await registry.access.put_group(team, actor=ADMIN, name="Team", members=[])
    await registry.access.grant(Role.AUTHOR, SERVER, actor=ADMIN, group=team)
    await person(registry, LEE)
    await stored.set_groups(LEE, [team], provider)
    invite = registry.signing_in.linking.invitations.invite
    with acting(AuditOrigin(address="192.0.2.7")):
        await invite(KIM, actor=ADMIN, email="kim@example.com", groups=[team], by_mail=False)
    (found,) = await registry.access.groups(ADMIN)
    assert (found.members, found.by_provider) == ((KIM,), {provider: (LEE,)})
    assert (await registry.access.find_user(LEE, ADMIN)).rights == Rights.of([(SERVER, Role.AUTHOR)])
    await stored.set_groups(LEE, [], provider)
    assert (await registry.access.find_user(LEE, ADMIN)).rights == NOTHING
    changed = (await entered(registry, AuditAction.GROUP_CHANGED))[0]
    assert changed.origin == AuditOrigin("root", address="192.0.2.7")
    assert (changed.old["members"], changed.new["members"]) == ([], ["kim"])
    assert changed.old["members_by_provider"] == changed.new["members_by_provider"] == {"corp": ["lee"]}


async def test_who_forgot_a_password_gets_a_link_and_all_sessions_end(registry: Registry, mail: MailServer) -> None:
    await person(registry)
    user = (await registry.access.find_user(KIM, ADMIN)).user
    await registry.signing_in.passwords.set(user, ANOTHER)
    _, _, session = await registry.signing_in.passwords.sign_in("kim", ANOTHER, "curl")
    registry.signing_in.linking.resets.ask("KIM@example.com")
    _, secret = link_in(await mail.next_letter())
    assert (await registry.identification.authenticate(session)).user == "kim", "asking alone changes nothing"
    await accept(registry, secret)
    with pytest.raises(Unauthenticated):
        await registry.identification.authenticate(session)
    with pytest.raises(Unauthenticated):
        await registry.signing_in.passwords.sign_in("kim", ANOTHER, "curl")


async def test_a_link_works_once(registry: Registry) -> None:
    await person(registry)
    secret = secret_of((await given(registry)).address or "")
    with pytest.raises(BadRequest, match="letters"):
        await accept(registry, secret, "short")
    tries = [accept(registry, secret) for _ in range(3)]
    found = await asyncio.gather(*tries, return_exceptions=True)
    assert sorted(type(each).__name__ for each in found) == ["Unauthenticated", "Unauthenticated", "str"]
    with pytest.raises(Unauthenticated, match="does not hold"):
        await accept(registry, secret, ANOTHER)


async def given(registry: Registry, user: UserName = KIM, *, by_mail: bool = False) -> link_service.HandedOver:
    return await registry.signing_in.linking.resets.give(user, ADMIN, by_mail=by_mail)


@pytest.mark.parametrize("kind", LinkKind)
async def test_a_link_ends(registry: Registry, monkeypatch: pytest.MonkeyPatch, kind: LinkKind) -> None:
    await person(registry)
    links = registry.signing_in.linking.links
    monkeypatch.setitem(LIFETIMES, kind, timedelta(milliseconds=1))
    handed = await links.hand_over(kind, (await registry.access.find_user(KIM, ADMIN)).user, ADMIN, by_mail=False)
    await asyncio.sleep(0.01)
    with pytest.raises(Unauthenticated, match="does not hold"):
        await accept(registry, secret_of(handed.address or ""))


async def test_a_new_link_ends_the_old_one(registry: Registry) -> None:
    await person(registry)
    old, new = [secret_of((await given(registry)).address or "") for _ in range(2)]
    with pytest.raises(Unauthenticated):
        await accept(registry, old)
    assert await accept(registry, new) == "kim"


async def test_what_is_no_link_opens_nothing(registry: Registry) -> None:
    await person(registry)
    _, key = await registry.accounts.create_key(user="kim")
    user = (await registry.access.find_user(KIM, ADMIN)).user
    _, session = await registry.signing_in.sessions.begin(user, "password", "curl")
    link = secret_of((await given(registry)).address or "")
    for wrong in (
        key,
        session,
        new_secret(LINK_PREFIX),
        link[:-1],
        link.upper(),
        "",
        "#",
        "키",
        "pml_\x00",
        link + "0",
    ):
        with pytest.raises(Unauthenticated):
            await accept(registry, wrong)
    with pytest.raises(Unauthenticated):
        await registry.identification.authenticate(link)  # a link is no key and no session either
    assert len(await entered(registry, AuditAction.SIGN_IN_FAILED)) == 10


async def test_links_are_guessed_a_few_times_only(registry: Registry) -> None:
    links = registry.signing_in.linking.links
    links._limits = RateLimiting(
        limits={LimitKind.LINKS: RateLimit(LimitKind.LINKS, 3, 60)}, counted=Buckets(time.monotonic)
    )
    await person(registry)
    right = secret_of((await given(registry)).address or "")
    with acting(AuditOrigin(address="192.0.2.1")):
        for _ in range(3):
            with pytest.raises(Unauthenticated):
                await accept(registry, new_secret(LINK_PREFIX))
        with pytest.raises(TooManyRequests):
            await accept(registry, right)
    with acting(AuditOrigin(address="192.0.2.2")):
        assert await accept(registry, right) == "kim"


@pytest.mark.parametrize("change", [{"disabled": True}, {"is_service": True}])
async def test_who_may_not_sign_in_gets_no_link_and_his_old_one_is_worthless(
    registry: Registry, mail: MailServer, change: dict[str, bool]
) -> None:
    await person(registry, forgot=True)
    old = secret_of((await given(registry)).address or "")
    await person(registry, **change)
    with pytest.raises(Unauthenticated, match="does not hold"):
        await accept(registry, old)
    with pytest.raises(Conflict):
        await given(registry)
    with pytest.raises(Conflict):
        await registry.signing_in.linking.invitations.invite(KIM, actor=ADMIN, email="kim@example.com")
    assert await mails_after_asking(registry, mail, "kim", "kim@example.com") == 0


async def test_an_address_is_one_persons(registry: Registry) -> None:
    await person(registry)
    with pytest.raises(Conflict, match=r"kim has the address 'KIM@example\.com' already: nobody could sign in by it"):
        await registry.signing_in.linking.invitations.invite(LEE, actor=ADMIN, email="KIM@example.com")
    assert [each.user for each in await registry.access.users(ADMIN)] == [KIM]
    await person(registry, LEE)
    with pytest.raises(Conflict):
        await registry.access.put_user(LEE, actor=ADMIN, email="kim@example.com")
    robot = await registry.access.put_user(UserName("ci"), actor=ADMIN, email="kim@example.com", is_service=True)
    with pytest.raises(Conflict):
        await registry.access.put_user(robot.user, actor=ADMIN, is_service=False)
    await person(registry, name="김", email="kim@example.com")


async def test_a_link_does_not_come_back_with_its_user(registry: Registry) -> None:
    await registry.accounts.ensure_administrator()
    await person(registry)
    old = secret_of((await given(registry)).address or "")
    await person(registry, disabled=True)
    await person(registry, disabled=False)
    with pytest.raises(Unauthenticated):
        await accept(registry, old)
    old = secret_of((await given(registry)).address or "")
    await registry.access.remove_user(KIM, actor=ADMIN)
    await person(registry)
    with pytest.raises(Unauthenticated):
        await accept(registry, old)


async def mails_after_asking(registry: Registry, mail: MailServer, *names: str) -> int:
    """How many letters came of it."""
    linking, before = registry.signing_in.linking, len(mail.letters)
    for name in names:
        linking.resets.ask(name)
    await asyncio.gather(*linking.postbox._errands)
    return len(mail.letters) - before


async def test_nobody_is_written_to_who_is_not_there(registry: Registry, mail: MailServer) -> None:
    await person(registry, forgot=True)
    await person(registry, LEE, email="lee@localhost", forgot=True)
    await person(registry, UserName("by-provider"))
    names = ("nobody", "nobody@example.com", "lee", "' OR 1=1", "k%", "", "by-provider")
    assert await mails_after_asking(registry, mail, *names) == 0
    assert await mails_after_asking(registry, mail, "kim") == 1


async def test_one_user_is_not_flooded_whatever_he_is_called(registry: Registry, mail: MailServer) -> None:
    await person(registry, forgot=True)
    await person(registry, LEE, forgot=True)
    resets = registry.signing_in.linking.resets
    resets._limits = RateLimiting(
        limits={LimitKind.RESETS_OF_USER: RateLimit(LimitKind.RESETS_OF_USER, 3, 3600)},
        counted=Buckets(time.monotonic),
    )
    assert await mails_after_asking(registry, mail, *(["kim", "kim@example.com", "KIM@EXAMPLE.COM"] * 5)) == 3
    assert await mails_after_asking(registry, mail, "lee") == 1
    with acting(AuditOrigin(address="192.0.2.1")):
        resets._limits = RateLimiting(
            limits={LimitKind.RESETS: RateLimit(LimitKind.RESETS, 2, 60)}, counted=Buckets(time.monotonic)
        )
        for name in ("nobody", "kim"):
            resets.ask(name)
        with pytest.raises(TooManyRequests):
            resets.ask("nobody")


async def test_a_server_of_mail_that_is_busy_is_asked_again(
    registry: Registry, mail: MailServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "registry")
    await person(registry, forgot=True)
    registry.signing_in.linking.postbox._again = (0.05, 0.05)
    mail.refuses["RCPT"] = "451 later"
    registry.signing_in.linking.resets.ask("kim")
    await asyncio.gather(*registry.signing_in.linking.postbox._errands)
    assert (mail.asked, mail.letters) == (3, [])
    assert "mail to the user kim was not sent: 127.0.0.1" in caplog.text
    mail.refuses.clear()
    registry.signing_in.linking.resets.ask("kim")
    _, secret = link_in(await mail.next_letter())
    assert secret not in caplog.text
    assert "kim@example.com" not in "".join(each.getMessage() for each in caplog.records if "registry" in each.name)


async def test_a_link_that_could_not_be_mailed_is_told(registry: Registry, mail: MailServer) -> None:
    mail.refuses["RCPT"] = "550 nobody here"
    handed = await registry.signing_in.linking.invitations.invite(KIM, actor=ADMIN, email="kim@example.com")
    assert (handed.mailed, "(550)" in (handed.why or "")) == (False, True)
    assert await accept(registry, handed.address or "") == "kim", "the whole address will do, too"


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"public_url": None}, "PROMPTUARY_PUBLIC_URL"),
        ({"smtp_url": None}, "PROMPTUARY_SMTP_URL"),
    ],
)
async def test_without_what_mail_needs_the_link_is_told(
    opened: Opened, mail: MailServer, change: dict[str, None], why: str
) -> None:
    async with opened(port=8123, **change) as registry:
        invite = registry.signing_in.linking.invitations.invite
        handed = await invite(KIM, actor=ADMIN, email="kim@example.com")
        begins = PUBLIC if "smtp_url" in change else "http://127.0.0.1:8123"
        assert (handed.address or "").startswith(f"{begins}/join#pml_")
        assert why in (handed.why or "")
        await give_password(registry, KIM)
        assert await mails_after_asking(registry, mail, "kim") == 0
        quiet = await invite(LEE, actor=ADMIN, email="lee@example.com", by_mail=False)
        assert quiet.why is None


async def test_without_passwords_people_are_told_to_sign_in_with_their_provider(
    opened: Opened, mail: MailServer
) -> None:
    async with opened(passwords=False) as registry:
        linking = registry.signing_in.linking
        handed = await linking.invitations.invite(KIM, actor=ADMIN, email="kim@example.com")
        assert (handed.mailed, handed.expires_at) == (True, None)
        text = text_of(await mail.next_letter())
        assert (f"{PUBLIC}/sign-in" in text, "pml_" in text) == (True, False)
        for attempt in (accept(registry, new_secret(LINK_PREFIX)), given(registry)):
            with pytest.raises(Denied, match="identity provider"):
                await attempt
        with pytest.raises(Denied, match="identity provider"):
            linking.resets.ask("kim")


async def test_who_has_a_password_is_not_invited_again(registry: Registry) -> None:
    invite = registry.signing_in.linking.invitations.invite
    first = await invite(KIM, actor=ADMIN, email="kim@example.com", by_mail=False)
    again = await invite(KIM, actor=ADMIN, email="kim@new.example.com", by_mail=False)
    with pytest.raises(Unauthenticated):
        await accept(registry, first.address or "")
    await accept(registry, again.address or "")
    with pytest.raises(Conflict, match="reset-password kim"):
        await invite(KIM, actor=ADMIN, email="kim@example.com")
    assert (await registry.access.find_user(KIM, ADMIN)).user.email == "kim@new.example.com"


async def test_only_administrators_of_the_server_give_links(registry: Registry) -> None:
    await person(registry)
    await person(registry, UserName("robot"), is_service=True)
    for rights in (NOTHING, Rights.of([(SERVER, Role.MAINTAINER)])):
        actor = Actor(LEE, "Lee", "lee@example.com", rights)
        for user in (LEE, KIM, UserName("robot")):
            with pytest.raises(Denied):
                await registry.signing_in.linking.invitations.invite(user, actor=actor, email="lee@example.com")
        with pytest.raises(Denied):
            await registry.signing_in.linking.resets.give(KIM, actor, by_mail=False)
    with pytest.raises(NotFound):
        await given(registry, UserName("nobody"))
    with pytest.raises(NotFound, match="no group"):
        await registry.signing_in.linking.invitations.invite(
            LEE, actor=ADMIN, email="lee@example.com", groups=[GroupName("none")]
        )
    assert LEE not in {each.user for each in await registry.access.users(ADMIN)}


async def test_no_secret_is_stored_or_audited(registry: Registry) -> None:
    await person(registry)
    secret = secret_of((await given(registry)).address or "")
    with closing(sqlite3.connect(registry.settings.catalogue)) as connection:
        stored = str([list(connection.execute(f"SELECT * FROM {each}")) for each in ("links", "audit_entries")])
    assert ("link.created" in stored, secret in stored) == (True, False)


async def test_what_is_under_way_ends_with_the_registry(opened: Opened) -> None:
    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(hang, "127.0.0.1", 0)
    began = time.monotonic()
    async with opened(smtp_url=f"smtp://127.0.0.1:{server.sockets[0].getsockname()[1]}") as registry:
        await person(registry, forgot=True)
        registry.signing_in.linking.resets.ask("kim")
        await asyncio.sleep(0.2)
        assert len(registry.signing_in.linking.postbox._errands) == 1
    assert time.monotonic() - began < 10
    server.close()
    await server.wait_closed()
