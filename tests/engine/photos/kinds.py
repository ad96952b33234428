"""One photo of each kind that shops might send: formats, modes, animations, turned ones."""

from collections.abc import Iterator
from io import BytesIO

import numpy as np
from PIL import Image

TURNED = Image.Exif()
TURNED[0x0112] = 6


def saved(image, format, **options) -> bytes:
    out = BytesIO()
    image.save(out, format, **options)
    return out.getvalue()


def kinds(width: int, height: int, seed: int = 0) -> Iterator[tuple[str, bytes]]:
    """Names and files, one at a time; the picture is soft noise with a ramp of alpha."""
    rng = np.random.default_rng(seed)
    noise = rng.integers(0, 256, (max(2, height // 8), max(2, width // 8), 3)).astype(np.uint8)
    rgb = Image.fromarray(noise).resize((width, height), Image.Resampling.BICUBIC)
    rgba = rgb.copy()
    rgba.putalpha(Image.linear_gradient("L").resize((width, height)))
    other, palette = rgba.transpose(Image.Transpose.ROTATE_180), rgb.quantize(64)
    deep = np.asarray(rgb.convert("L"), np.uint16) * 250
    flat = Image.fromarray((deep / 65535).astype(np.float32))
    fast = {"compress_level": 1}

    yield "png", saved(rgb, "PNG", **fast)
    yield "png rgba", saved(rgba, "PNG", **fast)
    yield "png la", saved(rgba.convert("LA"), "PNG", **fast)
    yield "png grey", saved(rgb.convert("L"), "PNG", **fast)
    yield "png 1 bit", saved(rgb.convert("1"), "PNG", **fast)
    yield "png palette", saved(palette, "PNG", **fast)
    yield "png clear palette", saved(palette, "PNG", transparency=bytes(range(64)), **fast)
    yield "png clear colour", saved(rgb, "PNG", transparency=rgb.getpixel((0, 0)), **fast)
    yield "png 16 bit", saved(Image.fromarray(deep), "PNG", **fast)
    yield "png turned", saved(rgba, "PNG", exif=TURNED, **fast)
    yield "apng", saved(rgba, "PNG", save_all=True, append_images=[other], disposal=1, **fast)
    yield "jpeg", saved(rgb, "JPEG")
    yield "jpeg progressive", saved(rgb, "JPEG", progressive=True, subsampling=0)
    yield "jpeg cmyk", saved(rgb.convert("CMYK"), "JPEG", progressive=True)
    yield "jpeg grey", saved(rgb.convert("L"), "JPEG")
    yield "jpeg turned", saved(rgb, "JPEG", exif=TURNED)
    yield "mpo", saved(rgb, "MPO", save_all=True, append_images=[rgb])
    yield "webp", saved(rgb, "WEBP", method=0)
    yield "webp rgba", saved(rgba, "WEBP", method=0)
    yield "webp lossless", saved(rgba, "WEBP", lossless=True, method=0)
    yield "webp animated", saved(rgba, "WEBP", method=0, save_all=True, append_images=[other])
    yield "webp turned", saved(rgb, "WEBP", method=0, exif=TURNED)
    yield "gif", saved(palette, "GIF")
    yield "gif clear", saved(palette, "GIF", transparency=3)
    second = palette.transpose(Image.Transpose.ROTATE_180)
    yield "gif animated", saved(palette, "GIF", save_all=True, append_images=[second], disposal=2)
    yield "bmp", saved(rgb, "BMP")
    yield "bmp 32 bit", saved(rgba, "BMP")
    for compression in ("raw", "tiff_lzw", "tiff_deflate", "jpeg"):
        yield f"tiff {compression}", saved(rgb, "TIFF", compression=compression)
    yield "tiff one strip", saved(rgb, "TIFF", compression="tiff_lzw", strip_size=width * height * 3)
    yield "tiff rgba", saved(rgba, "TIFF", compression="tiff_lzw")
    yield "tiff cmyk", saved(rgb.convert("CMYK"), "TIFF", compression="tiff_lzw")
    yield "tiff ycc", saved(rgb.convert("YCbCr"), "TIFF")
    yield "tiff lab", saved(Image.merge("LAB", rgb.split()), "TIFF")
    yield "tiff 16 bit", saved(Image.fromarray(deep), "TIFF", compression="tiff_deflate")
    yield "tiff 32 bit", saved(Image.fromarray(deep.astype(np.int32)), "TIFF")
    yield "tiff float", saved(flat, "TIFF")
    yield "tiff turned", saved(rgba, "TIFF", exif=TURNED)
    if "AVIF" in Image.SAVE:
        yield "avif", saved(rgb, "AVIF", speed=10)
        yield "avif rgba", saved(rgba, "AVIF", speed=10, subsampling="4:4:4")
        yield "avif turned", saved(rgb, "AVIF", speed=10, exif=TURNED)
