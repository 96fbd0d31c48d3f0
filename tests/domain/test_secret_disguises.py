"""Ways around the secret scan: each was tried, and each that is not listed as open at the end is found."""

import base64
import html
import time
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.domain.secret_views import long_words, views
from registry.domain.secrets import find_secrets, find_secrets_in
from tests.domain.test_secret_scan import CREDENTIALS, best_of, made_up

KEY = CREDENTIALS["github"]
AWS = CREDENTIALS["aws"]
HEAD, TAIL = KEY[:11], KEY[11:]
RANDOM = "f3a9c1d27be84410"
CHAT = "schema: prompt/v1\ntype: text\n"


def escaped(text: str, form: str) -> str:
    return "".join(form.format(ord(letter)) for letter in text)


def full_width(text: str) -> str:
    return "".join(chr(ord(letter) + 0xFEE0) if "!" <= letter <= "~" else letter for letter in text)


def base64_of(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def wrapped(text: str, width: int = 76, indent: str = "  ") -> str:
    return "".join(f"{indent}{text[at : at + width]}\n" for at in range(0, len(text), width))


AROUND = {
    "escape of one letter": f'text: "\\x67{KEY[1:]}"',
    "escapes of all letters": f'text: "{escaped(KEY, chr(92) + "x{:02x}")}"',
    "escapes of four digits": f'text: "{escaped(KEY, chr(92) + "u{:04X}")}"',
    "escapes of eight digits": f'text: "{escaped(KEY, chr(92) + "U{:08x}")}"',
    "octal escapes": f"text: $'{escaped(KEY, chr(92) + '{:03o}')}'",
    "escaped escapes": f'text: "{escaped(KEY, chr(92) * 2 + "u{:04x}")}"'.replace("\\\\", "\\x5c"),
    "escaped key word": f'"pass\\x77ord": "{CREDENTIALS["password"][10:]}"',
    "escaped slash in JSON": '{"a": "' + CREDENTIALS["url"].replace("/", "\\/") + '"}',
    "line continuation": f'text: "{HEAD}\\\n    {TAIL}"',
    "line continuation with CRLF": f'text: "{HEAD}\\\r\n    {TAIL}"\r\n',
    "folded block": f"text: >-\n  {HEAD}\n  {TAIL}\n",
    "literal block": f"text: |\n  Say {HEAD}\n  {TAIL} to it\n",
    "literal block, after a word": f"text: |\n  Hello\n  {HEAD}\n  {TAIL}\n",
    "plain over lines": f"text: {HEAD}\n  {TAIL}\n",
    "in five lines": "text: |\n" + wrapped(KEY, 8),
    "trailing spaces": f"text: |\n  {HEAD}   \n  {TAIL}\n",
    "CRLF": f"text: |\r\n  {HEAD}\r\n  {TAIL}\r\n",
    "byte order mark": f"\ufeff{KEY}",
    "anchor and alias": f"x-a: &key {KEY}\ntext: *key\n",
    "binary tag": f"text: !!binary {base64_of(KEY)}",
    "binary tag in a block": "text: !!binary |\n" + wrapped(base64_of("the key of the bot is " + KEY), 20),
    "base64": f"text: {base64_of(KEY)}",
    "base64 of Korean text": f"text: {base64_of('비밀 키는 ' + KEY + ' 입니다')}",
    "base64, safe for addresses": f"text: {base64.urlsafe_b64encode(('키>>?' + KEY).encode()).decode().rstrip('=')}",
    "base64 of a telling line": f"text: {base64_of(CREDENTIALS['password'])}",
    "base64 in a data address": f"url: data:text/plain;base64,{base64_of(KEY)}",
    "percent encoding": f"url: https://x.example/?k={escaped(KEY, '%{:02x}')}",
    "percent encoding twice": f"url: https://x.example/?k={quote(escaped(KEY, '%{:02X}'))}",
    "password in an encoded address": f"u: {quote(CREDENTIALS['url'], safe='')}",
    "decimal entities": f"text: {escaped(KEY, '&#{};')}",
    "hexadecimal entities": f"text: {escaped(KEY, '&#x{:x};')}",
    "named entities": f"text: {KEY.replace('_', '&lowbar;')}",
    "entities as html writes them": f"text: {html.escape(CREDENTIALS['quoted'])}",
    "zero-width space": f"text: {HEAD}\u200b{TAIL}",
    "zero-width joiners everywhere": "text: " + "\u200d".join(KEY),
    "soft hyphen": f"text: {HEAD}\u00ad{TAIL}",
    "word joiner in the mark": f"text: gh\u2060{KEY[2:]}",
    "combining marks": "text: " + "\u0336".join(KEY),
    "direction marks": f"text: \u202d{HEAD}\u202c{TAIL}",
    "Hangul filler": f"text: {HEAD}\u3164{TAIL}",
    "full-width": f"text: {full_width(KEY)}",
    "full-width mark": f"text: {full_width('ghp_')}{KEY[4:]}",
    "full-width in an escape": f'text: "{escaped(full_width(AWS), chr(92) + "u{:04x}")}"',
    "mathematical letters": "text: " + "".join(chr(0x1D5BA + ord(c) - 97) if "a" <= c <= "z" else c for c in KEY),
    "Cyrillic letters": f"text: {AWS.replace('A', 'А').replace('K', 'К')}",
    "Greek letters": f"text: {AWS.replace('A', 'Α').replace('I', 'Ι')}",
    "typographic hyphen": f"text: {CREDENTIALS['gitlab'].replace('-', chr(0x2010), 1)}",
    "Korean text around": f"text: 키는{KEY}입니다",
    "Korean text around a GitLab token": f"text: 키는{CREDENTIALS['gitlab']}입니다",
    "Korean text around a web token": f"text: 토큰은{CREDENTIALS['jwt']}입니다",
    "Korean text around a bot's token": f"text: 봇{CREDENTIALS['telegram']}이다",
    "Jinja joins": f'text: {{{{ "{HEAD}" ~ "{TAIL}" }}}}',
    "Jinja adds": f"text: {{{{ '{HEAD}' + '{TAIL}' }}}}",
    "Jinja prints twice": f'text: {{{{ "{HEAD}" }}}}{{{{ "{TAIL}" }}}}',
    "Jinja prints the beginning": f'text: {{{{ "{HEAD}" }}}}{TAIL}',
    "Jinja prints the end": f"text: {HEAD}{{{{- '{TAIL}' -}}}}",
    "Jinja prints with a filter": f'text: {{{{ "{HEAD}" | trim }}}}{TAIL}',
    "Jinja prints nothing between": f'text: {HEAD}{{{{ "" }}}}{TAIL}',
    "Jinja comment": f"text: {HEAD}{{# not a key #}}{TAIL}",
    "Jinja tags": f"text: {HEAD}{{% if true %}}{TAIL}{{% endif %}}",
    "Jinja raw": f"text: {{% raw %}}{HEAD}{{% endraw %}}{TAIL}",
    "Jinja list": f"text: {{{{ ['{HEAD}', '{TAIL}'] | join }}}}",
    "Jinja over lines": f'text: |\n  {{{{ "{HEAD}" ~\n     "{TAIL}" }}}}\n',
    "comment of HTML": f"text: {HEAD}<!-- -->{TAIL}",
    "strings of a program": f'x = ("{HEAD}"\n     "{TAIL}")',
    "escapes and lines": f'text: "\\x67{HEAD[1:]}\n  {TAIL}"',
    "variable's default": f"variables: {{key: {{type: string, default: {KEY}}}}}",
    "variable's default of a telling name": f"variables:\n  api_key: {{type: string, default: {RANDOM}}}\n",
    "variable's default in a block": f"variables:\n  api_key:\n    type: string\n    default: {RANDOM}\n",
    "variable's examples": f"variables:\n  db_password:\n    type: string\n    examples: [{RANDOM}]\n",
    "variable's enum in lines": f"variables:\n  api_key:\n    type: string\n    enum:\n      - {RANDOM}\n",
    "value of a test": f"tests:\n  - name: a\n    variables: {{api_key: {RANDOM}}}\n",
    "value below its key": f"metadata:\n  password:\n    {CREDENTIALS['password'][10:]}\n",
    "value in a block below its key": f"metadata:\n  password: |-\n    {CREDENTIALS['password'][10:]}\n  x-b: 1\n",
    "as a key": f"metadata: {{{KEY}: 1}}",
    "in a comment": f"# {KEY}\n",
    "after a huge line": f"text: {'lorem ipsum ' * 20_000}{KEY}",
    "in the middle of a huge word": f"text: {'/' * 100_000}{KEY}{'/' * 100_000}",
    "many that a line allows": f"# {AWS} pragma: allowlist secret\n" * 300 + KEY,
    "session": "text: pms_" + made_up(43) + "0a1b2c3d",
    "refresh token": "text: pmr_" + made_up(43) + "0a1b2c3d",
    "device": "text: pmd_" + made_up(43) + "0a1b2c3d",
    "link": "text: https://x.example/pml_" + made_up(43) + "0a1b2c3d",
}


@pytest.mark.parametrize("way", AROUND)
def test_no_way_around(way: str) -> None:
    text = CHAT + AROUND[way]
    found = find_secrets_in(text.encode(), "prompts/a.prompt.yaml")
    assert "secret" in {finding.rule for finding in found}
    assert all(3 <= finding.place.line <= text.count("\n") + 1 for finding in found)
    assert KEY not in "".join(map(str, found))
    assert TAIL not in "".join(map(str, found))


@pytest.mark.parametrize("kind", sorted(set(CREDENTIALS) - {"private-key", "openssh", "url", "bearer", "aws-secret"}))
def test_every_kind_is_found_behind_escapes_and_in_base64(kind: str) -> None:
    credential = CREDENTIALS[kind]
    assert find_secrets(f'text: "{escaped(credential, chr(92) + "u{:04x}")}"', "p"), "behind escapes"
    assert find_secrets(f"text: {base64_of('a ' + credential)}", "p"), "in base64"
    assert find_secrets(f"text: {full_width(credential)}", "p"), "full-width"


PLACES = {
    f'a: 1\nb: "\\x67{KEY[1:]}"\n': (2, 5),
    f'a: "\\x41\\x42 {HEAD}\\\n   {TAIL}"\n': (1, 14),
    f"a: |\n  one\n  two {HEAD}\n  {TAIL}\n": (3, 7),
    f"가나: 다\n라: 마\u200b바 {HEAD}\u200b{TAIL}\n": (2, 8),
    f"a: 1\nb:\n  x {base64_of('see ' + KEY)}\n": (3, 5),
    f'a: |\n  {{{{ "x" }}}} {{{{ "{HEAD}" ~ "{TAIL}" }}}}\n': (2, 17),
}


@pytest.mark.parametrize("text", PLACES)
def test_what_is_found_beneath_is_told_where_it_stands(text: str) -> None:
    (finding,) = find_secrets(text, "p")
    assert (finding.place.line, finding.place.column) == PLACES[text]


def test_a_line_may_allow_what_is_found_beneath() -> None:
    (finding,) = find_secrets(f'a: "\\x67{KEY[1:]}"  # pragma: allowlist secret\n', "p")
    assert finding.rule == "secret-allowed"
    pragma = base64_of(f"{KEY} # pragma: allowlist secret")
    assert [each.rule for each in find_secrets(f"a: {pragma}\n", "p")] == ["secret"], "said where nobody sees it"


INNOCENT = [
    "hf_is\n  alpha\n  beta\n  gamma\n  delta\n  epsilon\n  zeta\n  omega\n  kappa\n  lambda\n",
    "npm_install\nthen\nbuild\nthen\ntest\nthen\npublish\nthen\nwait\nthen\nlook\n",
    "Call AKIA\n  WITH SIXTEEN\n  LETTERS\n",
    "ids: [1700000000:\n  first-second-third-fourth-fifth-sixth-seventh]\n",
    "times:\n  - 12345678:\n  aaaa-bbbb-cccc-dddd-eeee-ffff-gggg-hhhh\n",
    'enum: ["gsk_", "groq", "openai", "anthropic", "mistral", "cohere", "google", "perplexity", "together"]\n',
    "regions:\n  - europe\n  - asiapacific\n  - northamericaandcanada-us1\n",
    "Enter the password:\n  At least 8 characters, one of them a digit.\n",
    "비밀번호:\n  8자 이상, 숫자 1개 이상\n",
    "The token:\n  gpt-4o-mini-2024-07-18\n",
    "variables:\n  max_tokens: {type: integer, default: 600}\n  model: {type: string, default: gpt4oMini2024x}\n",
    "variables:\n  token:\n    type: string\n  commit:\n    type: string\n    default: 83a5f3e1c2b4d6a7\n",
    "variables:\n  api_key: {type: string, default: your-key-here-1}\n  id: {type: string, default: 8f3Ka91bQz}\n",
    "variables: {api_key: {type: string, sensitive: true}, digest: {default: 83a5f3e1c2b4d6a7}}\n",
    "Passwords:\n  - at least 12 characters\n  - Upper1 and lower2 case\n",
    "text: " + base64_of("A picture of a cat that sits on a mat, in base64 for whatever reason."),
    "text: " + base64_of('{"user": "ada", "password": "{{ password }}", "token": "your-token-1"}'),
    "url: data:image/png;base64," + base64.b64encode(bytes(range(256)) * 40).decode(),
    "data: |\n" + wrapped(base64.b64encode(bytes(range(255, -1, -1)) * 40).decode()),
    "url: https://x.example/search?q=%EB%B9%84%EB%B0%80%EB%B2%88%ED%98%B8%3A%208%EC%9E%90&lang=ko%2Den",
    'text: "\\u2014 a dash, \\u00e9, C:\\\\users\\\\x41 and \\t tabs"',
    "text: Use &lt;b&gt; &amp; &#39;quotes&#39;, token&#58; your-key",
    "text: |\n  비밀번호：{{ password }}\n  ① 첫째 ② 둘째 ③ 셋째\n",
    "text: пароль: введите 8 символов, token: версия2024\n",
    'text: {{ "Hello" ~ name }} {{ ["a", "b"] | join(", ") }} {# a comment #}{% if x %}y{% endif %}',
    "x = ('sk-' 'your' 'key')",
    "sha: 9f86d081884c7d659a2feaa0c55ad015\n     a3bf4f1b2b0b822cd15d6c15b0f00a08\n",
    "AC\n9f86d081884c7d659a2feaa0c55ad015\n",
    "gitlab: glpat-\nis how tokens of GitLab 16 and 17 begin\n",
]


@pytest.mark.parametrize("text", INNOCENT)
def test_what_is_no_credential_is_let_through(text: str) -> None:
    assert find_secrets(text, "p") == []


@given(
    before=st.text(alphabet="abc 가\u200b\n\\{\"'%&x4;#~＃Ａ", max_size=30),
    after=st.text(alphabet=" .가\u200b\n\"'%&;", max_size=30),
)
def test_whatever_stands_around_hides_nothing(before: str, after: str) -> None:
    text = f"{before} {KEY} {after}"
    assert [finding.rule for finding in find_secrets(text, "p")] == ["secret"]


@given(st.text(alphabet="ab \n\t\r\\x4{}#%\"'~|+,&;<!->u00\u200bＡА가", max_size=80))
def test_every_place_of_a_view_is_one_of_the_text(text: str) -> None:
    for view in views(text, long_words(text)):
        for at in range(len(view.text)):
            assert 0 <= view.origin(at) < len(text)


@pytest.mark.parametrize(
    "text",
    [
        "%41" * 87_000,
        "\\x5c" * 65_000,
        "\\\n" * 130_000,
        '"+' * 130_000,
        "{{'" * 87_000,
        "{%" * 130_000,
        "А" * 130_000,
        "\u200b" * 87_000,
        "Z2hwX2FiYw== " * 20_000,
        (base64_of("token: " * 5) + "\n") * 5_000,
        "password:\n  " * 20_000,
        "api_key:\n   a\n   b\n   c\n" * 10_000,
        "token: {" * 32_000,
        f"{escaped(AWS, '%{:02x}')} " * 4_000 + "pragma: allowlist secret",
    ],
    ids=lambda text: ascii(text[:12]),
)
def test_no_disguise_takes_long(text: str) -> None:
    start = time.process_time()
    find_secrets(text, "p")
    assert time.process_time() - start < 10


def test_a_whole_file_takes_milliseconds() -> None:
    text = ('  "text": "Sort the \\"ticket\\" into {{ queue }}. 고객이 환불을 요청하면 확인하세요."\n' * 4_000)[
        :180_000
    ]
    assert best_of(lambda: find_secrets(text, "p"), 3) < 0.5, "measured: 20 ms; the bound allows for a busy machine"


OPEN = {
    "hexadecimal": f"text: {KEY.encode().hex()}",
    "base64 twice": f"text: {base64_of(base64_of(KEY))}",
    "base64 of UTF-16": f"text: {base64.b64encode(KEY.encode('utf-16-le')).decode()}",
    "backwards": f"text: {KEY[::-1]}",
    "two messages": f"messages:\n  - {{role: user, content: {HEAD}}}\n  - {{role: user, content: {TAIL}}}\n",
    "set": f'text: {{% set a = "{HEAD}" %}}{{% set b = "{TAIL}" %}}{{{{ a }}}}{{{{ b }}}}',
    "replaced": f'text: {{{{ "{HEAD}-{TAIL}" | replace("-", "") }}}}',
    "Telegram over lines": f"text: |\n  {CREDENTIALS['telegram'][:20]}\n  {CREDENTIALS['telegram'][20:]}\n",
    "letters of Armenian": f"text: {KEY.replace('h', chr(0x570))}",
}
"""What docs/repository-rules.md says is not found. Whoever closes one moves it above and takes it out there."""


@pytest.mark.parametrize("way", OPEN)
def test_what_is_known_to_be_open(way: str) -> None:
    assert find_secrets(CHAT + OPEN[way], "p") == []
