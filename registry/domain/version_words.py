"""What is said of the versions that there are."""


def versions_there_are(last: int) -> str:
    """What is said to who asks for another one; every template has one at least."""
    return "its only version is 1" if last == 1 else f"its versions are 1 to {last}"
