"""The Evaluator's answer: stop, or a critique.

A verdict is the JSON object `{"verdict": "stop" | "revise", "critique": "..."}`, alone or in a code
fence, or exactly `<STOP>`. "revise" needs a critique. Anything else, such as `<STOP>` inside a longer
answer, is no verdict.
"""

from __future__ import annotations

import json
import re
from typing import Any

CRITIQUE_CHARS = 600

SCHEMA: dict[str, Any] = {
    "type": "json_schema",
    "json_schema": {
        "name": "verdict",
        "strict": True,
        "schema": {
            "type": "object",
            "properties": {
                "verdict": {"type": "string", "enum": ["stop", "revise"]},
                "critique": {"type": "string"},
            },
            "required": ["verdict", "critique"],
            "additionalProperties": False,
        },
    },
}
"""For `response_format`, where an endpoint takes one."""


def parse_verdict(answer: str) -> str | None:
    """The critique of "revise", an empty one for "stop", None for no verdict."""
    text = re.sub(r"\A```(?:json)?\s*|\s*```\Z", "", answer.strip())
    if text == "<STOP>":
        return ""
    try:
        form = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(form, dict):
        return None
    verdict, critique = form.get("verdict"), form.get("critique", "")
    if verdict == "stop":
        return ""
    if verdict == "revise" and isinstance(critique, str) and critique.strip():
        return " ".join(critique.split())[:CRITIQUE_CHARS]
    return None
