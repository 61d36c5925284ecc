"""The demo class's auctions. Their pictures are painted when needed."""

import hashlib
import io
import random
from typing import NamedTuple

from PIL import Image, ImageDraw

from auctions import pictures
from auctions.models import PICTURE_STEM_CHARACTERS, PICTURE_SUFFIX

WIDTH, HEIGHT = 1_200, 900  # pixels


class Lot(NamedTuple):
    """An auction of the demo. `price` in chips, None for no price; `buyer` is its buyer if it is sold."""

    name: str
    description: str
    seller: str
    price: int | None
    colours: tuple[str, str, str]
    buyer: str = ""


AUCTIONS = (
    Lot(
        "Evening at the harbour",
        "Painted by Alice, in the lesson about arbitrage. Dry by now.\n\nWho buys it also gets the frame.",
        "alice",
        250,
        ("#f2a65a", "#2b3a67", "#f6e7cb"),
    ),
    Lot(
        "A seat by the window",
        "For one week. No price yet: make Bob an offer, and ask the operator to settle.",
        "bob",
        None,
        ("#9ad1d4", "#3a7d44", "#fff3b0"),
    ),
    Lot(
        "Mountain in the fog", "The last of a series of three.", "carol", 120, ("#c9ada7", "#4a4e69", "#f2e9e4"), "bob"
    ),
)


def picture_of(number: int, lot: Lot) -> str:
    """The name of the lot's picture; paints the picture if it is missing.

    The name is always the same, so that seeding again names the same picture.
    """
    name = hashlib.sha256(f"demo lot {number}".encode()).hexdigest()[:PICTURE_STEM_CHARACTERS] + PICTURE_SUFFIX
    if pictures.read(name) is None:
        pictures.write(name, paint(number, lot.colours))
    return name


def paint(number: int, colours: tuple[str, str, str]) -> bytes:
    """Paints a sky, a sun and hills as WebP."""
    sky, hills, sun = colours
    choose = random.Random(number)  # noqa: S311 - the same picture every time
    picture = Image.new("RGB", (WIDTH, HEIGHT), sky)
    draw = ImageDraw.Draw(picture)
    x, y, size = choose.randint(250, 900), choose.randint(150, 350), choose.randint(70, 130)
    draw.ellipse((x - size, y - size, x + size, y + size), fill=sun)
    for row in range(3):
        height, points = HEIGHT * (5 + row * 2) // 11, [(0, HEIGHT)]
        points += [(at, height + choose.randint(-90, 60)) for at in range(0, WIDTH + 1, 150)]
        draw.polygon([*points, (WIDTH, HEIGHT)], fill=Image.blend(*_pair(sky, hills), (row + 1) / 3).getpixel((0, 0)))
    out = io.BytesIO()
    picture.save(out, "WEBP", quality=85)
    return out.getvalue()


def _pair(one: str, other: str) -> tuple[Image.Image, Image.Image]:
    return Image.new("RGB", (1, 1), one), Image.new("RGB", (1, 1), other)
