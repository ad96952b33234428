"""`vlclip evaluate search`: searches judged by people's ratings."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from vlclip.engine.opening.encoders import Encoders
from vlclip.engine.opening.stores import open_store
from vlclip.ranking.evaluation.retrieval.judged import read_queries, read_ratings, texts_of
from vlclip.ranking.evaluation.retrieval.measures import RELEVANT
from vlclip.ranking.evaluation.retrieval.searches import (
    SearchPlan,
    answer_searches,
    judge_searches,
    reference_run,
    search_variants,
)
from vlclip.ranking.evaluation.retrieval.trec import read_run, write_runs
from vlclip.ranking.lists.arm import read_arm
from vlclip.service.commands.evaluate.options import Against, Arms, Depth, K, progress_bar
from vlclip.service.commands.options import Device, Encoding, Json, Map, StoreOption, Weights
from vlclip.service.http.weights import read_weights
from vlclip.service.reports.judged_searches import print_searches, searches_body
from vlclip.service.reports.terminal import print_json, says_what_went_wrong
from vlclip.service.settings import Settings


@says_what_went_wrong
def search(
    *,
    ratings: Annotated[Path, typer.Option(help="Rated results: CSV, TSV, JSON lines or TREC judgements.")],
    queries: Annotated[
        Path | None, typer.Option(help="Texts of the rated queries by id.", show_default="they are texts")
    ] = None,
    map: Map = None,
    encoding: Encoding = "",
    grade: Annotated[
        list[str] | None, typer.Option("--grade", help="What a rater's word is worth: good=2; repeatable.")
    ] = None,
    store: StoreOption = None,
    weights: Weights = None,
    lexical: Annotated[
        list[float] | None, typer.Option(help="Weight of matching words to judge as well; repeatable.")
    ] = None,
    arm: Arms = None,
    run_in: Annotated[
        list[Path] | None,
        typer.Option(help="TREC run of another engine to judge as well; repeatable."),
    ] = None,
    against: Against = None,
    run_out: Annotated[
        Path | None, typer.Option(help="Write the runs asked for as TREC runs, others beside the first.")
    ] = None,
    k: K = 10,
    depth: Depth = 100,
    relevant: Annotated[float, typer.Option(help="Grade from which a result is relevant.")] = RELEVANT,
    device: Device = None,
    json: Json = False,
) -> None:
    """Are searches answered as people rated? nDCG, MRR, precision, recall and more, runs side by side."""
    settings = Settings.load(store=store, device=device)
    base_weights = read_weights(weights)
    query_texts = None if queries is None else read_queries(queries, encoding=encoding)
    is_by_id = query_texts is not None and any(query != text for query, text in query_texts.items())
    judged = read_ratings(ratings, map or (), grade or (), encoding=encoding, by_id=is_by_id)
    texts = texts_of(judged, query_texts)
    variants = search_variants(base_weights, lexical or (), [read_arm(path) for path in arm or ()])
    files = run_in or []
    plan = SearchPlan(
        qrels=judged.qrels,
        texts=texts,
        variants=variants,
        against=reference_run(against, [*variants, *(file.stem for file in files)]),
        others={file.stem: read_run(file) for file in files},
        k=k,
        depth=max(k, depth),
        relevant=relevant,
    )
    with closing(open_store(settings.store, settings)) as opened:
        stored = len(opened.retrieve(plan.judged_items, fields=("id",)))
        load_embedder = Encoders(settings, opened.info).load
        with progress_bar(plan.searches) as advance:
            runs = answer_searches(plan, opened, load_embedder, settings.search, advance)
    if run_out is not None:
        write_runs(run_out, runs)
    report = judge_searches(plan, runs, stored)
    if json:
        print_json(searches_body(report, judged))
    else:
        print_searches(report, judged)
