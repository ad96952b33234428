"""The web page, in a real browser where looking and typing matter, else over HTTP."""

from __future__ import annotations

import re
import shutil
import threading
import time
import uuid
from html import unescape
from io import BytesIO
from pathlib import Path
from urllib.parse import urlencode

import httpx
import pytest
import uvicorn
from fastapi.testclient import TestClient
from jinja2 import ChoiceLoader, DictLoader
from PIL import Image

from tests.ingestion.fakes import PhotoServer
from tests.service.records import count_events, events, exposures
from vlclip.engine.errors import PhotoError
from vlclip.engine.item import Item
from vlclip.engine.photos.room import Limits
from vlclip.engine.store.store import Point
from vlclip.ingestion.ledger.ledger import ledger_path
from vlclip.ingestion.photos.source import PhotoSource, is_url
from vlclip.ranking.history.event_kinds import EVENT_KINDS, EventKind
from vlclip.service.access.keys import add_key
from vlclip.service.api.app import create_app
from vlclip.service.http import html
from vlclip.service.http.html import ASSETS, POLICY, is_page
from vlclip.service.page import routes
from vlclip.service.page.facets import Facets
from vlclip.service.page.photos import SEARCH_PHOTOS, ItemPhotos, SearchPhotos
from vlclip.service.page.state import PageState
from vlclip.service.page.views import VIEWS as VIEW_TABLE
from vlclip.service.page.views import Content, View
from vlclip.service.settings import Settings
from vlclip.service.shop.shop import Shop

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = ["--no-sandbox", "--headless", "--disable-gpu", "--disable-background-networking"]
VIEWS = ["/", "/?text=red+shoe", "/page/item?id=drawn-00003", "/page/you", "/page/experiments"]
EXPERIMENT = """
id = "looks"
[[arms]]
id = "plain"
share = 3
[[arms]]
id = "other"
share = 1
weights = {text = 0.333, history = 0.2}
diversity = {amount = 0.1}
"""
NASTY = "<b id=nasty>Bold</b><script>window.broken = 1</script> \"' & shoe"


def open_shop(folder, **settings):
    return Shop(Settings.load(store=str(folder), device="cpu", **settings))


@pytest.fixture(scope="module")
def shop(filled, tmp_path_factory):
    folder = tmp_path_factory.mktemp("page")
    shutil.copytree(filled, folder / "store")
    (folder / "looks.toml").write_text(EXPERIMENT)
    return open_shop(folder / "store", experiment=str(folder / "looks.toml"))


@pytest.fixture(scope="module")
def address(shop):
    """Where the application answers; it closes the shop when it ends."""
    config = uvicorn.Config(create_app(shop), port=0, log_level="error", log_config=None, ws="none")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    until(lambda: server.started and shop.is_ready)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join()


@pytest.fixture(scope="module")
def chromium():
    if not CHROMIUM.exists():
        pytest.skip(f"there is no Chromium at {CHROMIUM}: apt-get install chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def open_tab(chromium, address):
    """Opens a tab; at the end none of them has complained or has asked another host."""
    contexts, wrong = [], []

    def opened(expects="nothing of the kind", **options):
        def hear(message):
            if message.type in ("error", "warning") and expects not in message.text:
                wrong.append(message.text)

        context = chromium.new_context(base_url=address, **options)
        context.set_default_timeout(60_000)
        contexts.append(context)
        tab = context.new_page()
        tab.on("console", hear)
        tab.on("pageerror", lambda error: wrong.append(str(error)))
        tab.on(
            "request",
            lambda request: None if request.url.startswith((address, "data:")) else wrong.append(request.url),
        )
        return tab

    yield opened
    for context in contexts:
        context.close()
    assert wrong == []


@pytest.fixture
def tab(open_tab):
    return open_tab(viewport={"width": 1200, "height": 900})


@pytest.fixture
def web(address):
    """The page over HTTP, as a browser without scripts: cookies are kept, redirects followed."""
    with httpx.Client(base_url=address, follow_redirects=True, timeout=60) as client:
        yield client


@pytest.fixture
def user():
    return f"anna {uuid.uuid4().hex[:6]}"


def until(holds, seconds=60.0):
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)


def becomes(tab, true):
    """Wait for a script of ours to be true; Playwright's own wait is what the policy forbids."""
    until(lambda: tab.evaluate(true))


def become(tab, name):
    tab.fill("#who", name)
    tab.press("#who", "Enter")
    tab.wait_for_selector("text=Be nobody")


def shown_ids(tab):
    """The ids of the items in the list."""
    links = tab.eval_on_selector_all(".results a", "all => all.map(one => one.href)")
    return [link.split("item=")[1].split("&")[0] for link in links]


def ids(html):
    return [part.split("&")[0] for part in unescape(html).split('href="/page/click?item=')[1:]]


def heading(tab):
    return tab.inner_text("#results h2")


# --- in a browser


def test_words_give_a_list_as_they_are_typed(tab):
    tab.goto("/")
    assert len(shown_ids(tab)) == 24
    tab.locator("#text").press_sequentially("red shoe")
    tab.wait_for_selector("#results h2:has-text('for “red shoe”')")
    assert heading(tab) == "Items 1 to 24 for “red shoe”"
    assert tab.inner_text("#status") == heading(tab)  # said to those who do not see it
    assert tab.evaluate("document.activeElement.id") == "text"
    assert "text=red%20shoe" in tab.url
    tab.reload()
    assert heading(tab) == "Items 1 to 24 for “red shoe”"
    becomes(tab, "[...document.querySelectorAll('.results img')].slice(0, 4).every(one => one.naturalWidth)")


def test_a_photo_is_searched_with_and_knobs_and_words_keep_it(tab, catalogue):
    tab.goto("/")
    tab.set_input_files("#photo", catalogue.parent / "photos" / "drawn-00004.jpg")
    tab.wait_for_selector(".search-photo img")
    assert heading(tab) == "Items 1 to 24 like the photo"
    assert tab.evaluate("document.querySelector('.search-photo img').naturalWidth") == 160
    tab.goto(f"{tab.url}&w.text=0")
    assert shown_ids(tab)[0] == "drawn-00004"
    tab.fill("#text", "lamp")
    tab.wait_for_selector("h2:has-text('for “lamp”')")
    assert "photo=" in tab.url
    tab.click("text=Search without it")
    tab.wait_for_selector(".search-photo", state="detached")
    assert "photo=" not in tab.url


def test_a_photo_is_dropped(tab, catalogue):
    tab.goto("/")
    box = tab.locator("#photo").bounding_box()
    browser = tab.context.new_cdp_session(tab)
    photo = str(catalogue.parent / "photos" / "drawn-00004.jpg")
    for kind in ("dragEnter", "dragOver", "drop"):
        browser.send(
            "Input.dispatchDragEvent",
            {
                "type": kind, "x": box["x"] + 4, "y": box["y"] + 4,
                "data": {"items": [], "files": [photo], "dragOperationsMask": 1},
            },
        )  # fmt: skip
    tab.wait_for_selector(".search-photo img")
    assert "like the photo" in heading(tab)


def test_a_click_is_in_the_history_and_changes_the_list_for_you(tab, shop, user):
    tab.goto("/page/you")
    become(tab, user)
    before = shown_ids(tab)
    tab.goto("/?text=shoe")
    clicked = shown_ids(tab)[2]
    tab.locator(".results a").nth(2).click()
    tab.wait_for_url("**/page/item?id=*")
    (click,) = events(shop, f"user:{user}")
    assert (click.kind, click.item) == ("click", clicked)
    lists = {element.request_id: element for element in exposures(shop, f"user:{user}")}
    assert clicked in [element.item for element in lists[click.request_id].items]
    tab.click("nav >> text=For you")
    assert tab.locator(".history li").count() == 1
    assert heading(tab) == f"Items 1 to 24 for {user}"
    assert "100 % of the history" in tab.inner_text(".tastes")
    assert clicked not in shown_ids(tab)
    assert shown_ids(tab) != before


def test_what_is_done_with_an_item_changes_the_list_beside_it(tab, shop, user):
    tab.goto("/page/item?id=drawn-00003")
    assert tab.is_disabled("text=Put in the cart")  # of nobody nothing is kept
    become(tab, user)
    assert "history" not in tab.inner_text(".parts >> nth=0")
    for name, did in (("Put in the cart", "put in the cart"), ("Buy", "bought"), ("Not for me", "disliked")):
        tab.click(f"text={name}")
        tab.wait_for_selector(f".confirmation:has-text('Stored: {did} by {user}')")
    deeds = events(shop, f"user:{user}")
    assert [event.kind for event in deeds] == ["dislike", "purchase", "cart"]
    tab.goto("/page/item?id=drawn-00009")
    assert "history" in tab.inner_text(".parts >> nth=0")


def test_sliders_rank_anew_and_say_where_they_stand(tab, web):
    tab.goto("/?text=blue+lamp")
    before = shown_ids(tab)
    for name in ("words", "exact"):
        tab.get_by_label(name, exact=True).press("Home")
    becomes(tab, "document.querySelector('#w-lexical-value').textContent == '0.00'")
    assert tab.inner_text("#w-text-value") == "0.00"
    weights = {"image": 1, "text": 0, "lexical": 0}
    plain = web.post("/v1/search", json={"text": "blue lamp", "weights": weights, "limit": 24}).json()
    assert shown_ids(tab) == [result["id"] for result in plain["results"]] != before
    tab.get_by_label("variety").press("End")
    tab.wait_for_selector(".parts dt:has-text('variety')")
    assert shown_ids(tab) != [result["id"] for result in plain["results"]]


def test_knobs_as_they_stand_are_those_of_the_arm_and_change_nothing(tab, shop):
    name = next(name for n in range(100) if shop.shoppers.arm(f"user:{(name := f'fay {n}')}").id == "other")
    tab.goto("/?text=shoe")
    become(tab, name)
    assert tab.inner_text("#w-text-value") == "0.33"
    before = shown_ids(tab)
    tab.click("text=Apply")
    tab.wait_for_url("**w.text=0.333**")
    assert shown_ids(tab) == before
    first, second = exposures(shop, f"user:{name}")
    assert first.items == second.items
    assert first.context["weights"] == second.context["weights"]


def test_filters_hold(tab, shop):
    tab.goto("/")
    box = tab.locator(".facet input").first
    kind = box.get_attribute("value")
    box.check()
    becomes(tab, "document.querySelectorAll('.results > li').length < 24")
    assert {record.payload["product_type"] for record in shop.store.retrieve(shown_ids(tab)).values()} == {
        kind
    }
    box.uncheck()
    tab.fill("#price-to", "40")
    tab.wait_for_url("**price.to=40**")
    records = shop.store.retrieve(shown_ids(tab)).values()
    assert records
    assert all(record.payload["price"] <= 40 for record in records)


def test_a_typo_in_a_filter_is_a_sentence_beside_the_form(open_tab):
    tab = open_tab(expects="status of 400")  # the browser's own line about such an answer
    tab.goto("/?text=shoe")
    tab.fill("#filter", "prize<40")
    tab.wait_for_selector("[role=alert]")
    assert "no field named 'prize'" in tab.inner_text("[role=alert]")
    tab.fill("#filter", "price<40; colour!=red")
    tab.wait_for_selector("h2:has-text('for “shoe”')")
    assert tab.input_value("#text") == "shoe"


def test_each_name_has_a_history_of_its_own_and_nobody_has_none(tab, user):
    tab.goto("/?text=shoe&w.text=0.5")
    become(tab, user)
    assert tab.url.endswith("/?text=shoe")  # the search stays; the knobs are those of the new arm
    tab.locator(".results a").first.click()
    become(tab, f"{user} <i>&amp;")
    tab.click("nav >> text=For you")
    assert tab.inner_text("h1") == f"For {user} <i>&amp;"
    assert "Nothing yet" in tab.inner_text("section.history")
    become(tab, user)
    assert tab.locator(".history li").count() == 1
    tab.click("text=Be nobody")
    tab.wait_for_selector("text=For nobody in particular")
    assert tab.locator(".history li").count() == 0


def test_everything_can_be_done_by_keyboard_and_the_focus_is_seen(tab):
    tab.goto("/")

    def focused():
        return tab.evaluate(
            "(one => [one.id || one.textContent.trim(), getComputedStyle(one).outlineStyle])"
            "(document.activeElement)"
        )

    tab.keyboard.press("Tab")
    assert focused() == ["To the content", "solid"]
    focus_order = []
    while "text" not in focus_order:
        tab.keyboard.press("Tab")
        name, outline = focused()
        assert outline == "solid", name
        focus_order.append(name)
    assert focus_order == ["vlclip", "Search", "For you", "Experiments", "who", "Switch", "text"]
    tab.keyboard.type("green hat")
    tab.keyboard.press("Enter")
    tab.wait_for_selector("h2:has-text('for “green hat”')")
    first = tab.evaluate("document.querySelector('.results a').getAttribute('href')")
    for _ in range(200):
        tab.keyboard.press("Tab")
        if tab.evaluate("document.activeElement.getAttribute('href')") == first:
            break
    tab.keyboard.press("Enter")
    tab.wait_for_url("**/page/item?id=*")


def test_every_control_has_a_name(tab):
    for view in VIEWS:
        tab.goto(view)
        named = "one => one.labels?.length || one.getAttribute('aria-label') || one.type == 'hidden'"
        assert tab.evaluate(f"[...document.querySelectorAll('input, select')].every({named})")
        assert tab.evaluate("document.querySelectorAll('main, h1').length") == 2
        assert tab.evaluate("[...document.images].every(one => one.hasAttribute('alt'))")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_it_without_scrolling_sideways_and_in_readable_colours(open_tab, scheme):
    tab = open_tab(viewport={"width": 360, "height": 740}, color_scheme=scheme)
    for view in VIEWS:
        tab.goto(view)
        for summary in tab.locator("main summary").all():
            summary.click()
        assert tab.evaluate("document.documentElement.scrollWidth") == 360, view
        assert tab.evaluate(CONTRAST) >= 4.5, view


CONTRAST = """() => {
  const light = colour => {
    const linear = v => (v /= 255) <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4;
    const [r, g, b] = colour.match(/[\\d.]+/g).map(linear);
    return .2126 * r + .7152 * g + .0722 * b;
  };
  const behind = one => {
    for (; one; one = one.parentElement) {
      const colour = getComputedStyle(one).backgroundColor;
      if (!colour.endsWith(', 0)')) return colour;
    }
  };
  const texts = [...document.querySelectorAll('body *')].filter(one => !one.disabled && one.checkVisibility()
    && [...one.childNodes].some(node => node.nodeType == 3 && node.data.trim()));
  return Math.min(...texts.map(one => {
    const [a, b] = [light(getComputedStyle(one).color), light(behind(one))].sort((x, y) => y - x);
    return (a + .05) / (b + .05);
  }));
}"""
"""The least contrast of any text with what is behind it, after WCAG 2.2."""


def test_what_a_title_says_is_shown_as_text(tab, web, shop):
    assert web.put("/v1/items/nasty", json={"title": "Bold shoe"}).status_code == 200
    record = shop.store.retrieve(["nasty"], with_vector=True)["nasty"]
    texts = dict.fromkeys(("title", "description", "brand", "note"), NASTY)  # as before HTML was taken out
    shop.store.upsert([Point("nasty", record.vector, NASTY, {**record.payload, **texts})])
    for view in (
        "/page/item?id=nasty",
        "/?text=Bold+shoe&w.image=0&w.text=0",
        f"/?{urlencode({'text': NASTY})}",
    ):
        tab.goto(view)
        assert NASTY in tab.inner_text("main")
        assert tab.locator("#nasty").count() == 0
        assert tab.evaluate("window.broken") is None
    assert web.delete("/v1/items/nasty").status_code == 204


# --- without scripts


def test_forms_work_without_scripts(web, shop, user):
    results = web.get("/", params={"text": "red shoe", "price.from": "", "w.image": "1"})
    assert len(ids(results.text)) == 24
    web.post("/page/user", data={"user": user}, headers={"Referer": str(results.url)})
    results = web.get("/", params={"text": "red shoe"})
    item = web.get(unescape(results.text.split('<a href="')[-1].split('"')[0]))
    link = unescape(results.text.split('href="/page/click?')[1].split('"')[0])
    item = web.get(f"/page/click?{link}")
    assert item.url.path == "/page/item"
    answer = web.post("/page/event", data={"kind": "cart", "item": item.url.params["id"]})
    assert "Stored: put in the cart" in answer.text
    assert [event.kind for event in events(shop, f"user:{user}")] == ["cart", "click"]
    photo = BytesIO()
    Image.new("RGB", (40, 50), "red").save(photo, "PNG")
    by_photo = web.post("/page/photo", files={"photo": photo.getvalue()}, data={"text": "shoe"})
    assert by_photo.url.params["text"] == "shoe"
    assert "data:image/jpeg" in by_photo.text


def test_a_kind_of_event_in_the_table_has_its_button_and_its_label(web, user, monkeypatch):
    praise = EventKind(name="praise", weight=1.5, label="praised", action="Praise it")
    monkeypatch.setitem(EVENT_KINDS, "praise", praise)
    web.cookies.set("vlclip_user", user.replace(" ", "%20"))
    item = web.get("/page/item", params={"id": "drawn-00003"})
    assert '<button name="kind" value="praise">Praise it</button>' in item.text
    answer = web.post("/page/event", data={"kind": "praise", "item": "drawn-00003"})
    assert f"Stored: praised by {user}" in unescape(answer.text)
    assert "praised" in web.get("/page/you").text


def test_lists_are_those_of_the_api_and_each_is_logged_once(web, shop, user):
    web.cookies.set("vlclip_user", user.replace(" ", "%20"))
    web.post("/page/event", data={"kind": "cart", "item": "drawn-00007"})
    before = len(exposures(shop, f"user:{user}"))
    pages = [
        web.get("/", params={"text": "red shoe"}),
        web.get("/page/item", params={"id": "drawn-00003"}),
        web.get("/page/you"),
    ]
    lists = exposures(shop, f"user:{user}")[before:]
    params = {"user": user, "limit": 24}
    api = [
        web.post("/v1/search", json={"text": "red shoe", **params}),
        web.get("/v1/items/drawn-00003/similar", params=params),
        web.get(f"/v1/users/{user}/recommendations", params={"limit": 24}),
    ]
    assert [exposure.kind for exposure in lists] == ["search", "similar", "recommendations"]
    for page, exposure, same in zip(pages, lists, api, strict=True):
        assert ids(page.text) == [item.item for item in exposure.items]
        assert ids(page.text) == [item["id"] for item in same.json()["results"]]
        assert exposure.arm.split("@")[0] == same.json()["arm"]


def test_page_two_goes_on_where_page_one_ended(web):
    first = web.get("/", params={"text": "shoe"}).text
    more = unescape(first.split('hx-get="')[-1].split('"')[0])
    second = web.get(more)
    assert "Items 25 to 48" in second.text
    assert not set(ids(first)) & set(ids(second.text))


def test_a_click_that_is_reloaded_counts_once_and_one_fetched_ahead_or_of_nobody_not_at_all(web, shop, user):
    click = {"item": "drawn-00001", "list": uuid.uuid4().hex}
    before = count_events(shop)
    assert web.get("/page/click", params=click).status_code == 200
    web.cookies.set("vlclip_user", user.replace(" ", "%20"))
    web.get("/page/click", params=click, headers={"Sec-Purpose": "prefetch"})
    assert count_events(shop) == before
    for _ in range(2):
        web.get("/page/click", params=click)
    assert count_events(shop) == before + 1


def test_the_item_page_says_what_made_its_vector(web, shop):
    record = shop.store.retrieve(["drawn-00003"])["drawn-00003"]
    html = unescape(web.get("/page/item", params={"id": "drawn-00003"}).text)
    for value in (
        record.payload["title"],
        record.payload["brand"],
        record.payload["provenance"]["fingerprint"],
    ):
        assert str(value) in html


def test_the_experiment_is_shown_with_its_arms_and_what_they_brought(web, shop, filled, tmp_path):
    for name in ("ben", "carla", "dora", "emil"):
        web.cookies.set("vlclip_user", name)
        results = web.get("/", params={"text": "shoe"})
        web.get("/page/click?" + unescape(results.text.split('href="/page/click?')[1].split('"')[0]))
    n_lists = len(exposures(shop))
    html = web.get("/page/experiments").text
    for arm, share in (("plain", "75.0 %"), ("other", "25.0 %")):
        assert f'<th scope="row">{arm}</th><td>{share}</td>' in html
    assert "CTR with 95 % intervals" in html
    assert "plain@" in html
    assert f"<dd>{n_lists:,}</dd>" in html
    shutil.copytree(filled, tmp_path / "store")
    with TestClient(create_app(open_shop(tmp_path / "store"))) as client:
        assert "No experiment runs" in client.get("/page/experiments").text
        # an id without a list yet, and a store without experiment, are both no error
        assert client.get("/page/experiments", params={"days": "soon"}).status_code == 200


def test_nobody_has_seen_a_new_experiment_and_the_page_says_so(filled, tmp_path):
    shutil.copytree(filled, tmp_path / "store")
    (tmp_path / "looks.toml").write_text(EXPERIMENT)
    with TestClient(
        create_app(open_shop(tmp_path / "store", experiment=str(tmp_path / "looks.toml")))
    ) as client:
        assert "was shown to anybody" in client.get("/page/experiments").text


def test_a_view_is_a_row_of_the_table_a_function_and_a_template(filled, tmp_path, monkeypatch):
    template = (
        '{% extends "layout.html.j2" %}{% block main %}<h1>Stock</h1>'
        "{% block results %}<p>{{ count }} items for {{ user or 'nobody' }}</p>{% endblock %}{% endblock %}"
    )
    monkeypatch.setattr(html._PAGES, "loader", ChoiceLoader(
        [DictLoader({"stock.html.j2": template}), html._PAGES.loader]
    ))  # fmt: skip
    stock = View(
        "/page/stock", "stock", lambda state, _: Content({"count": state.shop.store.count()}), "Stock"
    )
    monkeypatch.setattr(routes, "VIEWS", (*VIEW_TABLE, stock))
    shutil.copytree(filled, tmp_path / "store")
    with TestClient(create_app(open_shop(tmp_path / "store"))) as client:
        part = client.get("/page/stock", headers={"HX-Request": "true"})
        client.cookies.set("vlclip_user", "eve")
        whole = client.get("/page/stock")
    assert "<h1>Stock</h1><p>60 items for eve</p>" in whole.text
    assert '<a href="/page/you">For you</a>' in whole.text
    assert part.text == "<p>60 items for nobody</p>"


@pytest.mark.parametrize("view", VIEW_TABLE, ids=lambda view: view.template)
def test_what_htmx_gets_of_a_view_is_part_of_the_whole(web, shop, view):
    assert shop.shoppers.flush()  # the report counts lists that earlier tests made
    address = f"{view.path}?id=drawn-00003"
    whole, part = web.get(address).text, web.get(address, headers={"HX-Request": "true"}).text
    results = part.split("<div hx-swap-oob")[0].replace(" ", "")
    assert "<html" not in part
    assert 'hx-swap-oob="innerHTML:#status"' in part or view.template == "experiments"
    for line in re.sub(r"list=\w+", "", results).split("\n"):
        assert line in re.sub(r"list=\w+", "", whole.replace(" ", ""))


# --- errors, and who may see what


def test_every_answer_forbids_what_is_not_ours(web):
    for view in [*VIEWS, "/page/key", "/page/nowhere", "/page/item?id=gone"]:
        answer = web.get(view)
        assert answer.headers["content-security-policy"] == POLICY
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "style=" not in answer.text
        assert "<script>" not in answer.text
    assert "unsafe" not in POLICY
    assert "http" not in POLICY


@pytest.mark.parametrize("width", [1440, 390])
def test_the_page_of_the_api_fits_its_window_and_breaks_no_policy(open_tab, width):
    """The fixture listens to the console: a violation of the policy would be an error there."""
    tab = open_tab(viewport={"width": width, "height": 900})
    tab.goto("/docs")
    assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert tab.locator("section.operation").count() > 20
    tab.get_by_role("link", name="POST /v1/search").click()
    assert tab.url.endswith("#post-v1-search")


def test_each_file_of_the_page_is_there_and_kept_for_long(web):
    html = web.get("/").text
    for path in ASSETS:
        address = html.split(f'"{path}?')[1].split('"')[0]
        assert "immutable" in web.get(f"{path}?{address}").headers["cache-control"]


@pytest.mark.parametrize(
    ("path", "status", "message"),
    [
        ("/?filter=prize%3C40", 400, "no field named 'prize'"),
        ("/?price.from=cheap", 400, "'cheap' is not a number"),
        ("/?w.image=-1&text=shoe", 400, "must be a number from 0 to 1,000,000"),
        ("/?w.image=0&w.text=0", 400, "nothing is left to compare"),
        ("/?diversity=2&text=shoe", 400, "between 0 and 1"),
        ("/?offset=-3", 400, "between 0 and 10000"),
        ("/?photo=old", 400, "choose it again"),
        (f"/?text={'a' * 2001}", 400, "make it shorter"),
        ("/page/item?id=gone", 404, "not in the store, or not any more"),
        ("/page/nowhere", 404, "Not Found"),
        ("/page/photo?id=gone", 404, "no item"),
    ],
)
def test_what_is_wrong_is_a_sentence_in_a_page_or_in_a_part_of_it(web, path, status, message):
    whole = web.get(path)
    part = web.get(path, headers={"HX-Request": "true"})
    for answer in (whole, part):
        assert answer.status_code == status
        assert answer.headers["content-type"].startswith("text/html")
        assert message in unescape(answer.text).split('role="alert"')[1]
    assert "<html" in whole.text
    assert "<html" not in part.text


def test_a_list_with_an_item_that_is_gone_and_a_search_before_the_models_are_there(filled, tmp_path):
    shutil.copytree(filled, tmp_path / "store")
    shop = open_shop(tmp_path / "store")
    client = TestClient(create_app(shop))
    assert not shop.is_ready
    answer = client.get("/", params={"text": "shoe"})
    assert (answer.status_code, "models are being loaded" in answer.text) == (503, True)
    client.cookies.set("vlclip_user", "anna")
    client.post("/page/event", data={"kind": "cart", "item": "drawn-00001"})
    shop.delete(["drawn-00001"])

    assert "drawn-00001 (no longer in the store)" in client.get("/page/you").text
    shop.close()


@pytest.mark.parametrize("path", ["/page/user", "/page/event", "/page/photo", "/page/key"])
def test_what_another_site_sends_changes_nothing(web, path):
    answer = web.post(path, data={"user": "eve", "key": "x"}, headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 403
    assert "another site" in answer.text
    assert not web.cookies


def test_after_a_switch_the_browser_is_sent_to_a_view_of_ours_only(web):
    for referer, to in (
        ("https://evil.example/", "/"),
        ("https://evil.example/page/you", "/page/you"),
        ("javascript:alert(1)", "/"),
        ("", "/"),
    ):
        answer = web.post(
            "/page/user", data={"user": "a"}, headers={"Referer": referer}, follow_redirects=False
        )
        assert answer.headers["location"] == to


@pytest.mark.parametrize(
    ("name", "says"), [("a" * 101, "at most 100"), ("a\u202eb", "none of them invisible")]
)
def test_a_name_that_cannot_be_kept_is_refused(web, name, says):
    assert says in web.post("/page/user", data={"user": name}).text


def test_with_keys_the_page_asks_for_one_and_the_api_takes_none_from_its_cookie(filled, tmp_path):
    shutil.copytree(filled, tmp_path / "store")
    reader, writer, both = (
        add_key(tmp_path / "store" / "records" / "keys.json", scopes)[0]
        for scopes in (["read"], ["write"], ["read", "write"])
    )
    with TestClient(create_app(open_shop(tmp_path / "store"))) as client:
        answer_without = client.get("/page/you")
        assert answer_without.url.path == "/page/key"
        assert client.get("/", headers={"HX-Request": "true"}).headers["hx-redirect"].startswith("/page/key")
        assert all(client.get(path).status_code == 200 for path in ASSETS)
        assert "not known here" in client.post("/page/key", data={"key": "vlclip_wrong"}).text
        assert "may not see that page" in client.post("/page/key", data={"key": writer}).text
        answer = client.post("/page/key", data={"key": reader}, follow_redirects=False)
        cookie = answer.headers["set-cookie"].lower()
        assert "httponly" in cookie
        assert "samesite=strict" in cookie
        assert client.get("/page/item?id=drawn-00003").url.path == "/page/item"
        for closed in ("/page/you", "/page/experiments"):  # a key in a page is not for what others did
            assert "may not see that page" in client.get(closed).text
        client.post("/page/key", data={"key": both})
        for opened in ("/page/you", "/page/experiments"):
            assert client.get(opened).url.path == opened
        assert client.get("/v1/items/drawn-00001").status_code == 401
        assert client.delete("/v1/items/drawn-00001").status_code == 401
        assert "Forget my API key" in client.get("/").text
        client.post("/page/key")
        assert client.get("/").url.path == "/page/key"


def test_a_page_is_what_people_look_at():
    assert is_page("/")
    assert is_page("/page/you")
    assert not is_page("/v1/search")
    assert not is_page("/pages")


# --- photos


@pytest.mark.parametrize("is_set", [True, False])
def test_only_photos_in_the_folder_are_shown(tmp_path, is_set):
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    inside.mkdir(), outside.mkdir()
    for folder in (inside, outside):
        Image.new("RGB", (8, 8)).save(folder / "a.png")
    (inside / "notes.txt").write_text("a secret")
    (inside / "drawing.jpg").write_text("<svg xmlns='http://www.w3.org/2000/svg'><script/></svg>")
    (inside / "link.png").symlink_to(outside / "a.png")
    (inside / "folder").symlink_to(outside)
    settings = Settings(page={"photos": str(inside)}) if is_set else Settings()
    catalogues = [tmp_path / "gone", outside] if is_set else [tmp_path / "gone", inside]
    photos = ItemPhotos(settings, lambda: catalogues)
    assert photos.read("a.png")[1] == "image/png"
    assert photos.read(str(inside / "a.png"))[1] == "image/png"
    for path in (
        "../outside/a.png",
        "link.png",
        "folder/a.png",
        str(outside / "a.png"),
        "",
        ".",
        "no.png",
        "a\0b",
    ):
        assert not photos.has(path)
        with pytest.raises(PhotoError):
            photos.read(path)
    for path in ("notes.txt", "drawing.jpg"):
        with pytest.raises(PhotoError, match="cannot show this photo"):
            photos.read(path)
    assert not ItemPhotos(Settings()).has(str(inside / "a.png"))
    assert not photos.has(None)


def test_photos_of_an_ingested_catalogue_are_shown_without_a_setting(shop):
    assert not shop.settings.page.photos
    photos = PageState(shop).item_photos
    page = next(shop.store.scan(fields=("image",)))
    paths = [record.payload["image"] for record in page if not is_url(record.payload["image"])]
    assert paths
    assert all(photos.has(path) for path in paths)


@pytest.mark.parametrize("image", ["/w/b/a.jpg", "w/b/a.jpg", "w\\b\\a.jpg"])
def test_the_photo_that_an_ingest_reads_is_the_one_that_is_shown(tmp_path, image):
    file = tmp_path / "pub/media/catalog/product/w/b/a.jpg"
    file.parent.mkdir(parents=True)
    Image.new("RGB", (8, 8)).save(file)
    read = PhotoSource(lambda url: b"", tmp_path, max_bytes=10_000).read(image)
    assert ItemPhotos(Settings(), lambda: [tmp_path]).read(image) == (read, "image/jpeg")


def test_a_photo_with_an_address_is_fetched_here_within_the_limits_of_ingesting():
    server, photo = PhotoServer(), BytesIO()
    Image.new("RGB", (8, 8)).save(photo, "JPEG")
    url = server.serve("/a.jpg", photo.getvalue())
    assert ItemPhotos(Settings(fetch={"allow_private": True})).read(url) == (photo.getvalue(), "image/jpeg")
    with pytest.raises(PhotoError):
        ItemPhotos(Settings()).read(url)
    server.close()


def test_photos_are_served_by_the_id_of_their_item(web, catalogue):
    answer = web.get("/page/photo", params={"id": "drawn-00002"})
    assert answer.content == (catalogue.parent / "photos" / "drawn-00002.jpg").read_bytes()
    assert answer.headers["content-type"] == "image/jpeg"


def test_an_item_with_several_photos_shows_all_that_can_be_served(filled, catalogue, tmp_path):
    shutil.copytree(filled, tmp_path / "store")
    names = [f"photos/drawn-0000{number}.jpg" for number in (2, 3, 4)]
    settings = {"page": {"photos": str(catalogue.parent)}}
    shop = open_shop(tmp_path / "store", **settings)
    with TestClient(create_app(shop)) as client:
        store = shop.store
        record = store.retrieve(["drawn-00002"], with_vector=True)["drawn-00002"]
        item = Item.from_payload({**record.payload, "photos": [names[0], "lost.jpg", *names[1:]]})
        payload = {**item.payload(), "provenance": record.payload["provenance"]}
        store.upsert([Point(record.id, record.vector, item.lexical_texts, payload)])
        html = client.get("/page/item", params={"id": "drawn-00002"}).text
        assert [number for number in range(1, 6) if f"id=drawn-00002&amp;number={number}" in html] == [
            1,
            3,
            4,
        ]
        for number, name in ((1, names[0]), (3, names[1]), (4, names[2])):
            answer = client.get("/page/photo", params={"id": "drawn-00002", "number": number})
            assert answer.content == (catalogue.parent / name).read_bytes()
        assert client.get("/page/photo", params={"id": "drawn-00002", "number": 9}).status_code == 422
        assert "strip" not in client.get("/page/item", params={"id": "drawn-00003"}).text


def test_without_a_folder_items_have_a_drawn_placeholder(filled, tmp_path):
    shutil.copytree(filled, tmp_path / "store")
    ledger_path(Settings(store=str(tmp_path / "store"))).unlink()  # it knows the catalogue's folder
    with TestClient(create_app(open_shop(tmp_path / "store"))) as client:
        html = client.get("/").text
        assert html.count('class="missing"') == 24
        assert "/page/photo?id" not in html
        assert client.get("/page/photo", params={"id": "drawn-00002"}).status_code == 422


def test_the_newest_searched_photos_are_kept():
    photos, photo = SearchPhotos(Limits(10_000)), BytesIO()
    Image.new("RGB", (8, 8)).save(photo, "PNG")
    names = [photos.keep(photo.getvalue()) for _ in range(SEARCH_PHOTOS + 1)]
    assert len(set(names)) == SEARCH_PHOTOS + 1
    assert photos.decoded(names[-1]).size == (8, 8)
    with pytest.raises(Exception, match="choose it again"):
        photos.get(names[0])
    with pytest.raises(PhotoError):
        photos.keep(b"no photo")


def test_facets_are_of_fields_with_few_values_and_counted_exactly(shop, address):
    facets = Facets(shop.store).get()
    assert list(facets)[:2] == ["product_type", "brand"]
    assert not {"id", "title", "image", "currency"} & facets.keys()
    for field, values in facets.items():
        for value, count in values.items():
            records = [record for batch in shop.store.scan(fields=(field,)) for record in batch]
            assert sum(record.payload.get(field) == value for record in records) == count
