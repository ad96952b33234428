"""A replay as a sentence, a table, JSON and a page; the page also in a real browser."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from html.parser import HTMLParser
from math import inf, nan

import orjson
import pytest
from rich.console import Console

from tests.service.page.test_page import CHROMIUM, CONTRAST, FLAGS, NASTY
from tests.service.replays import CAREFUL, FINE, arm, better, estimate, refused, replay
from vlclip.ranking.errors import EvaluationError
from vlclip.ranking.evaluation.off_policy.verdict import Finding
from vlclip.ranking.statistics.bootstrap import Figure
from vlclip.service.reports.formats import (
    decimals_of,
    format_error,
    format_figure,
    format_fixed,
    format_interval,
    format_narrow_interval,
    format_number,
)
from vlclip.service.reports.replay.page import replay_page, write_replay_page
from vlclip.service.reports.replay.table import print_replay, replay_json
from vlclip.service.reports.replay.words import answer

STRANGE = f"{NASTY} $x_1$ \x1b[31m 靴"


def printed(report, **options):
    console = Console(file=io.StringIO(), width=120)
    print_replay(report, console=console, **options)
    return console.file.getvalue()


# --- the sentence


def test_a_winner_is_named_with_how_much_and_how_sure():
    conclusion = answer(replay())
    assert conclusion.level == "ok"
    # 0.1312 is 0.0142 over 0.117, 12.1 % of it
    assert conclusion.says == (
        "more-text would have earned 12.1 % more clicks per list than what was shown, "
        "and more than every other arm."
    )
    assert conclusion.because == (
        "By cascade-dr more-text earns 0.1312 clicks per list, 0.1170 were observed: +0.0142, "
        "95 % interval +0.0071 to +0.0213. Nothing that was checked speaks against it."
    )


def test_a_winner_to_be_careful_with_says_why():
    conclusion = answer(replay(arms=(better(findings=(FINE, CAREFUL)),)))
    assert conclusion.level == "careful"
    assert "every other arm" not in conclusion.says
    assert conclusion.because.endswith(f"Be careful: {CAREFUL.says}")


def test_without_a_winner_it_says_what_is_known_of_each_arm():
    flat = better("flat@0", lift=0.001)
    conclusion = answer(replay(arms=(flat, refused()), winner=None))
    assert conclusion.level == "careful"
    assert conclusion.says.startswith("This log cannot tell whether any arm is better than what was shown")
    assert "flat earns 0.1180" in conclusion.because
    assert "random is refused: The estimate rests on 9 effective rows" in conclusion.because

    conclusion = answer(replay(arms=(better("text@1"), better("text@2")), winner=None))
    assert conclusion.says.startswith(
        "text@1 and text@2 seem better than what was shown, but this log does not settle"
    )

    conclusion = answer(replay(arms=(better("worse@0", lift=-0.02),), winner=None))
    assert conclusion.says == "No arm is better than what was shown in clicks per list."


def test_where_all_arms_are_refused_the_log_cannot_tell():
    conclusion = answer(replay(arms=(refused(),), winner=None))
    assert conclusion.level == "refused"
    assert conclusion.says == "This log cannot tell what another ranking earns in clicks per list."
    assert (
        conclusion.because
        == "random is refused: The estimate rests on 9 effective rows; log with more exploration."
    )


def test_an_arm_without_any_estimate_is_not_known_rather_than_zero():
    blank = arm("blank@0", [estimate("dr", nan, nan)], "", (FINE,))
    conclusion = answer(replay(arms=(blank,), winner=None))
    assert conclusion.because == "What blank earns is not known."
    assert "not known" in printed(replay(arms=(blank,), winner=None))
    assert "not known" in replay_page(replay(arms=(blank,), winner=None))


def test_numbers_have_two_digits_of_what_is_not_sure():
    # half of the interval is 0.00625: two digits of it are four decimals
    assert decimals_of(replay().observed) == 4
    # half is 31: no decimals; half is 0: a hundredth of the value, 0.5, has two
    assert decimals_of(Figure(900.0, 869.0, 931.0)) == 0
    assert decimals_of(Figure(50.0, 50.0, 50.0)) == 2
    assert decimals_of(Figure(0.0, 0.0, 0.0)) == 3
    assert format_number(-1234.5678, 1) == "-1,234.6"
    assert format_number(0.5, 2, sign=True) == "+0.50"
    assert format_number(3.2e9, 2) == "3.2e+09"
    assert format_number(inf, 2) == "not known"
    assert format_interval(Figure(1.0, 0.5, nan), 1) == "not known"
    assert format_fixed(3.2e9, 1) == "3,200,000,000.0"
    assert format_fixed(-1234.5678, 4, sign=True, thousands=False) == "-1234.5678"
    assert format_fixed(nan, 1) == "not known"


def test_intervals_stand_beside_their_values():
    figure = Figure(0.125, 0.1, 0.15)
    assert format_figure(figure, 3) == "0.125 (0.100 to 0.150)"
    assert format_figure(Figure(0.125, nan, nan), 3) == "0.125 (not known to not known)"
    assert format_narrow_interval(figure, 2) == ".10–.15"  # noqa: RUF001 - the dash of intervals
    assert format_error(figure, 3) == "0.125 ± 0.025"
    assert format_error(Figure(0.125, 0.125, 0.125), 3) == "0.125"


# --- the table and JSON


def test_the_table_has_the_answer_first_and_every_arm_with_its_verdict():
    lines = printed(replay()).splitlines()
    assert lines[0].startswith("✓ more-text would have earned 12.1 % more")
    row = next(line for line in lines if line.startswith("more-text@"))
    for cell in (
        "cascade-dr",
        "0.1312",
        "0.1241 to 0.1383",
        "+0.0142",
        "+0.0071 to +0.0213",
        "6,100",
        "✓ ok",
    ):
        assert cell in row
    text = "\n".join(lines)
    assert "as logged" in text
    assert "320 lists are left out: no chance in their order" in text
    assert "! careful, the log: The last day's clicks" in text
    assert "✕ refused, random@0f0e0d0c0b0a: The estimate rests on 9 effective rows" in text
    assert FINE.says not in text


def test_everything_has_each_estimator_slice_and_click_model():
    text = printed(replay(), everything=True)
    for name in (
        "ips",
        "snips",
        "clipped",
        "dr",
        "cascade-dr *",
        "dm",
        "clip 5",
        "recommendations",
        "pbm",
        FINE.says,
    ):
        assert name in text


def test_nothing_from_the_log_reaches_the_terminal_as_markup_or_control():
    conclusion = Finding("x", "careful", STRANGE)
    text = printed(
        replay(
            findings=(conclusion,), source=STRANGE, left_out={STRANGE: 1}, arms=(better("[red]\x1b[0m@1"),)
        ),
        everything=True,
    )
    assert "\x1b" not in text
    assert "[red]" in text


def test_json_is_the_whole_report_and_what_is_not_known_is_null():
    body = replay_json(replay(observed=Figure(0.117, -inf, inf)))
    text = orjson.dumps(body)
    assert body["answer"]["says"].startswith("more-text would have earned")
    assert body["observed"] == {"value": 0.117, "low": None, "high": None}
    assert [each["level"] for each in body["arms"]] == ["ok", "refused"]
    dr = body["arms"][1]["estimates"][2]
    assert (dr["estimator"], dr["value"], dr["low"]) == ("dr", None, None)
    assert body["arms"][0]["estimates"][0]["quantiles"]["p99"] == 5.4
    calibration = body["calibrations"][0]
    assert (len(calibration["told"]), len(calibration["seen"])) == (8, 8)
    assert body["rate_by_position"][0][:2] == [1, 12_000]
    assert not re.search(rb"NaN|Infinity", text)
    assert orjson.loads(text) == body


# --- the page


@pytest.fixture(scope="module")
def html():
    return replay_page(replay())


class Page(HTMLParser):
    """The ids, classes, tags and text of a page."""

    def __init__(self, html):
        super().__init__()
        self.ids, self.classes, self.tags, self.labels, self.addresses = [], [], [], [], []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        self.tags.append(tag)
        self.ids += [attributes["id"]] if "id" in attributes else []
        self.classes += (attributes.get("class") or "").split()
        self.labels += [attributes["aria-label"]] if tag == "svg" else []
        self.addresses += [attributes[name] for name in ("src", "href") if name in attributes]


def test_every_section_and_picture_is_there(html):
    page = Page(html)
    assert {"answer", "arms", "uplifts", "log", "positions", "models", "estimators", "reading"} <= set(
        page.ids
    )
    counts = {"arm": 2, "estimates": 2, "weights": 2, "slices": 2, "calibration": 3, "proxies": 1}
    assert {name: page.classes.count(name) for name in counts} == counts
    # one of the uplifts, one of the places, and those above
    assert page.tags.count("svg") == 1 + 1 + 2 + 2 + 2 + 3
    assert all(page.labels)
    assert "more-text@1b2c3d4e5f60 by estimator, observed 0.1170 (0.1108 to 0.1233)" in " ".join(page.labels)


def test_the_page_says_every_number_and_reason(html):
    for text in (
        "lists.parquet", "2026-03-02 to 2026-03-08", "12,000", "3,050", "1,404", "older@aa00bb11cc22",
        "no chance in their order", "The last day&#39;s clicks are still to come", "clip 5",
        "0.1241 to 0.1383", "0.1240 to 0.1382", "6,100", "The reward model is right everywhere.",
        "Shoppers look down until", "perplexity 1.04", "-0.0412", "✕ refused", "! careful",
    ):  # fmt: skip
        assert text in html, text


def test_what_a_report_lacks_the_page_lacks():
    bare = arm("bare@0", [estimate("ips", 0.12, 0.01)], "ips", ())
    html = replay_page(
        replay(arms=(bare,), winner=None, left_out={}, findings=(), rate_by_position=(), calibrations=())
    )
    page = Page(html)
    assert not {"positions", "models"} & set(page.ids)
    assert not {"slices", "proxies", "calibration"} & set(page.classes)
    assert "every list was replayed" in html


def test_equal_reports_give_equal_pages_and_no_name_is_given_twice(html):
    assert html == replay_page(replay())
    ids = Page(html).ids
    assert len(ids) == len(set(ids))


def test_the_page_needs_nothing_else(html):
    page = Page(html)
    assert "script" not in page.tags
    assert all(each.startswith(("#", "data:")) for each in page.addresses)
    assert not re.search(r"url\((?!#)|@import|https?://", html)


@pytest.fixture(scope="module")
def strange():
    """A report whose every text tries to be more than text."""
    part = better().slices[-1]
    each = replace(
        better(STRANGE, (Finding("x", "careful", STRANGE),)),
        slices=(replace(part, by=STRANGE, name=STRANGE),),
        proxies=(replace(better().proxies[0], model=STRANGE, assumes=STRANGE, name=STRANGE),),
    )
    model = replace(replay().calibrations[0], model=STRANGE, assumes=STRANGE)
    return replay(
        arms=(each,), winner=STRANGE, source=STRANGE, logged_by={STRANGE: 1}, left_out={STRANGE: 2},
        findings=(Finding("x", "refused", STRANGE),), calibrations=(model,),
    )  # fmt: skip


def test_what_the_log_says_is_shown_as_text(strange):
    html = replay_page(strange)
    page = Page(html)
    assert "nasty" not in page.ids
    assert "script" not in page.tags
    assert "靴" in html
    assert "$x_1$" in html


def test_a_page_that_cannot_be_written_says_so(tmp_path, html):
    write_replay_page(replay(), tmp_path / "new" / "replay.html")
    assert (tmp_path / "new" / "replay.html").read_text(encoding="utf-8") == html
    with pytest.raises(EvaluationError, match="name another file"):
        write_replay_page(replay(), tmp_path / "new")


@pytest.fixture(scope="module")
def chromium():
    if not CHROMIUM.exists():
        pytest.skip(f"there is no Chromium at {CHROMIUM}: apt-get install chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        yield browser
        browser.close()


def test_a_browser_shows_it_without_complaint_on_a_phone_too(chromium, html, strange, tmp_path):
    for name, text in (("plain", html), ("strange", replay_page(strange))):
        file = tmp_path / f"{name}.html"
        file.write_text(text, encoding="utf-8")
        for scheme in ("light", "dark"):
            tab = chromium.new_page(viewport={"width": 360, "height": 740}, color_scheme=scheme)
            wrong, addresses = [], []
            tab.on("console", lambda message, wrong=wrong: wrong.append(message.text))
            tab.on("pageerror", lambda error, wrong=wrong: wrong.append(str(error)))
            tab.on("request", lambda each, addresses=addresses: addresses.append(each.url))
            tab.goto(file.as_uri())
            assert wrong == []
            assert [each for each in addresses if not each.startswith("data:")] == [file.as_uri()]
            assert tab.evaluate("document.documentElement.scrollWidth") == 360
            assert tab.evaluate(CONTRAST) >= 4.5
            # no label of a picture is cut off or smaller than can be read
            assert tab.evaluate(CUT) == []
            assert tab.evaluate(SMALLEST) >= 7
            tab.close()


CUT = """() => [...document.querySelectorAll('svg')].flatMap(svg => {
  const all = svg.getBoundingClientRect();
  return [...svg.querySelectorAll('text')].filter(one => {
    const own = one.getBoundingClientRect();
    return own.left < all.left - 1 || own.right > all.right + 1 || own.bottom > all.bottom + 1;
  }).map(one => one.textContent);
})"""
SMALLEST = """() => Math.min(...[...document.querySelectorAll('svg text')].map(one =>
  parseFloat(getComputedStyle(one).fontSize) * Math.hypot(one.getScreenCTM().a, one.getScreenCTM().b)))"""
