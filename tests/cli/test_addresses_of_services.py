"""Addresses of services that cannot be ones: refused at the start, by the name of the setting and without the address."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from registry.settings import Settings
from tests.running import Running

WRONG = {
    "elasticsearch_url": (
        "127.0.0.1:9200",
        "htp://host:9200",
        "http://",
        "http://:9200",
        "http://a:99999",
        "http://a b",
    ),
    "redis_url": ("127.0.0.1:6379", "htp://host:6379", "redis://", "redis://:6379", "redis://a:x/0", "redis://a/one"),
    "git_url": ("127.0.0.1:8001", "htp://host:8001", "http://", "https://:8001"),
}
RIGHT = {
    "elasticsearch_url": ("", "http://127.0.0.1:9200", "https://elastic:s%40cret@es.example.com/below", "http://[::1]:9200"),
    "redis_url": ("", "redis://h", "redis://:s%40cret@127.0.0.1:6379/0", "rediss://u:p@h:6380", "redis://[::1]:6379/2",
                  "unix:///run/redis.sock", "redis://h:1/0?protocol=3"),
    "git_url": ("http://127.0.0.1:8001", "https://git.example.com/below"),
}  # fmt: skip


@pytest.mark.parametrize(("setting", "address"), [(name, each) for name, all_of in WRONG.items() for each in all_of])
def test_what_is_no_address_is_refused(setting: str, address: str) -> None:
    with pytest.raises(ValidationError, match=r"must be (an|the) address of"):
        Settings.model_validate({setting: address})


@pytest.mark.parametrize(("setting", "address"), [(name, each) for name, all_of in RIGHT.items() for each in all_of])
def test_what_is_one_is_taken(setting: str, address: str) -> None:
    assert Settings.model_validate({setting: address}).model_fields_set == {setting}


def test_a_shard_has_an_address_of_postgresql() -> None:
    with pytest.raises(ValidationError, match="PROMPTUARY_DATABASE_SHARDS gives two no address of PostgreSQL"):
        Settings.model_validate({"database_url": "postgresql://a/b", "database_shards": "two=mysql://a/c"})


@pytest.mark.parametrize("setting", ["elasticsearch_url", "redis_url"])
def test_the_program_says_which_setting_it_is_and_does_not_start(tmp_path: Path, setting: str) -> None:
    name = f"PROMPTUARY_{setting.upper()}"
    made = Running(tmp_path / "data", tmp_path / "log", settings={name: "htp://me:s3cr3t@host:1"})
    said = made.command("serve")
    assert said.returncode == 2
    assert f"{name} must be an address of" in said.stderr
    assert "Traceback" not in said.stderr
    assert "s3cr3t" not in said.stderr + said.stdout
    assert not (tmp_path / "data").exists()
