"""The estimate of how many tokens a text is, used wherever the product says "tokens"."""


def estimate_tokens(text: str) -> int:
    """⌈ASCII characters / 4 + 0.8 × other characters⌉: an estimate, whatever the model."""
    characters = len(text)
    others = 0 if text.isascii() else characters - len(text.encode("ascii", "ignore"))
    return -(-(5 * (characters - others) + 16 * others) // 20)
