"""Draws random pictures of every kind that inference/pixel reads, encoded as JPEG, PNG, WebP, GIF and BMP."""

import io
import struct
import zlib

import numpy as np
from PIL import Image, ImageFile

ImageFile.MAXBLOCK = 1 << 24  # libjpeg writes a progressive or optimised picture at one go
ADAM7 = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)]  # y, x, dy, dx
GREY, RGB, PALETTE, GREY_ALPHA, RGBA = 0, 2, 3, 4, 6
CHANNELS = {GREY: 1, RGB: 3, PALETTE: 1, GREY_ALPHA: 2, RGBA: 4}
DEPTHS = {GREY: (1, 2, 4, 8, 16), RGB: (8, 16), PALETTE: (1, 2, 4, 8), GREY_ALPHA: (8, 16), RGBA: (8, 16)}


def draw_size(rng, largest=(5000, 3000)):
    """Log-uniform, so that small ones are common; now and then the limits themselves."""
    kind = rng.integers(12)
    if kind == 0:
        return 1, 1
    if kind == 1:
        return 1, int(rng.integers(1, 600))
    if kind == 2:
        return int(rng.integers(1, 600)), 1
    if kind == 3 and rng.integers(4) == 0:
        return largest
    return tuple(int(np.exp(rng.uniform(0, np.log(n)))) for n in largest)


def draw_samples(rng, width, height, channels):
    """Values from 0 to 1: waves, blocks and noise, which resampling filters treat differently."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    out = np.empty((height, width, channels), np.float32)
    for c in range(channels):
        fx, fy, phase = rng.uniform(0, 0.8, 3)
        wave = 0.5 + 0.5 * np.sin(x * fx + y * fy + 6 * phase)
        blocks = ((x // rng.integers(1, 40) + y // rng.integers(1, 40)) % 2).astype(np.float32)
        weights = rng.dirichlet([1, 1, 0.5])
        out[..., c] = weights[0] * wave + weights[1] * blocks + weights[2] * rng.random((height, width), np.float32)
    return out.clip(0, 1)


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def pack_rows(array, depth, rng):
    """The rows of one pass (height x width x channels, integers), filtered and packed to depth bits."""
    height = array.shape[0]
    if 0 in array.shape:
        return b""
    if depth == 16:
        rows = array.astype(">u2").reshape(height, -1).view(np.uint8)
    elif depth == 8:
        rows = array.astype(np.uint8).reshape(height, -1)
    else:
        bits = (array.reshape(height, -1, 1) >> np.arange(depth - 1, -1, -1)) & 1
        rows = np.packbits(bits.reshape(height, -1).astype(np.uint8), axis=1)
    step = max(1, array.shape[2] * depth // 8)
    out = []
    for y in range(height):
        kind = int(rng.integers(3))  # none, sub, up
        if kind == 1:
            before = np.concatenate([np.zeros(step, np.uint8), rows[y]])[: rows.shape[1]]
        else:
            before = rows[y - 1] if y else np.zeros_like(rows[y])
        out.append(bytes([kind]) + (rows[y] if kind == 0 else rows[y] - before).tobytes())
    return b"".join(out)


def png(rng, width, height):
    """A PNG of any colour type and depth, interlaced or not, with or without a transparent colour."""
    kind = int(rng.choice(list(DEPTHS)))
    depth = int(rng.choice(DEPTHS[kind]))
    top = 2**depth - 1
    array = np.round(draw_samples(rng, width, height, CHANNELS[kind]) * top).astype(np.int64)
    interlaced = int(rng.integers(2))
    out = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, interlaced))
    if kind == PALETTE:
        out += chunk(b"PLTE", rng.integers(0, 256, (top + 1) * 3).astype(np.uint8).tobytes())
    if rng.integers(3) == 0 and kind in (GREY, RGB, PALETTE):
        if kind == PALETTE:
            transparency = rng.integers(0, 256, int(rng.integers(1, top + 2))).astype(np.uint8).tobytes()
        else:
            transparency = array[0, 0].astype(">u2").tobytes()
        out += chunk(b"tRNS", transparency)
    passes = [array[y::dy, x::dx] for y, x, dy, dx in ADAM7] if interlaced else [array]
    data = b"".join(pack_rows(part, depth, rng) for part in passes)
    return out + chunk(b"IDAT", zlib.compress(data, 1)) + chunk(b"IEND", b"")


def pillow(rng, width, height, mode):
    samples = np.round(draw_samples(rng, width, height, len(mode)) * 255).astype(np.uint8)
    return Image.fromarray(samples[..., 0] if len(mode) == 1 else samples, mode)


def save(image, **options):
    out = io.BytesIO()
    image.save(out, **options)
    return out.getvalue()


def jpeg(rng, width, height):
    mode = str(rng.choice(["RGB", "RGB", "RGB", "L", "CMYK"]))
    return save(
        pillow(rng, width, height, mode),
        format="JPEG",
        quality=int(rng.integers(1, 101)),
        subsampling=int(rng.integers(3)),
        progressive=bool(rng.integers(2)),
        optimize=bool(rng.integers(2)),
        **({"restart_marker_rows": 1} if rng.integers(4) == 0 else {}),
    )


def webp(rng, width, height):
    mode = str(rng.choice(["RGB", "RGBA"]))
    frames = [pillow(rng, width, height, mode) for _ in range(1 + int(rng.integers(4) == 0))]
    options = dict(quality=int(rng.integers(0, 101)), lossless=bool(rng.integers(2)), method=0, exact=True)
    if len(frames) > 1:
        options |= dict(save_all=True, append_images=frames[1:], duration=40)
    return save(frames[0], format="WEBP", **options)


def gif(rng, width, height):
    frames = [pillow(rng, width, height, "RGB").quantize(int(rng.integers(2, 257)), dither=0) for _ in range(1 + int(rng.integers(3)))]
    options = dict(interlace=int(rng.integers(2)))
    if len(frames) > 1:
        options |= dict(save_all=True, append_images=frames[1:], duration=40)
    if rng.integers(2):
        options["transparency"] = int(rng.integers(2))
    return save(frames[0], format="GIF", **options)


def bmp(rng, width, height):
    image = pillow(rng, width, height, str(rng.choice(["RGB", "L", "RGBA"])))
    kind = rng.integers(4)
    if image.mode == "RGB" and kind == 0:
        image = image.quantize(int(rng.integers(2, 257)))
    if image.mode == "L" and kind == 1:
        image = image.convert("1")
    return save(image, format="BMP")


FORMATS = {"png": png, "jpg": jpeg, "webp": webp, "gif": gif, "bmp": bmp}
