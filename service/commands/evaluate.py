"""`vlclip evaluate`: titles against their photos, neighbours, judged searches, and what was taken next."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from vlclip.engine.filters import read_filter
from vlclip.engine.opening.encoders import Encoders
from vlclip.engine.opening.stores import open_store
from vlclip.engine.training.pairs import is_validation
from vlclip.ingestion.reading.catalogue import open_catalogue
from vlclip.ingestion.reading.guesses import map_columns
from vlclip.ranking.errors import EvaluationError
from vlclip.ranking.evaluation.retrieval import sessions as next_items
from vlclip.ranking.evaluation.retrieval.judged import (
    answer_queries,
    count_unanswered,
    read_queries,
    read_ratings,
    texts_of,
)
from vlclip.ranking.evaluation.retrieval.measures import RELEVANT, Qrels, Run, condense, measure_run
from vlclip.ranking.evaluation.retrieval.stored import evaluate_titles, same_share
from vlclip.ranking.evaluation.retrieval.trec import read_run, write_run
from vlclip.ranking.lists.arm import Arm, read_arm
from vlclip.ranking.lists.recommender import PLAIN, Recommender
from vlclip.ranking.statistics.arrays import Values
from vlclip.ranking.statistics.significance import standings
from vlclip.service.commands.options import Device, Filters, Json, StoreOption, Weights
from vlclip.service.http.requests import read_weights
from vlclip.service.reports.evaluation import (
    print_plain,
    print_slices,
    print_standings,
    say,
    slices_body,
    standings_body,
)
from vlclip.service.reports.terminal import err, print_figures, print_json, says_what_went_wrong
from vlclip.service.settings import Settings

app = typer.Typer(no_args_is_help=True, help="Judge a store offline.")

Arms = Annotated[
    list[Path] | None, typer.Option("--arm", help="TOML file of an arm to judge as well; repeatable.")
]
Against = Annotated[
    str | None, typer.Option(help="Run that the others are held to.", show_default="the first")
]
K = Annotated[int, typer.Option("--k", help="Places of a list that are looked at.", min=1)]
Depth = Annotated[int, typer.Option(help="Length of the lists that are asked for.", min=1)]


@app.command("retrieval")
@says_what_went_wrong
def retrieval(
    source: Annotated[str, typer.Argument(help="The catalogue whose titles are the queries.")],
    *,
    store: StoreOption = None,
    split: Annotated[
        Literal["all", "validation"],
        typer.Option(help="validation: the tenth of the ids training keeps back."),
    ] = "all",
    map: Annotated[list[str] | None, typer.Option("--map", help="field=Column, as for ingest.")] = None,
    device: Device = None,
    json: Json = False,
) -> None:
    """Do titles find their own photos? HITS@k and MRR among the catalogue's items, exact scoring."""
    settings = Settings.load(store=store, device=device)
    catalogue = open_catalogue(source)
    columns = map_columns(catalogue, map or [])
    titles = {
        entry.id: entry.item.title
        for entry in catalogue.entries(columns)
        if entry.item is not None and (split == "all" or is_validation(entry.id))
    }
    with closing(open_store(settings.store, settings)) as opened:
        figures = evaluate_titles(opened, Encoders(settings, opened.info).load(), titles)
    print_figures({"split": split, **figures}, json=json)


@app.command("similar")
@says_what_went_wrong
def similar(
    *,
    store: StoreOption = None,
    field: Annotated[list[str], typer.Option(help="Payload field the neighbours should share; repeatable.")],
    k: Annotated[int, typer.Option(help="Neighbours looked at.", min=1)] = 5,
    split: Annotated[
        Literal["all", "validation"], typer.Option(help="validation: only ids that training keeps back.")
    ] = "all",
    weights: Weights = None,
    filter: Filters = None,
    json: Json = False,
) -> None:
    """Are similar items alike? Share of each item's nearest others with the same field values."""
    settings = Settings.load(store=store)
    with closing(open_store(settings.store, settings)) as opened:
        records = [
            record
            for batch in opened.scan(filter=read_filter(filter), fields=("id", *field), with_vector=True)
            for record in batch
            if split == "all" or is_validation(record.id)
        ]
        shares = same_share(records, opened, field, opened.info.space.check_weights(read_weights(weights)), k)
    print_figures({"n": len(records), "k": k, "split": split, **shares}, json=json)


@app.command("search")
@says_what_went_wrong
def search(
    *,
    ratings: Annotated[Path, typer.Option(help="Rated results: CSV, TSV, JSON lines or TREC judgements.")],
    queries: Annotated[
        Path | None, typer.Option(help="Texts of the rated queries by id.", show_default="they are texts")
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
    base_weights, depth = read_weights(weights), max(k, depth)
    qrels = read_ratings(ratings)
    texts = texts_of(qrels, None if queries is None else read_queries(queries))
    plans: dict[str, tuple[Arm, Mapping[str, float]]] = {PLAIN.id: (PLAIN, base_weights)}
    for weight in lexical or []:
        _name(plans, f"lexical={weight:g}", (PLAIN, {**base_weights, "lexical": weight}))
    for judged_arm in map(read_arm, arm or []):
        _name(plans, judged_arm.id, (judged_arm, base_weights))
    runs: dict[str, Run] = {}
    others: dict[str, Run] = {}
    for path in run_in or []:
        _name(others, path.stem, read_run(path))
    for name in others:
        _name(dict(plans), name, None)
    _check_against(against, [*plans, *others])
    with closing(open_store(settings.store, settings)) as opened:
        judged = list(dict.fromkeys(item for items in qrels.values() for item in items))
        there = len(opened.retrieve(judged, fields=("id",)))
        search_settings = settings.search.model_copy(
            update={"max_limit": max(depth, settings.search.max_limit)}
        )
        recommender = Recommender(opened, Encoders(settings, opened.info).load, search_settings)
        with _progress(len(plans) * len(texts)) as advance:
            for name, (by, by_weights) in plans.items():
                runs[name] = answer_queries(
                    recommender, texts, k=k, depth=depth, arm=by, weights=by_weights, progress=advance
                )
    if run_out is not None:
        for place, (name, run) in enumerate(runs.items()):
            path = run_out if place == 0 else run_out.with_name(f"{run_out.stem}.{name}{run_out.suffix}")
            write_run(path, run, name)
    runs |= others
    base = against or next(iter(runs))
    named = [f"nDCG@{k}", f"nDCG@{k} condensed"]
    standings_by_run = standings({name: _values(run, qrels, k, relevant) for name, run in runs.items()}, base)
    empty = sum(max(items.values()) < relevant for items in qrels.values())
    counts = {
        "queries": len(qrels), "ratings": sum(map(len, qrels.values())), "without_relevant": empty,
        "not_in_store": len(judged) - there, "k": k, "depth": depth, "against": base,
    }  # fmt: skip
    if json:
        bodies = [
            {
                "name": name,
                "unanswered": count_unanswered(run, qrels),
                "measures": standings_body(standings_by_run[name]),
            }
            for name, run in runs.items()
        ]
        print_json({**counts, "runs": bodies})
        return
    print_standings(standings_by_run, base, named)
    say(f"{len(qrels):,} queries, {counts['ratings']:,} ratings")
    if empty:
        say(f"{empty:,} of the queries have no relevant item and score 0 in every run")
    if there < len(judged):
        say(f"{len(judged) - there:,} of {len(judged):,} rated items are not in the store")
    for name, run in runs.items():
        if missing := count_unanswered(run, qrels):
            say(f"{name} has nothing for {missing:,} of the queries")


@app.command("sessions")
@says_what_went_wrong
def sessions(
    file: Annotated[Path, typer.Argument(help="Items by user, oldest first: JSON, CSV, TSV or JSON lines.")],
    *,
    store: StoreOption = None,
    weights: Weights = None,
    arm: Arms = None,
    against: Against = None,
    users: Annotated[int | None, typer.Option(help="Only the first so many users.", min=1)] = None,
    k: K = 10,
    depth: Depth = 100,
    json: Json = False,
) -> None:
    """Would users have been shown what they took next? Their last item left out, recommendations judged."""
    settings = Settings.load(store=store)
    base_weights, depth = read_weights(weights), max(k, depth)
    arms: dict[str, Arm] = {PLAIN.id: PLAIN}
    for judged_arm in map(read_arm, arm or []):
        _name(arms, judged_arm.id, judged_arm)
    baselines = ("newest item", "popular")
    for name in baselines:
        _name(dict(arms), name, None)
    _check_against(against, [*arms, *baselines])
    histories = next_items.read_histories(file)
    with closing(open_store(settings.store, settings)) as opened:
        held_out = next_items.hold_out(histories, opened).first(users)
        lists: dict[str, next_items.RankedItems] = {}
        with (
            next_items.recommender_for(held_out, opened, settings.search, depth) as recommender,
            _progress((len(arms) + 1) * len(held_out.next_item)) as advance,
        ):
            for name, by in arms.items():
                lists[name] = next_items.recommend_lists(
                    held_out, recommender, by, depth, weights=base_weights, progress=advance
                )
            lists[baselines[0]] = next_items.recommend_like_newest(
                held_out, recommender, depth, weights=base_weights, progress=advance
            )
        lists[baselines[1]] = next_items.recommend_popular(held_out, depth)
        judgements = {
            name: next_items.judge_lists(held_out, answers, opened, k, depth)
            for name, answers in lists.items()
        }
    base = against or PLAIN.id
    compared = standings({name: judgement.values for name, judgement in judgements.items()}, base)
    counts = {
        "users": len(held_out.next_item), "items": len(held_out.ids), "left_out": held_out.left_out,
        "repeated": held_out.repeated, "catalogue_popularity": float(held_out.counts.mean()), "k": k,
        "depth": depth, "against": base,
    }  # fmt: skip
    if json:
        bodies = [
            {
                "name": name, "measures": standings_body(compared[name]), "coverage": judgement.coverage,
                "gini": judgement.gini, "by_item": slices_body(judgement.by_item),
                "by_user": slices_body(judgement.by_user),
            }
            for name, judgement in judgements.items()
        ]  # fmt: skip
        print_json({**counts, "runs": bodies})
        return
    print_standings(compared, base, [f"nDCG@{k}"])
    whole = {
        name: {f"coverage@{k}": judgement.coverage, f"Gini@{k}": judgement.gini}
        for name, judgement in judgements.items()
    }
    print_plain("all lists together", whole)
    title = f"HITS@{k}, wanted item taken before"
    print_slices(title, {name: judgement.by_item for name, judgement in judgements.items()})
    print_slices(
        f"HITS@{k}, items of the user", {name: judgement.by_user for name, judgement in judgements.items()}
    )
    say(
        f"{counts['users']:,} users, {counts['items']:,} items, taken {held_out.counts.mean():.2f} times each"
    )
    if held_out.left_out:
        say(f"{held_out.left_out:,} users are left out: their last item is not in the store")
    if held_out.repeated:
        say(f"{held_out.repeated:,} users took an item again, which lists without their history cannot hold")


def _values(run: Run, qrels: Qrels, k: int, relevant: float) -> dict[str, Values]:
    """Every measure of a run, and nDCG of its condensed list after that of the whole one."""
    names = (f"nDCG@{k}", "MRR", f"P@{k}", f"R@{k}", f"HITS@{k}", "AP", f"Judged@{k}")
    values = measure_run(run, qrels, names, relevant=relevant)
    short = measure_run(condense(run, qrels), qrels, names[:1])
    return {names[0]: values[names[0]], f"{names[0]} condensed": short[names[0]], **values}


def _name(runs: dict[str, Any], name: str, run: Any) -> None:
    if name in runs:
        raise EvaluationError(f"two runs are called {name!r}; give one of them another id or file name")
    runs[name] = run


def _check_against(against: str | None, names: Sequence[str]) -> None:
    """Before minutes are spent on the runs."""
    if against is not None and against not in names:
        raise EvaluationError(f"no run is called {against!r}; there are: {', '.join(names)}")


@contextmanager
def _progress(total: int) -> Iterator[Callable[[], None]]:
    columns = [TextColumn("ask"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()]
    with Progress(*columns, console=err) as bar:
        task = bar.add_task("", total=total)
        yield lambda: bar.advance(task)
