"""Product text is written by strangers: what is done to it before a language model reads it.

The text is handed over as data: as JSON between two tags, without what looks like an instruction. Neither
protects against every model that obeys its data, so every answer is checked (`checks.py`).

Laws (tests/engine/refinement/test_untrusted.py):
- the closing tag stands once in a block, at its end, whatever the data are;
- what `json.loads` reads between the tags is what was put in.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping

_MARKS = re.compile(r"<\|?/?\w{1,20}\|?>|\[/?INST\]|<<?/?SYS>>?", re.IGNORECASE)
_SENTENCE_END = re.compile(r"[.!?](?=\s|$)|\n|$")
_INSTRUCTION = re.compile(
    r"""
      \b(?:ignore|disregard|forget|override|bypass|skip)\s+(?:\w+\s+){0,4}
        (?:instructions?|prompts?|rules?|directions?|guidelines?|commands?|system\s+message)\b
    | \b(?:ignor(?:iere|ez|a)|vergiss|oubliez|olvida|dimentica)\s+(?:\w+\s+){0,4}
        (?:anweisungen|regeln|instructions?|consignes|instrucciones|istruzioni)\b
    | \b(?:you\s+are|you're|act\s+as|pretend\s+(?:to\s+be|that|you))\s+(?:now\s+)?(?:an?\s+|the\s+)?
        (?:\w+\s+)?(?:ai|assistant|language\s+model|chatbot|gpt|evaluator|summarizer|refiner|judge)\b
    | (?:^|[.!?\n>\])}])\s*(?:new\s+|system\s+|important\s+)?
        (?:system|assistant|developer|instructions?)\s*(?:prompt|message|note)?\s*:
    | \b(?:say|state|claim|mention|write|pretend|insist|tell\s+\w+)\s+that\b
    | \b(?:respond|reply|answer|output|print)\s+(?:only\s+|just\s+|simply\s+|exactly\s+)*
        (?:with\b|with:|stop\b|yes\b|json\b|the\s+(?:word|following|text)\b|[:"'<])
    | \b(?:verdict|critique)\b["']?\s*(?:is|=|:|to)
    """,
    re.IGNORECASE | re.VERBOSE,
)


_TRIGGER = re.compile(
    "ignor|disregard|forget|override|bypass|skip|vergiss|oubliez|olvida|dimentica|you|act|pretend"
    "|system|assistant|developer|instruction|say|state|claim|mention|write|insist|tell|respond|reply|answer"
    "|output|print|verdict|critique"
)
"""What every match of `_INSTRUCTION` has in lower case; it costs a tenth, and most texts have none of it."""
_QUOTES_AND_DASHES = {ord(mark): "'" for mark in "\u2018\u2019\u02bc\u00b4"} | {
    ord(mark): "-" for mark in "\u2010\u2011\u2012\u2013\u2014"
}


_REPLACED = re.compile(f"[®©™{''.join(map(chr, _QUOTES_AND_DASHES))}]")


def plain(text: str) -> str:
    """The text in its lines, with one form per character and without invisible characters.

    Those are controls, zero widths and marks of direction. Trade-mark signs are removed too.
    """
    if text.isprintable() and unicodedata.is_normalized("NFKC", text) and not _REPLACED.search(text):
        return " ".join(text.split())
    text = unicodedata.normalize("NFKC", re.sub("[®©™]", "", text)).translate(_QUOTES_AND_DASHES)
    visible = "".join(
        mark if unicodedata.category(mark)[0] != "C" or mark == "\n" else " " if mark.isspace() else ""
        for mark in text.replace("\r", "\n")
    )
    return "\n".join(" ".join(line.split()) for line in visible.splitlines() if line.strip())


def without_instructions(text: str) -> str:
    """The text in one line, without chat markers and without the rest of a sentence from its command on."""
    match = _INSTRUCTION.search(text) if _TRIGGER.search(text.casefold()) else None
    while match is not None:
        end = _SENTENCE_END.search(text, match.end())
        text = f"{text[: match.start()]}\n{text[end.end() if end else len(text) :]}"
        match = _INSTRUCTION.search(text, match.start())
    return " ".join(_MARKS.sub(" ", text).split())


def data_block(name: str, data: Mapping[str, object] | str) -> str:
    """The data as JSON between `<name>` and `</name>`, with no tag inside."""
    body = json.dumps(data, ensure_ascii=False)
    for mark in "<>&`":
        body = body.replace(mark, f"\\u{ord(mark):04x}")
    return f"<{name}>\n{body}\n</{name}>"
