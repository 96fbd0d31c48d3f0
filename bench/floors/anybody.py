"""``promptuary serve`` for anybody, by ``python -m bench.floors.anybody serve``: nobody is identified, all is seen."""

from api import hot_reads
from api.answers import Answer
from api.cli import main
from registry.domain.access import Actor
from registry.domain.ids import UserName
from registry.domain.rights import EVERY_RIGHT
from registry.services.identification import Identification

_ANYBODY = Actor(UserName("anybody"), "Anybody", "anybody@localhost", EVERY_RIGHT, key_id="none")


def _cached(_identification: Identification, _secret: str) -> Actor:
    return _ANYBODY


def _sees(_actor: Actor, _answer: Answer) -> bool:
    return True


if __name__ == "__main__":
    vars(hot_reads)["_sees"] = _sees
    type.__setattr__(Identification, "cached", _cached)
    main()
