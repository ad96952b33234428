"""What careless sellers make of clean titles: seeded, two or three kinds of mess at once.

The phrases are written apart from the rules' own list, and differ from it in wording and order.
"""

from __future__ import annotations

import random

from vlclip.engine.refinement.words import folded

SLOGANS = (
    "BEST PRICE!!!", "free shipping", "*** NEW ***", "HOT SALE -50%", "top quality!!", "gift idea 2024",
    "100% original", "limited offer >>>", "★★★★★", "FREE DELIVERY worldwide", "new arrival 2024",
    "🔥 hot deal 🔥", "only 3 left", "buy now!", "Bestseller", "up to 70% off", "satisfaction guaranteed",
    "must have", "l@@k", "kostenloser Versand", "envío gratis", "livraison gratuite",
)  # fmt: skip
SIZES = ("XL-42", "SZ 7", "size 38", "EU 41", "(M)", "XXL", "S/M/L/XL")


def spoil(title: str, product_type: str, seed: str) -> str:
    """The title after two or three of: slogans before or after, capitals, repetition, no type, codes."""
    dice = random.Random(seed)
    words = title.split()
    for mess in dice.sample(range(6), dice.choice((2, 3))):
        if mess == 0:
            words = [dice.choice(SLOGANS), *words]
        elif mess == 1:
            words = [*words, *dice.sample(SLOGANS, 2)]
        elif mess == 2:
            words = [word.upper() for word in words]
        elif mess == 3:
            words = [*words, *words[-3:], words[0]]
        elif mess == 4:
            left_out = set(folded(product_type))
            words = [word for word in words if not left_out & set(folded(word))]
        else:
            code = dice.choice("ABKMXZ") + dice.choice("CDLRTV") + f"-{dice.randrange(1000, 10_000)}"
            words.insert(dice.randrange(len(words) + 1), f"{code}/{dice.choice(('S', 'M', 'XL', '38'))}")
            words.insert(dice.randrange(len(words) + 1), dice.choice(SIZES))
    return " ".join(words) or title
