"""Options that several commands take, each with one meaning and one help text."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from vlclip.ranking.settings import GroupBy

Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout; progress goes to stderr.")]
StoreOption = Annotated[
    str | None,
    typer.Option(
        "--store", help="Folder of the store, or the URL of a Qdrant server.", show_default="./store"
    ),
]
Url = Annotated[
    str | None,
    typer.Option("--url", help="A running service to feed instead of a store: http://HOST:PORT."),
]
Key = Annotated[
    str, typer.Option("--key", envvar="VLCLIP_API_KEY", help="API key of the service, for --url.")
]
ColumnMap = Annotated[
    list[str] | None,
    typer.Option("--map", help="field=Column or field=images/{Id}.jpg; repeatable."),
]
Prune = Annotated[bool, typer.Option(help="Delete items that the catalogue no longer has.")]
LedgerOption = Annotated[
    Path | None,
    typer.Option(
        "--ledger", help="File of the ledger, for --url.", show_default=".vlclip/ADDRESS/ledger.sqlite"
    ),
]
Clip = Annotated[
    str | None,
    typer.Option(
        help="The CLIP to use: a shipped name, folder, hf-hub:owner/model or architecture/pretrained."
    ),
]
TextEncoder = Annotated[
    str | None,
    typer.Option(help="Encoder of the text segment: 'clip', or a sentence-transformers name or folder."),
]
Grounder = Annotated[
    str | None,
    typer.Option(
        "--grounder",
        help="What finds the product in its photo: off, vlclip-grounder, a Hugging Face name, a folder or "
        "original:FOLDER.",
        show_default="grounding.model",
    ),
]
Refine = Annotated[
    Literal["off", "fields", "llm"] | None,
    typer.Option(
        "--refine",
        help="Who writes the refined texts: off, fields (by rules), llm (the settings' endpoint).",
        show_default="refinement.mode",
    ),
]
Format = Annotated[
    str,
    typer.Option(
        "--format",
        help="The shop system whose export it is: shopify, woocommerce, magento, akeneo, bigcommerce, "
        "google, jsonld; plain for none, auto for the one that fits.",
    ),
]
Encoding = Annotated[
    str,
    typer.Option(
        "--encoding", help="Encoding of CSV and TSV files: cp1252, latin-1, ...", show_default="utf-8"
    ),
]
CheckPhotos = Annotated[
    bool,
    typer.Option(
        "--check-photos", help="Ask the servers of unchanged items whether their photos are still the same."
    ),
]
MissingPhotoOption = Annotated[
    Literal["words", "fail"] | None,
    typer.Option(
        "--missing-photo",
        help="What becomes of an item whose photo cannot be read: stored with its words, or failed.",
        show_default="ingest.missing_photo",
    ),
]
Device = Annotated[str | None, typer.Option(help="Where models run: auto, cpu, cuda or cuda:N.")]
Filters = Annotated[
    list[str] | None,
    typer.Option(
        "--filter",
        help="Keep items with brand=Nike, brand=Nike|Puma, brand!=Nike, price<50, colour= (missing).",
    ),
]
Exclude = Annotated[
    list[str] | None, typer.Option("--exclude", help="Id of an item to leave out; repeatable.")
]
Weights = Annotated[str | None, typer.Option(help="Weights of the score's parts: image=1,text=0.5")]
Map = Annotated[
    list[str] | None,
    typer.Option("--map", help="field=column, as in time=created; repeatable. time= leaves it empty."),
]
User = Annotated[str, typer.Option(help="User whose history is blended in.")]
ArmFile = Annotated[Path | None, typer.Option("--arm", help="TOML file of the arm that ranks.")]
Diversity = Annotated[
    float | None,
    typer.Option(help="How much the list varies: 0 is pure relevance, 1 pure variety.", min=0, max=1),
]
Limit = Annotated[int | None, typer.Option("--limit", "-n", help="How many results.", show_default="10")]
Offset = Annotated[int, typer.Option(help="How many of the best results to skip.")]
Collapse = Annotated[
    bool | None,
    typer.Option(
        "--collapse/--no-collapse",
        help="Show only one of several results with near-duplicate photos.",
        show_default="search.collapse",
    ),
]
GroupByOption = Annotated[
    GroupBy | None,
    typer.Option(
        "--group-by",
        help="group: one result for each group of variants; none: for each item.",
        show_default="search.group_by",
    ),
]


def preparation_settings(
    grounder: str | None, refine: str | None, missing_photo: str | None = None
) -> dict[str, Any]:
    """The settings that the options for preparing items change, in the form that `Settings.load` takes."""
    sections = {
        "grounding": {"model": grounder},
        "refinement": {"mode": refine},
        "ingest": {"missing_photo": missing_photo},
    }
    return {name: section for name, section in sections.items() if None not in section.values()}
