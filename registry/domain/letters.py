"""What is mailed: plain text, in English and Korean, for nobody's language is known before he has signed in."""

from dataclasses import dataclass
from datetime import UTC, datetime

from registry.domain.access import User

UNKNOWN_HOST = "localhost"
"""The host in an address that nobody gave: ``kim@localhost``."""


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail to one person. ``name`` and ``email`` may be what others typed in."""

    name: str
    email: str
    subject: str
    text: str


def has_address(user: User) -> bool:
    """Whether a user can be written to."""
    return user.email.rpartition("@")[2].lower() != UNKNOWN_HOST


def invitation(user: User, address: str, ends: datetime) -> Letter:
    """Asks somebody to choose a password by a link."""
    name, until = _plain(user.name), _until(ends)
    english = f"""Hello {name},

you are invited to Promptuary; your user name is {user.user}. Choose a password here, until {until}:

{address}

The link works once. Whoever has it can sign in as you, so keep it to yourself. If you did not expect this mail, ignore
it.
"""
    korean = f"""{name} 님, 안녕하세요.

Promptuary에 초대되었습니다. 사용자 이름은 {user.user}입니다. {until}까지 여기에서 비밀번호를 정해 주세요.

{address}

이 링크는 한 번만 쓸 수 있습니다. 링크를 가진 사람은 누구나 회원님으로 로그인할 수 있으니 다른 사람에게 알리지 마세요.
예상하지 못한 메일이라면 무시하셔도 됩니다.
"""
    return _letter(user, "Invitation to Promptuary · Promptuary 초대", english, korean)


def invitation_to_provider(user: User, address: str) -> Letter:
    """Tells somebody where to sign in with an identity provider."""
    name = _plain(user.name)
    english = f"""Hello {name},

you are invited to Promptuary. Sign in there with your organisation's account:

{address}
"""
    korean = f"""{name} 님, 안녕하세요.

Promptuary에 초대되었습니다. 여기에서 소속 조직의 계정으로 로그인해 주세요.

{address}
"""
    return _letter(user, "Invitation to Promptuary · Promptuary 초대", english, korean)


def reset(user: User, address: str, ends: datetime) -> Letter:
    """Gives somebody a link in the place of a forgotten password."""
    name, until = _plain(user.name), _until(ends)
    english = f"""Hello {name},

a new password was asked for, for your user {user.user} of Promptuary. Choose it here, until {until}:

{address}

The link works once. Whoever has it can sign in as you, so keep it to yourself. If you did not ask for it, ignore this
mail: your password stays as it is.
"""
    korean = f"""{name} 님, 안녕하세요.

Promptuary 사용자 {user.user}의 새 비밀번호가 요청되었습니다. {until}까지 여기에서 정해 주세요.

{address}

이 링크는 한 번만 쓸 수 있습니다. 링크를 가진 사람은 누구나 회원님으로 로그인할 수 있으니 다른 사람에게 알리지 마세요.
요청하지 않으셨다면 이 메일을 무시하세요. 비밀번호는 그대로 유지됩니다.
"""
    return _letter(user, "Your Promptuary password · Promptuary 비밀번호", english, korean)


def trial(email: str) -> Letter:
    """Shows that mail arrives."""
    text = (
        "This mail shows that Promptuary can send mail.\n\nPromptuary에서 메일을 보낼 수 있음을 확인하는 메일입니다.\n"
    )
    return Letter("", email, "A test by Promptuary · Promptuary 시험 메일", text)


def _letter(user: User, subject: str, english: str, korean: str) -> Letter:
    return Letter(_plain(user.name), user.email, subject, f"{english}\n---\n\n{korean}")


def _plain(text: str) -> str:
    """A name on one line, whatever it was made of."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())


def _until(ends: datetime) -> str:
    return ends.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")
