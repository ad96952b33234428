"""Scenes with a prompt: the photos a grounder gets, and the boxes it should answer with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from vlclip.engine.training.grounder.composites import Pixels, backdrop, compose

SQUARE, UPRIGHT, WIDE = (128, 128), (160, 120), (120, 160)
"""Heights and widths of training photos; nearly equal in area."""
CANVASES = ((SQUARE, 0.75), (UPRIGHT, 0.15), (WIDE, 0.1))
COUNTS = (0.15, 0.2, 0.25, 0.4)
"""Shares of scenes with one, two, three and four products."""
MOST_PHRASES = 5


@dataclass(frozen=True, slots=True)
class Product:
    """A cut-out RGBA product and its names, the most exact first."""

    cut: Pixels
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Labelled:
    """A photo `(height, width, 3)` uint8, its products' boxes `(n, 4)` in pixels, and their names."""

    photo: Pixels
    boxes: NDArray[np.float32]
    names: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Prompted:
    """A scene and the phrases of its prompt; `named` `(n, phrases)` says which phrases fit which product."""

    scene: Labelled
    phrases: tuple[str, ...]
    named: NDArray[np.bool_]


def composite(
    products: Sequence[Product],
    textures: Sequence[Pixels],
    size: tuple[int, int],
    rng: np.random.Generator,
) -> Labelled:
    """One to four products of different types on a busy background, now and then one on a plain one."""
    height, width = size
    short = min(size)
    count = 1 + int(rng.choice(len(COUNTS), p=COUNTS))
    chosen = distinct(products, count, rng)
    if count == 1 and rng.random() < 0.5:
        shade = 255 if rng.random() < 0.7 else int(rng.integers(200, 256))
        background = Image.new("RGB", (width, height), (shade, shade, shade))
        extents = [float(rng.uniform(0.5, 1.0)) * short]
    else:
        background = backdrop(max(size), rng, textures).crop((0, 0, width, height))
        largest = (0.9, 0.75, 0.65, 0.6)[count - 1]
        extents = [float(np.exp(rng.uniform(np.log(0.2), np.log(largest)))) * short for _ in range(count)]
    scene = compose([product.cut for product in chosen], background, extents, rng)
    photo = scene.photo
    if rng.random() < 0.3:
        soft = Image.fromarray(photo).filter(ImageFilter.GaussianBlur(float(rng.uniform(0.2, 0.8))))
        photo = np.asarray(soft)
    return Labelled(photo, scene.boxes, tuple(product.names for product in chosen))


def distinct(products: Sequence[Product], count: int, rng: np.random.Generator) -> list[Product]:
    """`count` products, no two of which share their first, most exact name."""
    chosen: list[Product] = []
    for _ in range(20 * count):
        candidate = products[int(rng.integers(len(products)))]
        if all(candidate.names[0] != other.names[0] for other in chosen):
            chosen.append(candidate)
        if len(chosen) == count:
            break
    return chosen


def prompt_for(scene: Labelled, vocabulary: Sequence[str], rng: np.random.Generator) -> Prompted:
    """Phrases for a scene: one of its products alone, or all of them among others that are not there."""
    if rng.random() < 0.4:
        phrases = [_name(scene.names[int(rng.integers(len(scene.names)))], rng)]
    else:
        phrases = [_name(names, rng) for names in scene.names]
        absent = int(rng.integers(0, 3))
        phrases += [vocabulary[int(rng.integers(len(vocabulary)))] for _ in range(absent)]
        phrases = [phrases[i] for i in rng.permutation(len(phrases))]
    distinct_phrases = tuple(dict.fromkeys(phrases))[:MOST_PHRASES]
    named = np.array([[phrase in names for phrase in distinct_phrases] for names in scene.names], dtype=bool)
    return Prompted(scene, distinct_phrases, named)


def held_out(
    products: Sequence[Product], textures: Sequence[Pixels], count: int, seed: int = 5
) -> list[Prompted]:
    """`count` cluttered scenes of four products, each with its first product as the prompt.

    Equal seeds give equal scenes. They are made at 224 by 224 pixels, with longer sides of 60 to 120, then
    resized for training.
    """
    rng = np.random.default_rng(seed)
    prompted = []
    for _ in range(count):
        chosen = distinct(products, 4, rng)
        extents = rng.uniform(60, 120, len(chosen))
        scene = compose([product.cut for product in chosen], backdrop(224, rng, textures), extents, rng)
        photo = Image.fromarray(scene.photo).resize(SQUARE, Image.Resampling.BILINEAR)
        boxes = scene.boxes * (SQUARE[0] / 224)
        labelled = Labelled(np.asarray(photo), boxes, tuple(product.names for product in chosen))
        named = np.array([[number == 0] for number in range(len(chosen))])
        prompted.append(Prompted(labelled, (chosen[0].names[0],), named))
    return prompted


def names_of(product_type: str, family: str = "") -> tuple[str, ...]:
    """The names of a product in prompts: its type, the type in the singular, its family."""
    name = " ".join(product_type.lower().replace(".", " ").split())
    names = [name]
    if name.endswith("s") and not name.endswith("ss") and len(name) > 3:
        names.append(name[:-1])
    if family:
        names.append(" ".join(family.lower().replace(".", " ").split()))
    return tuple(dict.fromkeys(names))


def _name(names: tuple[str, ...], rng: np.random.Generator) -> str:
    if len(names) == 1 or rng.random() < 0.78:
        return names[0]
    return names[1 + int(rng.integers(len(names) - 1))]
