"""Texts without HTML: what a shop's editor writes for a browser becomes plain words.

The parsers there are read `a<b and c>d` and `R&copy` as a browser does, and lose words that no shop meant as
markup. Here only what is plainly a tag goes: a tag of HTML, one that is closed somewhere, one with
attributes. Entities need their semicolon.

Laws (tests/engine/test_markup.py):
- a text without markup is unchanged, so "a < b", "<3", "5<10>3" and "R&B" stay;
- cleaning twice equals cleaning once; no tag, comment, script, style or entity that HTML knows is left;
- words that stand in no tag, comment, script or style are kept, in their order.
"""

from __future__ import annotations

import html
import re
from html.entities import html5

MOST_PASSES = 8
"""One pass more for each time that markup was escaped; nobody escapes it so often."""

_HIDDEN = "script|style|template|iframe|svg|math|noembed|noframes"
_INLINE = (
    "a|abbr|acronym|b|bdi|bdo|big|cite|code|data|del|dfn|em|font|i|ins|kbd|label|mark|q|s|samp|small|span"
    "|strike|strong|sub|sup|time|tt|u|var|wbr"
)
_BLOCK = (
    "address|area|article|aside|audio|base|blockquote|body|br|button|canvas|caption|center|col|colgroup|dd"
    "|details|dialog|dir|div|dl|dt|embed|fieldset|figcaption|figure|footer|form|frame|frameset|h1|h2|h3|h4"
    "|h5|h6|head|header|hgroup|hr|html|img|input|legend|li|link|main|map|marquee|menu|meta|nav|nobr|noscript|object|ol"
    "|optgroup|option|output|p|param|picture|pre|progress|section|select|slot|source|summary|table|tbody|td"
    "|textarea|tfoot|th|thead|title|tr|track|ul|video"
)
_INLINE_NAMES = frozenset(_INLINE.split("|"))
_HTML_NAMES = _INLINE_NAMES | frozenset(f"{_BLOCK}|{_HIDDEN}".split("|"))

_UNSEEN = re.compile(
    rf"<(?i:({_HIDDEN})(?=[\s/>])[^>]*>.*?(?:</\1\s*>|\Z)"
    r"|!\[CDATA\[|!doctype\b[^<>]*>|\?(?:xml|php)\b.*?(?:\?>|\Z))",
    re.DOTALL,
)
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_SEAM = re.compile(r"(</\w+\s*>)(?=<\w)")
"""Between `</b>` and `<b>` stand two words, although nothing parts them."""
_TAG = re.compile(r"""<(/?)([A-Za-z][\w-]*(?::[\w-]+)?)(?=[\s/>])((?:[^<>"']|"[^"]*"|'[^']*')*+|[^<>]*+)>""")
_CUT_OFF = re.compile(r"""<(?:[A-Za-z][\w-]*\s[^<>]*=[^<>]*|/[A-Za-z]\w*)\Z""")
"""The beginning of a tag at the end of a text that was cut there."""
_ENTITY = re.compile(
    r"&(?:amp;)*(?:(#\d{1,8}|#[xX][0-9A-Fa-f]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});|(nbsp|amp|quot)(?![\w;=]))"
)
_INVISIBLE = re.compile("[\xad\u200b\u2060\ufeff\x00-\x08\x0e-\x1f\x7f]")
_BLANKS = re.compile(r"\s+")


def plain_text(text: str) -> str:
    """The text without tags, comments, scripts, styles and entities; blanks stand where blocks ended."""
    if "<" not in text and "&" not in text:
        return text
    for _ in range(MOST_PASSES):
        cleaner = _once(text)
        if cleaner == text:
            return text
        text = cleaner
    return " ".join(re.sub("[<>&]", " ", text).split())


def _once(text: str) -> str:
    cleaner = text
    if "<" in cleaner:
        closed = {name.lower() for name in re.findall(r"</([a-zA-Z][\w:-]*)\s*>", cleaner)}
        if "<![CDATA[" in cleaner:
            cleaner = cleaner.replace("]]>", " ")
        cleaner = _SEAM.sub(r"\1 ", _UNSEEN.sub(" ", _without_comments(cleaner)))
        cleaner = _TAG.sub(lambda tag: _instead(tag, closed), cleaner)
        cleaner = _CUT_OFF.sub(" ", cleaner)
    if "&" in cleaner:
        cleaner = _ENTITY.sub(_character, cleaner)
    if cleaner == text:
        return text
    return _BLANKS.sub(" ", _INVISIBLE.sub("", cleaner)).strip()


def _without_comments(text: str) -> str:
    """The text without comments; one that never ends loses its mark alone."""
    if "<!--" not in text:
        return text
    end = text.rfind("-->") + 3 if "-->" in text else 0
    return _COMMENT.sub(" ", text[:end]) + text[end:].replace("<!--", " ")


def _instead(tag: re.Match[str], closed: set[str]) -> str:
    """What stands where a tag stood: itself where it is none, nothing within a word, else a blank."""
    slash, name, rest = tag[1], tag[2].lower(), tag[3].strip(" \t\r\n/")
    if name in _HTML_NAMES:
        is_tag = len(name) > 1 or not rest or "=" in rest
    else:
        is_tag = bool(slash) or name in closed or ":" in name or "=" in rest or tag[3].endswith("/")
    if not is_tag:
        return tag[0]
    return "" if name in _INLINE_NAMES else " "


def _character(entity: re.Match[str]) -> str:
    """The character of an entity; an unknown name stays as it is written."""
    name = entity[1] or entity[2]
    if name.startswith("#"):
        return html.unescape(f"&{name};")
    spelling = next((form for form in (name, name.lower()) if f"{form};" in html5), "")
    return html5[f"{spelling};"] if spelling else f"&{name}{';' if entity[1] else ''}"
