"""What may begin and end a call in an answer, as regular expressions; made of the formats."""

from __future__ import annotations

import functools
import re

from langchain_visioncraft._reasoning import beginnings
from langchain_visioncraft.chat_models.prompted.bodies import TAG
from langchain_visioncraft.chat_models.prompted.formats import FORMATS, RESULTS, STOPS

OPENERS = {row.opener for row in FORMATS} - {""}
CLOSERS = {row.closer for row in FORMATS} - {""}
ALL = ">>>all\n"
MARKS = sorted({*OPENERS, *CLOSERS, *RESULTS, *STOPS} - {ALL}, key=len, reverse=True)
# Tags that mean the same as those of the table, in the spelling of another model.
CALL_TAG = (
    r"(?:\]<\]minimax\[>\[)?<(?=[^\s])[^<>\n\"'={}()]{0,32}?"
    r"(?i:(?:tool|function)[\s_▁\\]{0,3}(?:call|use)s?|[|｜]\s?calls|(?<=<)call(?=>))[^<>\n\"'={}()]{0,24}>"
)
CLOSING = re.compile(
    r"</|<[|｜]/|<\w+[|｜]>|<\|close|\[/|(?i:(?<![a-z])end(?![a-z]))|<\|e[om][a-z]_id\|>"
)
ANY_MARK = rf"{'|'.join(map(re.escape, MARKS))}|{CALL_TAG}"
CLOSER = re.compile(
    "|".join(map(re.escape, sorted(CLOSERS, key=len, reverse=True)))
    + rf"|(?=</|<[|｜]/|<\w+[|｜]>|<[^<>\n]{{0,32}}(?i:(?<![a-z])end)){CALL_TAG}"
)
LABEL = r"[*_\d]{0,3}\s{0,4}:[*_]{0,2}\s{0,10}"
QUOTES = r"[\[\"'`]{0,3}"
LINE_GAP = r"\s?(?:\[ARGS\]|<\|[^<>\n]{1,40}>)?\s{0,6}(?:```\w{0,10}\s{0,4})?"


@functools.lru_cache(maxsize=64)
def call_patterns(tools: frozenset[str]) -> tuple[re.Pattern[str], re.Pattern[str]]:
    """What may begin a call, and what may be the beginning of that."""
    names = sorted(tools, key=lambda name: (-len(name), name))
    spaces = "functions.", "default_api.", "default_api:", "tools.", "function"
    prefix = "|".join(map(re.escape, spaces))
    any_name = rf"(?:{prefix})?(?:{'|'.join(map(re.escape, names))})"
    line = (
        r"^[ \t]{0,40}(?:>>>)?(?:<code>)?(?:"
        rf"[*_]{{0,2}}[Aa]ction\s?{LABEL}(?:(?:```\w{{0,10}}\s{{0,4}})?\[\s{{0,8}}\{{|{QUOTES}{any_name}\b)"
        rf"|(?:Call: ?)?(?:await |print\()?{any_name}(?:\.call)?\(|call:{any_name}[{{(]"
        rf"|{any_name}(?::\d{{1,4}}|[A-Za-z0-9]{{9}})?{LINE_GAP}(?:\{{|tool_call\()|<{any_name}>|{any_name}\s{{0,4}}<\w{{0,12}}arg_key>)"
        rf"|to={any_name}\s?<\|"
    )
    marks = "|".join(map(re.escape, MARKS))
    whole = (
        rf"(?P<line>{line})|(?P<tag>{CALL_TAG}|{TAG.pattern})|(?P<mark>^{ALL}|{marks})"
        r"|(?P<fence>`{1,10})|(?P<json>[\[{])"
    )
    spelled = [f"{space}{name}" for space in ("", *spaces) for name in names]
    words = [*spelled, *(f"<{name}>" for name in spelled), ALL, "Action:",
             "action:", "Call: ", "call:", "print(", "await ", ">>>", "**Action",
             "<code>"]  # fmt: skip
    others = [*MARKS, *(f"to={name}{blank}<|" for blank in ("", " ") for name in spelled)]
    begun = (
        r"^[ \t]{0,40}(?:(?:>>>)?(?:<code>)?(?:Call: ?|call:|print\(|await )?"
        rf"(?:{beginnings(words)})"
        rf"|(?:>>>)?(?:<code>)?(?:Call: ?|print\(|await )?{any_name}[\s:.\w`\[\]<>|]{{0,64}}"
        rf"|[*_]{{0,2}}[Aa]ction[\s\d*_]{{0,8}}(?::[\s`\w\[\"'*./:-]{{0,64}})?)?\Z"
        rf"|(?:\]<\]minimax\[>\[)?<(?:\|open\|>)?[^<>\n]{{0,80}}\s{{0,2}}\Z|(?:{beginnings(others)}|`{{1,10}})\Z"
    )
    return re.compile(whole, re.MULTILINE), re.compile(begun, re.MULTILINE)
