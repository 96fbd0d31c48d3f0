"""Sentences of generated templates: patterns of instructions with drawn words in their gaps."""

from dataclasses import dataclass
from random import Random

from bench.vocabulary import Lexicon, lexicon

_ENGLISH_PATTERNS = (
    "Read the {} and name every {} that the {} mentions.",
    "If the {} is missing, ask for the {} before you write about the {}.",
    "Never promise a {} unless the {} says so.",
    "Keep the {} short: one {} for each {}, then the {}.",
    "You help the {} team with every {} and its {}.",
    "Quote the {} word for word, and put the {} after the {}.",
    "Treat {}, {} and {} as one {}.",
    "Write for a reader who knows the {} but not the {}.",
    "When two {} entries differ, the newer {} counts; tell the {} about it.",
    "Do not use the word {} in the {}; say {} instead.",
    "Sort by {}, then by {}, and leave out each {} without a {}.",
    "The {} must agree with the {} and with our {}.",
)
_KOREAN_PATTERNS = (
    "{}을 읽고 {}에 나오는 {}를 모두 적으세요.",
    "{}이 없으면 {}을 먼저 물어본 다음 {}을 작성하세요.",
    "{}에 없는 {}은 약속하지 마세요.",
    "{}은 짧게, {}마다 한 문장으로 쓰고 {}를 덧붙이세요.",
    "당신은 {} 팀에서 {} 업무와 {} 처리를 돕습니다.",
    "{}과 {}, {}는 같은 {}로 봅니다.",
    "{}을 모르는 독자도 {}를 이해할 수 있게 설명하세요.",
    "{} 두 건이 서로 다르면 최근 {}을 따르고 {} 담당자에게 알리세요.",
    "{}이라는 말 대신 {}이라고 쓰세요.",
    "{} 순서로, 그다음 {} 순서로 정리하고 {} 없는 {}는 빼세요.",
    "높임말을 쓰고 {}에서는 {} 표현을 피하세요.",
)


@dataclass(frozen=True, slots=True)
class Prose:
    """Text of one language on the subject of one domain."""

    lexicon: Lexicon
    patterns: tuple[str, ...]
    domain: str

    def sentence(self, random: Random) -> str:
        """One instruction; half of its gaps hold words of the domain."""
        pattern = self.patterns[int(random.random() * len(self.patterns))]
        return pattern.format(*[self._word(random) for _ in range(pattern.count("{}"))])

    def paragraph(self, random: Random, size: int) -> str:
        """Sentences, joined by blanks, of at least ``size`` bytes."""
        sentences: list[str] = []
        length = 0
        while length < size:
            sentence = self.sentence(random)
            sentences.append(sentence)
            length += len(sentence.encode())
        return " ".join(sentences)

    def words(self, random: Random, count: int) -> str:
        """Words in a row."""
        return " ".join(self._word(random) for _ in range(count))

    def _word(self, random: Random) -> str:
        if random.random() < 0.5:
            words = self.lexicon.domains[self.domain]
            return words[int(len(words) * random.random() ** 2)]
        return self.lexicon.draw(random)


def english(domain: str) -> Prose:
    return Prose(lexicon("english"), _ENGLISH_PATTERNS, domain)


def korean(domain: str) -> Prose:
    return Prose(lexicon("korean"), _KOREAN_PATTERNS, domain)
