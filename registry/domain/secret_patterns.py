"""What credentials look like: detect-secrets' patterns by vendor, and those of newer services that it does not know.

detect-secrets is imported at the first suspicion only: it brings an HTTP client, which costs a start 0.1 s. Nothing
here ever verifies a finding over the network.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of credential: its name in messages, and expressions that match it within one line."""

    name: str
    patterns: tuple[re.Pattern[str], ...]


MARKS: Mapping[str, str] = {
    "AKIA": "aws",
    "ASIA": "aws",
    "ABIA": "aws",
    "ACCA": "aws",
    "A3T": "aws",
    "aws_": "aws",
    "AWS_": "aws",
    "AccountKey=": "azure_storage_key",
    "ghp_": "github_token",
    "gho_": "github_token",
    "ghu_": "github_token",
    "ghs_": "github_token",
    "ghr_": "github_token",
    "glpat-": "gitlab_token",
    "gldt-": "gitlab_token",
    "glft-": "gitlab_token",
    "glsoat-": "gitlab_token",
    "glrt-": "gitlab_token",
    "GR1348941": "gitlab_token",
    "glcbt-": "gitlab_token",
    "glimt-": "gitlab_token",
    "glptt-": "gitlab_token",
    "glagent-": "gitlab_token",
    "gloas-": "gitlab_token",
    "_authToken=": "npm",
    "T3BlbkFJ": "openai",
    "pypi-AgE": "pypi_token",
    "SG.": "sendgrid",
    "xox": "slack",
    "hooks.slack.com": "slack",
    "sq0csp-": "square_oauth",
    "k_live_": "stripe",
    "sk-ant-": "anthropic",
    "sk-lf-": "langfuse",
    "AIza": "google",
    "github_pat_": "github_pat",
    "hf_": "hugging_face",
    "gsk_": "groq",
    "xai-": "xai",
    "pplx-": "perplexity",
    "npm_": "npm_token",
    "AGE-SECRET-KEY-1": "age",
    "pmt_": "promptuary",
    "pms_": "promptuary",
    "pmr_": "promptuary",
    "pmd_": "promptuary",
    "pml_": "promptuary",
}
"""Text that every credential of a kind holds → the kind. Without one of them a file needs no closer look."""

UNMARKED = ("discord", "mailchimp", "telegram_token", "twilio")
"""Kinds without such a text; ``UNMARKED_HINT`` finds words in which one of them may stand."""

UNMARKED_HINT = re.compile(
    r"(?<![A-Za-z0-9])(?:[MNO][\w-]{23,25}\.[\w-]{6}\.|[0-9a-z]{32}-us\d|\d{8,10}:[\w-]{35}|(?:AC|SK)[a-z0-9]{32})",
    re.ASCII,
)

SHORTEST = 20
"""No credential of these kinds is a shorter word."""

_OWN = {
    "anthropic": Kind("Anthropic API key", (re.compile(r"sk-ant-[A-Za-z0-9]{3,10}-[\w-]{60,140}"),)),
    "langfuse": Kind("Langfuse secret key", (re.compile(r"sk-lf-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"),)),
    "google": Kind("Google API key", (re.compile(r"AIza[\w-]{35}"),)),
    "github_pat": Kind("GitHub token", (re.compile(r"github_pat_\w{50,100}"),)),
    "hugging_face": Kind("Hugging Face token", (re.compile(r"hf_[A-Za-z0-9]{34,40}"),)),
    "groq": Kind("Groq API key", (re.compile(r"gsk_[A-Za-z0-9]{52}"),)),
    "xai": Kind("xAI API key", (re.compile(r"xai-[A-Za-z0-9]{60,100}"),)),
    "perplexity": Kind("Perplexity API key", (re.compile(r"pplx-[A-Za-z0-9]{40,60}"),)),
    "npm_token": Kind("npm token", (re.compile(r"npm_[A-Za-z0-9]{36}"),)),
    "age": Kind("age secret key", (re.compile(r"AGE-SECRET-KEY-1[A-Z0-9]{58}"),)),
    "promptuary": Kind("Promptuary key or token", (re.compile(r"pm[tsrdl]_[A-Za-z0-9_-]{43}[0-9a-f]{8}"),)),
}


@cache
def kinds() -> Mapping[str, Kind]:
    """Every kind by the key that ``MARKS`` and ``UNMARKED`` use."""
    from detect_secrets.plugins import (  # noqa: PLC0415  (0.1 s that a start without suspicion does not pay)
        aws,
        azure_storage_key,
        discord,
        github_token,
        gitlab_token,
        mailchimp,
        npm,
        openai,
        pypi_token,
        sendgrid,
        slack,
        square_oauth,
        stripe,
        telegram_token,
        twilio,
    )

    detectors: dict[str, Any] = {
        "aws": aws.AWSKeyDetector,
        "azure_storage_key": azure_storage_key.AzureStorageKeyDetector,
        "discord": discord.DiscordBotTokenDetector,
        "github_token": github_token.GitHubTokenDetector,
        "gitlab_token": gitlab_token.GitLabTokenDetector,
        "mailchimp": mailchimp.MailchimpDetector,
        "npm": npm.NpmDetector,
        "openai": openai.OpenAIDetector,
        "pypi_token": pypi_token.PypiTokenDetector,
        "sendgrid": sendgrid.SendGridDetector,
        "slack": slack.SlackDetector,
        "square_oauth": square_oauth.SquareOAuthDetector,
        "stripe": stripe.StripeDetector,
        "telegram_token": telegram_token.TelegramBotTokenDetector,
        "twilio": twilio.TwilioKeyDetector,
    }
    vendors = {key: Kind(plugin.secret_type, tuple(plugin.denylist)) for key, plugin in detectors.items()}
    return {key: Kind(kind.name, tuple(map(_of_ascii, kind.patterns))) for key, kind in {**vendors, **_OWN}.items()}


def _of_ascii(pattern: re.Pattern[str]) -> re.Pattern[str]:
    """The same for which letters are those of ASCII: a Korean word that touches a key is none of it."""
    return re.compile(pattern.pattern, pattern.flags & ~re.UNICODE | re.ASCII)


def is_web_token(text: str) -> bool:
    """Whether text of the shape of a JSON Web Token decodes as one."""
    from detect_secrets.plugins.jwt import JwtTokenDetector  # noqa: PLC0415  (as above)

    return bool(JwtTokenDetector.is_formally_valid(text))


def entropy(text: str) -> float:
    """Shannon entropy in bits a character, as detect-secrets measures it for base64 text."""
    from detect_secrets.plugins.high_entropy_strings import Base64HighEntropyString  # noqa: PLC0415  (as above)

    return float(Base64HighEntropyString().calculate_shannon_entropy(text))
