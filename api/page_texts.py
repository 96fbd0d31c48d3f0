"""What the pages say, in the languages that there are."""

from collections.abc import Mapping

ENGLISH: Mapping[str, str] = {
    "sign_in": "Sign in",
    "sign_out": "Sign out",
    "user": "User name or e-mail",
    "password": "Password",
    "present_password": "Present password",
    "new_password": "New password",
    "new_password_again": "New password, once more",
    "set_password": "Set the password",
    "change_password": "Change your password",
    "password_advice": "10 letters or more. Some words that do not belong together are best.",
    "wrong": "There is no such user, or the password is another one.",
    "wrong_present": "The present password is another one.",
    "too_often": "That was tried too often. Wait some minutes before you try again.",
    "not_alike": "The two new passwords are not the same.",
    "must_change": "Your password was given to you. Set one of your own to go on.",
    "with_provider": "Sign in with",
    "no_way": "Nobody can sign in here yet: passwords are switched off, and there is no identity provider.",
    "signed_in_as": "You are signed in as",
    "signed_out": "You are signed out.",
}

KOREAN: Mapping[str, str] = {
    "sign_in": "로그인",
    "sign_out": "로그아웃",
    "user": "사용자 이름 또는 이메일",
    "password": "비밀번호",
    "present_password": "현재 비밀번호",
    "new_password": "새 비밀번호",
    "new_password_again": "새 비밀번호 확인",
    "set_password": "비밀번호 설정",
    "change_password": "비밀번호 변경",
    "password_advice": "10자 이상. 서로 관련 없는 단어 몇 개를 이어 쓰는 것이 가장 좋습니다.",
    "wrong": "그런 사용자가 없거나 비밀번호가 다릅니다.",
    "wrong_present": "현재 비밀번호가 다릅니다.",
    "too_often": "시도가 너무 많았습니다. 몇 분 뒤에 다시 시도하세요.",
    "not_alike": "새 비밀번호 두 개가 서로 다릅니다.",
    "must_change": "다른 사람이 정해 준 비밀번호입니다. 계속하려면 새 비밀번호를 설정하세요.",
    "with_provider": "다음 계정으로 로그인:",
    "no_way": "아직 로그인할 방법이 없습니다. 비밀번호 로그인이 꺼져 있고 등록된 인증 제공자가 없습니다.",
    "signed_in_as": "로그인한 사용자:",
    "signed_out": "로그아웃했습니다.",
}

TEXTS: Mapping[str, Mapping[str, str]] = {"en": ENGLISH, "ko": KOREAN}
