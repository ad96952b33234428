"""What a grounder learns from: products, textures and scenes, drawn and collated into batches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from vlclip.engine.training.grounder.composites import Pixels
from vlclip.engine.training.grounder.loss import Targets
from vlclip.engine.training.grounder.phrases import Prompts
from vlclip.engine.training.grounder.recipe import GroundingRecipe
from vlclip.engine.training.grounder.scenes import CANVASES, Labelled, Product, Prompted, composite


@dataclass(slots=True)
class Material:
    """Cut-out products, textures for backgrounds, whole scenes."""

    products: Sequence[Product]
    textures: Sequence[Pixels]
    scenes: Sequence[Labelled] = ()

    @property
    def types(self) -> list[str]:
        """The first name of every product, once."""
        named = {product.names[0] for product in self.products}
        return sorted(named | {names[0] for scene in self.scenes for names in scene.names})

    @property
    def phrases(self) -> list[str]:
        """Every name of every product, once."""
        named = [product.names for product in self.products]
        named += [names for scene in self.scenes for names in scene.names]
        return sorted({name for names in named for name in names})


def draw_scenes(material: Material, recipe: GroundingRecipe, rng: np.random.Generator) -> list[Labelled]:
    """Scenes of one size: composites, or whole ones where there are some."""
    if material.scenes and rng.random() < recipe.drawn_share:
        first = material.scenes[int(rng.integers(len(material.scenes)))].photo.shape
        alike = [scene for scene in material.scenes if scene.photo.shape == first]
        scenes = [_mirrored(alike[i], rng) for i in rng.integers(len(alike), size=recipe.batch)]
    else:
        size = CANVASES[int(rng.choice(len(CANVASES), p=[share for _, share in CANVASES]))][0]
        scenes = [composite(material.products, material.textures, size, rng) for _ in range(recipe.batch)]
    return scenes


def collate(
    batch: Sequence[Prompted], prompts: Prompts, device: torch.device
) -> tuple[Tensor, dict[str, Tensor], Targets]:
    """Photos `(n, 3, h, w)`, tokens, and the targets of both."""
    pixels = torch.from_numpy(np.stack([prompted.scene.photo for prompted in batch])).to(device)
    photos = prompts.normalise(pixels.permute(0, 3, 1, 2).float() / 255)
    tokens, spans = prompts.tokens([prompted.phrases for prompted in batch])
    height, width = photos.shape[2:]
    most = max(len(prompted.scene.boxes) for prompted in batch)
    boxes = torch.full((len(batch), most, 4), 0.5)
    named = torch.zeros(len(batch), most, tokens["input_ids"].shape[1])
    real = torch.zeros(len(batch), most, dtype=torch.bool)
    scale = torch.tensor([width, height, width, height], dtype=torch.float32)
    for row, prompted in enumerate(batch):
        named_products = np.flatnonzero(prompted.named.any(axis=1))
        for place, product in enumerate(named_products):
            x0, y0, x1, y1 = (torch.from_numpy(prompted.scene.boxes[product]) / scale).tolist()
            boxes[row, place] = torch.tensor([(x0 + x1) / 2, (y0 + y1) / 2, x1 - x0, y1 - y0])
            real[row, place] = True
            for phrase in np.flatnonzero(prompted.named[product]):
                named[row, place, spans[row][phrase]] = 1.0
    on_device = {name: tensor.to(device) for name, tensor in tokens.items()}
    return (
        photos.contiguous(memory_format=torch.channels_last),
        on_device,
        Targets(boxes.to(device), named.to(device), real.to(device)),
    )


def _mirrored(scene: Labelled, rng: np.random.Generator) -> Labelled:
    if rng.random() < 0.5:
        return scene
    width = scene.photo.shape[1]
    boxes = scene.boxes.copy()
    boxes[:, [0, 2]] = width - scene.boxes[:, [2, 0]]
    return Labelled(np.ascontiguousarray(scene.photo[:, ::-1]), boxes, scene.names)
