"""A small Grounding DINO learns: the loss, the vocabulary, a run, and what it leaves behind."""

import json

import numpy as np
import pytest
import torch
from transformers import AutoProcessor, BertTokenizer, GroundingDinoForObjectDetection

from tests.engine.training.grounder.test_composites import product
from vlclip.engine.errors import TrainingError
from vlclip.engine.training.grounder import training as grounding
from vlclip.engine.training.grounder.answers import find_boxes, forward
from vlclip.engine.training.grounder.loss import Targets, box_iou, corners, grounding_loss
from vlclip.engine.training.grounder.material import Material, collate, draw_scenes
from vlclip.engine.training.grounder.model import export_grounder, new_model
from vlclip.engine.training.grounder.phrases import SPECIAL, learn_vocabulary
from vlclip.engine.training.grounder.recipe import GroundingRecipe, read_grounding_recipe
from vlclip.engine.training.grounder.scenes import held_out, prompt_for

TINY = {
    "backbone_config": {
        "model_type": "swin", "embed_dim": 8, "depths": [1, 1, 1], "num_heads": [1, 2, 2], "window_size": 4,
        "image_size": 128, "patch_size": 4, "out_features": ["stage2", "stage3"],
    },
    "text_config": {
        "model_type": "bert", "hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2,
        "intermediate_size": 32, "max_position_embeddings": 64,
    },
    "d_model": 32, "encoder_layers": 1, "decoder_layers": 2, "encoder_ffn_dim": 32, "decoder_ffn_dim": 32,
    "encoder_attention_heads": 2, "decoder_attention_heads": 2, "num_queries": 8, "num_feature_levels": 2,
    "max_text_len": 32, "dropout": 0.0, "fusion_droppath": 0.0,
}  # fmt: skip


def recipe(**changes):
    settings = {"model": TINY, "steps": 4, "batch": 4, "save_every": 2, "warmup_steps": 1, "naming_steps": 2}
    return GroundingRecipe(**(settings | changes))


@pytest.fixture
def material():
    colours = {"Shirts": "red", "Shoes": "blue", "Bags": "green", "Watches": "purple", "Belts": "orange"}
    return Material([product(colour, name) for name, colour in colours.items()], [])


def run_of(folder, plan, material, report=lambda _: None):
    grounding.start_grounder(folder, plan, material.phrases)
    run = grounding.GroundingRun(folder, plan)
    grounding.train_grounder(run, material, held_out(material.products, [], 3), report)
    return run


def weights(folder):
    return torch.load(folder / "checkpoint.pt", weights_only=False)["model"]


def test_overlap_of_boxes_worked_out_by_hand():
    """Two 2x2 squares one apart share 1x2 of a union of 6; the hull is 3x2, so GIoU equals IoU."""
    first, second = torch.tensor([0.0, 0.0, 2.0, 2.0]), torch.tensor([1.0, 0.0, 3.0, 2.0])
    iou, giou = box_iou(first, second)
    assert iou.item() == pytest.approx(2 / 6)
    assert giou.item() == pytest.approx(2 / 6)
    iou, giou = box_iou(first, torch.tensor([4.0, 0.0, 6.0, 2.0]))  # apart: hull 12, union 8
    assert iou.item() == 0
    assert giou.item() == pytest.approx(-4 / 12)
    assert corners(torch.tensor([0.5, 0.5, 0.2, 0.4])).tolist() == pytest.approx([0.4, 0.3, 0.6, 0.7])


class Encoder:
    """What the loss reads of the model's outputs."""

    def __init__(self, coordinates, logits):
        self.enc_outputs_coord_logits, self.enc_outputs_class = coordinates, logits


def answer(box, certainty, *, tokens=3):
    """Four predictions of which the first has the box and names its token with this certainty."""
    boxes = torch.tensor([[box, [0.1, 0.1, 0.1, 0.1], [0.9, 0.9, 0.1, 0.1], [0.1, 0.9, 0.1, 0.1]]])
    logits = torch.full((1, 4, tokens), -8.0)
    logits[0, 0, 1] = certainty
    return boxes, logits


def loss_of(boxes, logits, targets):
    encoder = Encoder(torch.special.logit(boxes, eps=1e-6), logits)
    return grounding_loss(encoder, [boxes], [logits], targets).item()


def test_the_right_box_named_rightly_costs_next_to_nothing_and_anything_else_more():
    true = [0.5, 0.5, 0.4, 0.4]
    named = torch.zeros(1, 1, 3)
    named[0, 0, 1] = 1
    targets = Targets(torch.tensor([[true]]), named, torch.tensor([[True]]))
    right = loss_of(*answer(true, 8.0), targets)
    assert right < 0.15
    assert loss_of(*answer(true, -8.0), targets) > right + 1
    assert loss_of(*answer([0.6, 0.5, 0.4, 0.4], 8.0), targets) > right + 0.3


def test_rows_that_only_fill_up_change_nothing():
    true = [0.5, 0.5, 0.4, 0.4]
    named = torch.zeros(1, 2, 3)
    named[0, 0, 1] = 1
    filled = Targets(torch.tensor([[true, [0.5, 0.5, 1.0, 1.0]]]), named, torch.tensor([[True, False]]))
    alone = Targets(filled.boxes[:, :1], named[:, :1], filled.real[:, :1])
    assert loss_of(*answer(true, 1.0), filled) == pytest.approx(loss_of(*answer(true, 1.0), alone))


def test_a_scene_without_the_thing_asked_for_teaches_silence():
    nothing = Targets(torch.full((1, 1, 4), 0.5), torch.zeros(1, 1, 3), torch.tensor([[False]]))
    boxes, loud = answer([0.5, 0.5, 0.4, 0.4], 8.0)
    assert loss_of(boxes, loud, nothing) > loss_of(*answer([0.5, 0.5, 0.4, 0.4], -8.0), nothing) + 0.5


def test_the_selection_gets_a_gradient(tmp_path, material):
    """transformers' own loss gives none to the heads that choose the decoder's queries."""
    plan = recipe()
    grounding.start_grounder(tmp_path, plan, material.phrases)
    model, prompts = new_model(tmp_path, plan)
    rng = np.random.default_rng(0)
    batch = [prompt_for(scene, material.phrases, rng) for scene in draw_scenes(material, plan, rng)]
    photos, tokens, targets = collate(batch, prompts, torch.device("cpu"))
    boxes, logits, outputs = forward(model, photos, tokens)
    grounding_loss(outputs, boxes, logits, targets).backward()
    for parameter in model.model.encoder_output_bbox_embed.layers[-1].parameters():
        assert parameter.grad is not None
        assert parameter.grad.abs().sum() > 0


def test_collated_tokens_name_their_products(tmp_path, material):
    plan = recipe(batch=6)
    grounding.start_grounder(tmp_path, plan, material.phrases)
    _, prompts = new_model(tmp_path, plan)
    rng = np.random.default_rng(1)
    batch = [prompt_for(scene, material.phrases, rng) for scene in draw_scenes(material, plan, rng)]
    _, tokens, targets = collate(batch, prompts, torch.device("cpu"))
    for row, prompted in enumerate(batch):
        named_products = np.flatnonzero(prompted.named.any(axis=1))
        assert targets.real[row].sum() == len(named_products)
        for place, which in enumerate(named_products):
            token_ids = tokens["input_ids"][row][targets.tokens[row, place].bool()]
            phrases = {
                phrase for column, phrase in enumerate(prompted.phrases) if prompted.named[which, column]
            }
            assert prompts.tokenizer.decode(token_ids) in {" ".join(order) for order in _orders(phrases)}


def _orders(phrases):
    return [list(phrases), list(reversed(list(phrases)))]


def test_the_vocabulary_puts_the_special_tokens_where_the_model_expects_them():
    vocabulary = learn_vocabulary(["casual shoes", "t-shirts", "sarees"] * 3, 1200)
    assert {token: vocabulary[token] for token in SPECIAL} == SPECIAL
    assert sorted(vocabulary.values()) == list(range(max(vocabulary.values()) + 1))


def test_the_same_phrases_give_the_same_vocabulary_and_other_words_are_spelt():
    phrases = ["casual shoes", "shoes", "Ünder shirts"]
    vocabulary = learn_vocabulary(phrases, 1600)
    assert list(vocabulary.items()) == list(learn_vocabulary(phrases, 1600).items())
    tokenizer = BertTokenizer(vocab=vocabulary)
    assert tokenizer.tokenize("casual Shoes") == ["casual", "shoes"]
    assert tokenizer.tokenize("hat") == ["h", "##a", "##t"]
    assert len(learn_vocabulary(phrases, len(SPECIAL) + 90)) >= 90


def test_our_tokens_are_those_of_the_processor_a_user_loads(tmp_path, material):
    plan = recipe(steps=1, naming_steps=0)
    run_of(tmp_path / "run", plan, material)
    export_grounder(tmp_path / "run", tmp_path / "model")
    processor = AutoProcessor.from_pretrained(tmp_path / "model")
    _, prompts = new_model(tmp_path / "run", plan)
    ours, _ = prompts.tokens([["shoes", "unheard-of things"]])
    assert processor.tokenizer("shoes. unheard-of things.")["input_ids"] == ours["input_ids"][0].tolist()


def test_a_stopped_run_goes_on_to_the_same_weights(tmp_path, material):
    plan = recipe()
    whole = run_of(tmp_path / "whole", plan, material)

    class Stopped(Exception):
        pass

    def stop(figures):
        if figures.get("saved") and figures["step"] == 2:
            raise Stopped

    with pytest.raises(Stopped):
        run_of(tmp_path / "stopped", plan, material, stop)
    resumed = run_of(tmp_path / "stopped", plan, material)
    assert [entry["step"] for entry in resumed.history] == [2, 4]
    assert [entry["step"] for entry in whole.history] == [2, 4]
    ours, theirs = weights(tmp_path / "stopped"), weights(tmp_path / "whole")
    for name, tensor in theirs.items():
        torch.testing.assert_close(ours[name], tensor)


def test_an_exported_run_is_loaded_by_transformers_and_finds_the_same_boxes(tmp_path, material):
    plan = recipe(steps=2)
    run_of(tmp_path / "run", plan, material)
    export_grounder(tmp_path / "run", tmp_path / "model", half=False)
    loaded = GroundingDinoForObjectDetection.from_pretrained(tmp_path / "model").eval()
    model, prompts = new_model(tmp_path / "run", plan)
    model.load_state_dict(weights(tmp_path / "run"))
    photo = held_out(material.products, [], 1)[0].scene.photo
    ours = find_boxes(model.eval(), prompts, [photo], ["shoes"])
    theirs = find_boxes(loaded, prompts, [photo], ["shoes"])
    torch.testing.assert_close(ours, theirs)


def test_names_are_learned_before_boxes(tmp_path, material):
    reports = []
    plan = recipe(naming_steps=30, naming_lr=5e-3, steps=1)
    run_of(tmp_path, plan, material, lambda figures: reports.append(figures.get("naming")))
    losses = [loss for loss in reports if loss is not None]
    assert losses[-1] < losses[0] * 0.8


def test_another_recipe_in_the_same_folder_is_refused(tmp_path, material):
    grounding.start_grounder(tmp_path, recipe(), material.phrases)
    with pytest.raises(TrainingError, match="another recipe"):
        grounding.start_grounder(tmp_path, recipe(steps=9), material.phrases)


@pytest.mark.parametrize(
    ("text", "wrong"), [('{"model": {}, "stepz": 1}', "stepz"), ("{", "recipe"), (None, "cannot read")]
)
def test_a_recipe_that_cannot_be_used_says_why(tmp_path, text, wrong):
    path = tmp_path / "recipe.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(TrainingError, match=wrong):
        read_grounding_recipe(path)


def test_a_model_that_is_no_grounding_dino_says_so(tmp_path, material):
    plan = recipe(model={"d_model": 32})
    grounding.start_grounder(tmp_path, plan, material.phrases)
    with pytest.raises(TrainingError, match="Grounding DINO configuration"):
        new_model(tmp_path, plan)


def test_history_is_readable_json(tmp_path, material):
    run_of(tmp_path, recipe(naming_steps=0), material)
    history = json.loads((tmp_path / "history.json").read_text())
    assert {"step", "loss", "iou", "right"} <= set(history[0])
