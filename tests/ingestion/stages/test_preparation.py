"""Crops and refined texts on their way into the store, and what every point says of them."""

import json
from dataclasses import dataclass, field

import pytest

from tests.ingestion.fakes import INFO, FakeEmbedder, Shop, direction, photo_bytes
from vlclip.engine.errors import BudgetSpent
from vlclip.engine.grounding.grounder import Detection
from vlclip.engine.grounding.rule import Rule
from vlclip.engine.refinement.refined import Refined
from vlclip.ingestion.stages.preparation import Preparation
from vlclip.service.settings import Settings

RULE = Rule(threshold=0.5, padding=0.0, min_area=0.01)


@dataclass
class FakeGrounder:
    """Finds the left half of every photo, as sure as it was told to be."""

    name: str = "fake:left@1"
    score: float = 0.9
    prompts: list[str] = field(default_factory=list)

    def locate(self, photos, product_types):
        self.prompts += product_types
        return [
            Detection((0.0, 0.0, photo.width / 2, float(photo.height)), self.score) if kind else None
            for photo, kind in zip(photos, product_types, strict=True)
        ]


@dataclass
class FakeRefiner:
    version: str = "fake-1"
    words: str = "clean"
    photos: list[bytes | None] = field(default_factory=list)
    budget: int = 1000
    closed: bool = False

    def refine(self, items, photos):
        self.photos += photos
        self.budget -= len(items)
        if self.budget < 0:
            raise BudgetSpent("the budget is spent; run again to go on")
        return [Refined(f"{self.words} {item.title}", "fields", self.version) for item in items]

    def close(self):
        self.closed = True


def preparation(grounder=None, refiner=None, rule=RULE, **more):
    loads = []

    def load():
        loads.append(grounder)
        return grounder

    prepared = Preparation(grounder.name if grounder else "", rule, refiner, load=load, **more)
    return prepared, loads


@pytest.fixture
def catalogue(tmp_path):
    rows = []
    for number in range(9):
        (tmp_path / f"{number}.png").write_bytes(photo_bytes((number * 20, 90, 200), format="PNG"))
        rows.append(
            {"id": f"p{number}", "title": f"thing {number}", "product_type": "lamp", "image": f"{number}.png"}
        )
    path = tmp_path / "catalogue.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    return path


@pytest.fixture
def shop(tmp_path):
    return Shop(tmp_path / "store")


def provenance(shop):
    return {item_id: payload["provenance"] for item_id, (payload, _) in shop.points().items()}


def test_the_crop_is_embedded_and_the_point_says_what_was_cut_out_by_whom(shop, catalogue):
    prepared, _ = preparation(FakeGrounder())
    report = shop.ingest(catalogue, preparation=prepared)
    assert (report.cropped, report.grounded, report.refinement) == (9, 9, {})
    for payload, vector in shop.points().values():
        stored = payload["provenance"]
        assert stored["grounder"] == "fake:left@1"
        assert stored["rule"] == RULE.id
        assert stored["detected"] == [0.0, 0.0, 20.0, 30.0]
        assert stored["detected_score"] == 0.9
        assert stored["crop"] == [0, 0, 20, 30]
        assert stored["photo_size"] == [40, 30]
        assert len(vector) == 8


def test_what_is_embedded_is_what_lies_inside_the_crop(tmp_path, shop):
    from PIL import Image

    photo = Image.new("RGB", (40, 30), "red")
    photo.paste("blue", (20, 0, 40, 30))
    photo.save(tmp_path / "half.png")
    path = tmp_path / "catalogue.jsonl"
    path.write_text(json.dumps({"id": "a", "title": "x", "product_type": "lamp", "image": "half.png"}))
    shop.ingest(path, preparation=preparation(FakeGrounder())[0])
    (_, vector) = shop.points()["a"]
    left = FakeEmbedder().prepare(Image.new("RGB", (20, 30), "red"))
    expected = INFO.space.item_vectors(
        {"image": direction(left.tobytes())[None], "text": direction(b"x")[None]}, 1
    )
    assert vector == pytest.approx(expected[0].tolist(), abs=1e-6)


def test_a_box_that_is_not_trusted_is_kept_as_data_and_the_whole_photo_is_embedded(shop, tmp_path, catalogue):
    report = shop.ingest(catalogue, preparation=preparation(FakeGrounder(score=0.4))[0])
    assert (report.cropped, report.grounded) == (0, 9)
    plain = Shop(tmp_path / "plain")
    plain.ingest(catalogue, preparation=preparation()[0])
    for item_id, (payload, vector) in shop.points().items():
        assert "crop" not in payload["provenance"]
        assert payload["provenance"]["detected_score"] == 0.4
        assert vector == plain.points()[item_id][1]


def test_without_grounder_and_refiner_a_point_says_nothing_of_them(shop, catalogue):
    shop.ingest(catalogue, preparation=preparation()[0])
    assert set(provenance(shop)["p0"]) >= {"fingerprint", "content_hash", "text"}
    assert not set(provenance(shop)["p0"]) & {"grounder", "rule", "crop", "refiner", "text_by"}


def test_the_second_time_nothing_is_loaded_or_asked(shop, catalogue):
    shop.ingest(catalogue, preparation=preparation(FakeGrounder(), FakeRefiner())[0])
    refiner = FakeRefiner()
    prepared, loads = preparation(FakeGrounder(), refiner)
    assert shop.ingest(catalogue, preparation=prepared).unchanged == 9
    assert loads == []
    assert refiner.photos == []


@pytest.mark.parametrize(
    "other",
    [
        preparation(FakeGrounder("fake:left@2"), FakeRefiner())[0],
        preparation(FakeGrounder(), FakeRefiner(), Rule(0.5, 0.1, 0.01))[0],
        preparation(FakeGrounder(), FakeRefiner("fake-2"))[0],
        preparation(FakeGrounder())[0],
        preparation(None, FakeRefiner())[0],
        preparation()[0],
    ],
    ids=["grounder", "rule", "refiner", "no refiner", "no grounder", "neither"],
)
def test_another_way_to_prepare_embeds_everything_again(shop, catalogue, other):
    shop.ingest(catalogue, preparation=preparation(FakeGrounder(), FakeRefiner())[0])
    assert shop.ingest(catalogue, preparation=other).embedded == 9
    assert all(other.matches(stored) for stored in provenance(shop).values())


def test_a_type_is_asked_for_and_an_item_without_one_keeps_its_photo(shop, tmp_path, catalogue):
    rows = [json.loads(line) for line in catalogue.read_text().splitlines()]
    del rows[0]["product_type"]
    catalogue.write_text("\n".join(map(json.dumps, rows)))
    grounder = FakeGrounder()
    shop.ingest(catalogue, preparation=preparation(grounder)[0])
    assert sorted(grounder.prompts) == [""] + ["lamp"] * 8
    assert "detected" not in provenance(shop)["p0"]
    assert shop.ingest(catalogue, preparation=preparation(FakeGrounder())[0]).unchanged == 9


def test_the_refined_text_is_embedded_unless_the_photo_disagrees(shop, tmp_path, catalogue):
    shop.ingest(catalogue, preparation=preparation(None, FakeRefiner())[0])
    stored = provenance(shop)["p3"]
    assert (stored["text"], stored["text_by"], stored["refiner"]) == ("clean thing 3", "fields", "fake-1")
    other = Shop(tmp_path / "other")
    disagreeing = preparation(None, FakeRefiner(words="disagrees"), agreement="all")[0]
    report = other.ingest(catalogue, preparation=disagreeing)
    stored = provenance(other)["p3"]
    assert (stored["text"], stored["text_by"]) == ("thing 3", "raw")
    assert "agreement" in stored["text_note"]
    assert report.refinement["kept_share"] == 0
    assert report.refinement["refused"] == 9


@pytest.mark.parametrize(("by", "text"), [("llm", "thing 3"), ("fields", "disagrees thing 3")])
def test_the_photo_judges_a_models_text_and_not_the_items_own_fields(shop, catalogue, by, text):
    class By(FakeRefiner):
        def refine(self, items, photos):
            return [Refined(f"disagrees {item.title}", by, self.version) for item in items]

    shop.ingest(catalogue, preparation=preparation(None, By())[0])
    assert provenance(shop)["p3"]["text"] == text


@pytest.mark.parametrize("sees", [True, False])
def test_photos_go_to_refiners_that_see_and_to_no_other(shop, catalogue, sees):
    refiner = FakeRefiner()
    shop.ingest(catalogue, preparation=preparation(None, refiner, sees=sees)[0])
    assert all((photo is not None) == sees for photo in refiner.photos)
    assert refiner.closed


def test_a_spent_budget_stops_the_run_and_the_next_one_goes_on(shop, catalogue):
    with pytest.raises(BudgetSpent, match="run again"):
        shop.ingest(catalogue, preparation=preparation(None, FakeRefiner(budget=5))[0])
    assert not [stored for stored in provenance(shop).values() if stored["text_by"] != "fields"]
    saved = len(shop.points())
    assert saved < 9
    report = shop.ingest(catalogue, preparation=preparation(None, FakeRefiner())[0])
    assert report.unchanged == saved
    assert len(shop.points()) == 9


def test_an_item_the_endpoint_failed_on_is_asked_about_again(shop, catalogue):
    class Failing(FakeRefiner):
        def refine(self, items, photos):
            texts = super().refine(items, photos)
            return [Refined(t.text, "fields", "fields-0", fallback="endpoint: 500") for t in texts]

    shop.ingest(catalogue, preparation=preparation(None, Failing())[0])
    assert provenance(shop)["p0"]["text_note"] == "endpoint: 500"
    assert shop.ingest(catalogue, preparation=preparation(None, FakeRefiner())[0]).embedded == 9


def test_items_that_come_one_by_one_are_prepared_alike(shop, tmp_path, catalogue):
    from vlclip.engine.item import Item

    prepared, _ = preparation(FakeGrounder(), FakeRefiner())
    shop.ingest(catalogue, preparation=preparation(FakeGrounder(), FakeRefiner())[0])
    other = Shop(tmp_path / "other")
    items = [
        Item(f"p{n}", f"thing {n}", product_type="lamp", image=(tmp_path / f"{n}.png").read_bytes())
        for n in range(9)
    ]
    other.put(items, preparation=prepared)
    for item_id, (_, vector) in shop.points().items():
        assert other.points()[item_id][1] == vector
    assert prepared.matches(provenance(other)["p0"])


def test_settings_name_the_preparation_without_loading_anything():
    off = Preparation.of(Settings.load(refinement={"mode": "off"}), "english")
    assert (off.grounder, off.refiner, off.provenance) == ("", None, {})
    on = Preparation.of(Settings.load(), "english")
    assert set(on.provenance) == {"refiner", "agreement"}
    on.close()
