"""What a node is made of: the server's jars, our lines around them compiled, and a JDK to run them."""

import fcntl
import hashlib
import re
import shutil
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pydantic_settings import BaseSettings, SettingsConfigDict

from scripts.services.programs import find_program, install, run
from scripts.services.service import ServiceFailed, ServiceMissing

SOURCES = Path(__file__).parents[1] / "elasticsearch-node"
OLDEST_JAVA = 21
_JVMS = Path("/usr/lib/jvm")
_NO_JAVA = (
    f"Elasticsearch needs a JDK of version {OLDEST_JAVA} or newer, and there is none in JAVA_HOME, on the PATH or "
    "below /usr/lib/jvm{found}."
)
_NO_MAVEN = "The jars of Elasticsearch come by Maven, there is no mvn on the PATH"
_PLUGINS = {
    "transport-netty4": "org.elasticsearch.transport.netty4.Netty4Plugin",
    "analysis-common": "promptuary.node.AnalysisModule",
}
"""Modules of the server that are loaded as plugins: the name and its class."""


class JavaSettings(BaseSettings):
    """Where the environment says that Java is: ``JAVA_HOME``."""

    model_config = SettingsConfigDict(frozen=True)

    java_home: Path | None = None


@dataclass(frozen=True)
class Installation:
    """A folder with all that a node needs but its settings and data; nodes share it and do not write to it."""

    folder: Path
    jdk: Path

    def java(self, *options: str) -> list[str]:
        """The command line up to the arguments of our launcher."""
        classes = f"{self.folder}/launcher:{self.folder}/lib/*"
        return [
            str(self.jdk / "bin/java"),
            "--enable-native-access=ALL-UNNAMED",
            *options,
            "-cp",
            classes,
            "promptuary.node.SearchNode",
            str(self.folder),
        ]


async def installed(jars: Path) -> Installation:
    """The installation below this folder, made if it is not there. Raises ServiceMissing, ServiceFailed."""
    jdk = find_jdk()
    pom = ET.parse(SOURCES / "pom.xml").getroot()  # noqa: S314  # nosec B314  # our own file
    version = pom.findtext("{*}properties/{*}elasticsearch.version")
    assert version is not None, "the pom says which version"
    digest = hashlib.sha256(b"".join(file.read_bytes() for file in sorted(SOURCES.rglob("*.*")))).hexdigest()[:12]
    folder = jars / f"elasticsearch-{version}-{digest}"
    jars.mkdir(parents=True, exist_ok=True)
    with _alone(jars / "lock"):
        if not folder.exists():
            new = folder.with_suffix(".new")
            shutil.rmtree(new, ignore_errors=True)
            await _make(new, version, jdk)
            new.rename(folder)
    return Installation(folder, jdk)


async def _make(folder: Path, version: str, jdk: Path) -> None:
    maven = find_program("mvn")
    if maven is None:
        await install("maven", missing=_NO_MAVEN)
        maven = find_program("mvn")
        assert maven is not None, "the package has it"
    lib = folder / "lib"
    copying = ["dependency:copy-dependencies", f"-DoutputDirectory={lib}"]
    try:
        await run([str(maven), "-B", "-q", "-f", str(SOURCES / "pom.xml"), *copying], what="mvn")
    except ServiceFailed as failed:  # there may be no network
        raise ServiceMissing(f"The jars of Elasticsearch cannot be had: {failed}") from failed
    for name, plugin in _PLUGINS.items():
        module = folder / "modules" / name
        module.mkdir(parents=True)
        described = {"description": name, "name": name, "classname": plugin, "java.version": str(OLDEST_JAVA)}
        described |= {"version": version, "elasticsearch.version": version}
        text = "".join(f"{key}={value}\n" for key, value in described.items())
        (module / "plugin-descriptor.properties").write_text(text)
    for jar in [*lib.glob("netty-*.jar"), *lib.glob("transport-netty4-*.jar")]:
        jar.rename(folder / "modules/transport-netty4" / jar.name)
    compiler = [str(jdk / "bin/javac"), "--release", str(OLDEST_JAVA), "-cp", f"{lib}/*"]
    await run([*compiler, "-d", str(folder / "launcher"), str(SOURCES / "SearchNode.java")], what="javac")
    await run([*compiler, "-d", str(folder / "analysis"), str(SOURCES / "AnalysisModule.java")], what="javac")
    jar_file = folder / "modules/analysis-common/analysis.jar"
    await run([str(jdk / "bin/jar"), "cf", str(jar_file), "-C", str(folder / "analysis"), "."], what="jar")


def find_jdk() -> Path:
    """The JDK in JAVA_HOME if it is new enough, else the newest found. Raises ServiceMissing."""
    named = JavaSettings().java_home
    if named is not None and _java_version(named) >= OLDEST_JAVA:
        return named
    compiler = find_program("javac")
    homes = [compiler.resolve().parents[1]] if compiler else []
    homes += [home for home in _JVMS.glob("*") if not home.is_symlink()]
    versions = {home: _java_version(home) for home in homes}
    newest = max(versions, key=lambda home: versions[home], default=None)
    if newest is None or versions[newest] < OLDEST_JAVA:
        found = f" (the newest is {versions[newest]})" if newest is not None else ""
        raise ServiceMissing(_NO_JAVA.format(found=found))
    return newest


def _java_version(home: Path) -> int:
    """What the JDK in this folder says that it is; 0 where there is none with a compiler."""
    release = home / "release"
    if not (home / "bin/javac").exists() or not release.exists():
        return 0
    found = re.search(r'^JAVA_VERSION="(\d+)', release.read_text(), re.MULTILINE)
    return int(found[1]) if found else 0


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """One at a time, also of several test processes that all want jars at once."""
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
