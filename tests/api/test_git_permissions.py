"""Every Git operation with the real git, in every role at every place: docs/permissions.md is what happens."""

import asyncio
import os
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from api.permissions_page import ON_SERVER, OUTSIDE, READS_ALL_OUTSIDE, STANDINGS, Standing, meets_over_git
from registry.bootstrap import Registry
from registry.domain.audit import AuditAction, AuditFilter
from registry.domain.git_needs import FETCH, GIT_NEEDS, PUSH, Operation
from registry.domain.ids import LabelName, TemplateName, UserName
from registry.domain.labels import label_path
from registry.domain.names import template_path
from registry.domain.needs import Reach
from registry.domain.rights import Place
from registry.domain.roles import Role, Scope
from tests.api.test_permissions import ADMIN
from tests.running import clean_environment
from tests.serving import served
from tests.stock import DEFAULT, TONE, write_files

RULES = "schema: registry/v1\nlabels:\n  production: {}\n"
FIRST = {"support": "triage", "고객지원": "환불"}
"""A template of each folder."""

AT_THE_DOOR = "Git cannot leave folders out"
NO_ROLE = "This needs the role author"
BY_THE_GATE = {
    Operation.RULES: "change-not-allowed",
    Operation.PROTECTED_LABEL: "label-not-allowed",
    Operation.DELETE: "push-not-allowed",
    Operation.REWRITE: "force-push",
    Operation.TAG: "push-not-allowed",
    Operation.DEFAULT_BRANCH: "default-branch",
    Operation.OTHER_REF: "ref-not-allowed",
}
"""With which rule; all other operations with the one for files that somebody may not change."""


@dataclass
class Checkout:
    """A clone by an administrator, from which everybody pushes, and what is prepared in it."""

    folder: Path
    address: str
    bare: Path
    tip: str = ""
    made: int = field(default=0)

    async def git(self, *arguments: str, text: str = "", check: bool = True) -> tuple[int, str]:
        """Its end, and all that it says."""
        child = await asyncio.create_subprocess_exec(
            "git", *arguments, cwd=self.folder, env=clean_environment(),
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        told = (await child.communicate(text.encode()))[0].decode()
        assert not check or child.returncode == 0, told
        return child.returncode or 0, told

    async def commit(self, path: str, text: str | None) -> str:
        """A commit on main's tip that changes one file."""
        name = f"refs/prepared/{self.made}"
        change = f"D {path}\n" if text is None else f"M 100644 inline {path}\ndata {len(text.encode())}\n{text}\n"
        head = f"commit {name}\ncommitter Ada <ada@example.com> {1_700_000_000 + self.made} +0000\n"
        await self.git("fast-import", "--quiet", "--force", text=f"{head}data 6\nchange\nfrom {self.tip}\n{change}")
        return (await self.git("rev-parse", name))[1].strip()

    async def there(self, name: str, commit: str) -> None:
        """Puts a branch where it has to be, past all rules."""
        await self.git("-C", str(self.bare), "update-ref", f"refs/heads/{name}", commit)

    async def prepare(self, operation: Operation, folder: str) -> str:
        """What to push, as a refspec."""
        self.made += 1
        name = f"{operation.name.lower()}-{self.made}"
        match operation:
            case Operation.BRANCH:
                return f"{self.tip}:refs/heads/{name}"
            case Operation.TAG:
                return f"{self.tip}:refs/tags/{name}"
            case Operation.DELETE:
                await self.there(name, self.tip)
                return f":refs/heads/{name}"
            case Operation.REWRITE:
                await self.there(name, self.tip)
                return f"+{self.tip}~1:refs/heads/{name}"
            case Operation.DEFAULT_BRANCH:
                return ":refs/heads/main" if self.made % 2 else f"+{self.tip}~1:refs/heads/main"
            case Operation.OTHER_REF:
                return f"{self.tip}:refs/notes/{name}"
            case Operation.DRAFT:
                return f"{await self.commit(*self._file(operation, folder))}:refs/heads/{name}"
            case _:
                return f"{await self.commit(*await self._toggled(operation, folder))}:refs/heads/main"

    def _file(self, operation: Operation, folder: str) -> tuple[str, str]:
        label = "production" if operation is Operation.PROTECTED_LABEL else f"free{self.made}"
        match operation:
            case Operation.LABEL | Operation.PROTECTED_LABEL:
                name = FIRST[folder]
                return label_path(LabelName(label), TemplateName(f"{folder}/{name}")), f"{name}: 1\n"
            case Operation.RULES:
                return ".registry.yaml", f"{RULES}# {self.made}\n"
            case Operation.OTHER_FILE:
                return "README.md", f"# {self.made}\n"
        return template_path(TemplateName(f"{folder}/new-{self.made}")), TONE

    async def _toggled(self, operation: Operation, folder: str) -> tuple[str, str | None]:
        """A change of a file; a protected label is there once and away the next time."""
        path, text = self._file(operation, folder)
        if operation is Operation.PROTECTED_LABEL:
            there = (await self.git("ls-tree", "--name-only", "-z", self.tip, path))[1]
            return path, None if there else text
        return path, text

    async def push(self, key: str, refspec: str) -> str:
        """What is wrong with a push; empty where it is taken."""
        code, told = await self.git("push", self.address.format(key), refspec, check=False)
        if not code and refspec.endswith(":refs/heads/main"):
            self.tip = refspec.partition(":")[0]
        return told if code else ""


@pytest.fixture
async def checkout(stocked: Registry, app: Any, tmp_path: Path) -> AsyncIterator[Checkout]:
    await write_files(stocked, {".registry.yaml": RULES}, "Protect production")
    _, key = await stocked.accounts.create_key()
    async with served(app) as port:
        folder = tmp_path / "clone"
        folder.mkdir()
        made = Checkout(folder, f"http://any:{{}}@127.0.0.1:{port}/git/default.git", stocked.git.path(DEFAULT))
        await made.git("clone", "-q", "--bare", made.address.format(key), ".")
        made.tip = (await made.git("rev-parse", "main"))[1].strip()
        yield made


async def key_of(registry: Registry, role: Role, standing: Standing) -> str:
    user = UserName(role)
    await registry.access.put_user(user, actor=ADMIN)
    for place, granted in standing.grants(role):
        await registry.access.grant(granted, place, actor=ADMIN, user=user)
    return (await registry.accounts.create_key(user=user, scope=Scope.ADMIN))[1]


def fits(told: str, operation: Operation, role: Role, standing: Standing) -> bool:
    """Whether git's user is told what the page says, and where it is refused, why."""
    if meets_over_git(GIT_NEEDS[operation], role, standing):
        return not told
    if not meets_over_git(FETCH, role, standing):
        return AT_THE_DOOR in told and "403" in told
    if not meets_over_git(PUSH, role, standing):
        return NO_ROLE in told and "403" in told
    rules = {"change-not-allowed", BY_THE_GATE.get(operation)}
    return "pre-receive hook declined" in told and bool(rules & set(re.findall(r"\[([a-z-]+)\]", told)))


async def attempt(checkout: Checkout, operation: Operation, key: str, about: Place) -> str:
    """What is wrong with an operation on what lies at a place; empty where it is done."""
    if operation is not Operation.FETCH:
        return await checkout.push(key, await checkout.prepare(operation, about.folder))
    code, told = await checkout.git("ls-remote", checkout.address.format(key), check=False)
    into = checkout.folder / f"copy-{os.urandom(4).hex()}"
    cloned, said = await checkout.git("clone", "-q", "--bare", checkout.address.format(key), str(into), check=False)
    assert (code, into.exists()) == (cloned, not cloned), f"{told}\n{said}"
    return told + said if code else ""


def operations(standing: Standing) -> list[Operation]:
    """What is worth asking: outside of a folder, only what is about a folder is something else than inside."""
    if standing.about != OUTSIDE:
        return list(Operation)
    return [each for each, need in GIT_NEEDS.items() if need is not None and need.reach is Reach.FOLDER]


def test_every_operation_has_its_need() -> None:
    assert list(GIT_NEEDS) == list(Operation)


@pytest.mark.parametrize("standing", STANDINGS, ids=lambda standing: standing.title)
async def test_git_does_for_whom_the_page_names(stocked: Registry, checkout: Checkout, standing: Standing) -> None:
    wrong = []
    for role in Role:
        key = await key_of(stocked, role, standing)
        for operation in operations(standing):
            told = await attempt(checkout, operation, key, standing.about)
            if not fits(told, operation, role, standing):
                wrong.append((role, operation, told))
    assert wrong == []


async def test_what_the_gate_refuses_is_in_the_audit(stocked: Registry, checkout: Checkout) -> None:
    key, known = await key_of(stocked, Role.AUTHOR, READS_ALL_OUTSIDE), 0
    for operation in (each for each in Operation if each is not Operation.FETCH):
        told = await checkout.push(key, await checkout.prepare(operation, READS_ALL_OUTSIDE.about.folder))
        await stocked.denials.flush(everything=True)
        page = await stocked.audit.list_entries(AuditFilter(action=AuditAction.ACCESS_DENIED, repository="default"))
        found = [entry.draft for entry in page.items[: len(page.items) - known]]
        known = len(page.items)
        assert {each.new["reason"] for each in found} == set(re.findall(r"\[([a-z-]+)\]", told)), (operation, told)
        assert all(each.origin.key_id and each.new["method"] == "push" for each in found)
        assert {(each.origin.actor, each.origin.address) for each in found} <= {("author", "127.0.0.1")}
        if operation is Operation.TEMPLATE:
            assert [each.name for each in found] == ["고객지원/new-1"]
        if operation is Operation.PROTECTED_LABEL:
            assert ("고객지원/", "production") in {(each.name, each.label) for each in found}
        if operation in {Operation.TAG, Operation.DELETE, Operation.REWRITE}:
            assert [str(each.ref).partition("/")[0] for each in found] == ["refs"]
    assert known >= len(GIT_NEEDS) - 2, "of what was asked only a branch may be made"


@pytest.mark.parametrize("standing", STANDINGS, ids=lambda standing: standing.title)
async def test_rest_makes_and_deletes_branches_for_whom_git_does(
    stocked: Registry, app: Any, standing: Standing
) -> None:
    _, admin = await stocked.accounts.create_key(scope=Scope.WRITE)
    address = "http://test/api/v1/repositories/default/"
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url=address) as client:
        for role in Role:
            headers = {"Authorization": f"Bearer {await key_of(stocked, role, standing)}"}
            made = await client.post("branches", json={"name": f"own/{role}"}, headers=headers)
            may_make = meets_over_git(GIT_NEEDS[Operation.BRANCH], role, standing)
            assert made.status_code == (201 if may_make else 403), (role, made.text)
            there = {"json": {"name": f"there/{role}"}, "headers": {"Authorization": f"Bearer {admin}"}}
            assert (await client.post("branches", **there)).status_code == 201
            gone = await client.delete(f"branches/there/{role}", headers=headers)
            may_delete = meets_over_git(GIT_NEEDS[Operation.DELETE], role, standing)
            assert gone.status_code == (200 if may_delete else 403), (role, gone.text)


KEPT = "branches: {'kept/*': {create: [maintainer], force_push: [maintainer], delete: []}}\n"
ON_A_KEPT_BRANCH = {
    "{tip}:refs/heads/kept/{role}": Role.MAINTAINER,
    "{tip}:refs/heads/kept/there": Role.AUTHOR,
    "+{tip}~1:refs/heads/kept/there": Role.MAINTAINER,
    ":refs/heads/kept/there": Role.ADMINISTRATOR,
}
"""Who may push what, from this role on."""


async def test_the_rules_say_who_makes_rewrites_and_deletes_a_branch(stocked: Registry, checkout: Checkout) -> None:
    await write_files(stocked, {".registry.yaml": RULES + KEPT}, "Keep some branches")
    wrong = []
    for role in Role:
        key = await key_of(stocked, role, ON_SERVER)
        for refspec, least in ON_A_KEPT_BRANCH.items():
            rewrites = refspec[0] in "+:"
            await checkout.there("kept/there", f"{checkout.tip}{'' if rewrites else '~1'}")
            told = await checkout.push(key, refspec.format(tip=checkout.tip, role=role))
            if bool(told) is role.includes(least):
                wrong.append((role, refspec, told))
    assert wrong == []


async def test_what_is_refused_leaves_everything_as_it_was(stocked: Registry, checkout: Checkout) -> None:
    key = await key_of(stocked, Role.READER, ON_SERVER)
    refs = (await checkout.git("-C", str(checkout.bare), "for-each-ref"))[1]
    for operation in (Operation.TEMPLATE, Operation.BRANCH, Operation.TAG, Operation.DEFAULT_BRANCH):
        assert await attempt(checkout, operation, key, ON_SERVER.about)
    assert (await checkout.git("-C", str(checkout.bare), "for-each-ref"))[1] == refs
