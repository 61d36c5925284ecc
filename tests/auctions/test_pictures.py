"""An uploaded picture becomes clean and small, or is refused with a reason. It never takes much memory."""

import os
import re
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image

from accounts.models import Account, AccountKind
from auctions import decoder, pictures
from auctions.models import Auction, AuctionStatus
from auctions.pictures import PictureRefused
from tests.auctions.pictures import BLUE, RED, bomb, encoded, near, opened, red_left
from tests.patience import STEP_SECONDS_MAX

MIB = 1024 * 1024


@pytest.fixture
def folder(settings: Any, tmp_path: Path) -> Path:
    settings.VAR_DIR = tmp_path
    return tmp_path / "pictures"


def keep(data: bytes, name: str = "lamp.png") -> str:
    return pictures.keep(SimpleUploadedFile(name, data))


def refusal(data: bytes) -> str:
    with pytest.raises(PictureRefused) as refused:
        keep(data)
    return str(refused.value)


class TestWhatIsKept:
    @pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF"])
    def test_is_webp_under_a_random_name(self, kind: str, folder: Path) -> None:
        first, second = keep(encoded(red_left(), kind)), keep(encoded(red_left(), kind))
        assert first != second
        for name in (first, second):
            assert re.fullmatch(pictures.NAME_PATTERN, name)
            kept = opened((folder / name).read_bytes())
            assert (kept.format, kept.size) == ("WEBP", (40, 20))
            assert near(kept.convert("RGB").getpixel((5, 10)), RED)
            assert near(kept.convert("RGB").getpixel((35, 10)), BLUE)

    def test_was_decoded_without_knowing_a_secret(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """An exploit in the decoder finds no environment variables."""
        run, known = subprocess.run, []

        def noted(*command: Any, **how: Any) -> Any:
            known.append(how["env"])
            return run(*command, **how)

        monkeypatch.setattr(subprocess, "run", noted)
        assert keep(encoded(red_left()))
        assert known == [{}]

    def test_is_for_its_owner_alone(self, folder: Path) -> None:
        name = keep(encoded(red_left()))
        assert (folder / name).stat().st_mode & 0o777 == 0o600
        assert folder.stat().st_mode & 0o777 == 0o700

    @pytest.mark.parametrize(
        ("size", "expected"), [((3_000, 1_500), (1_600, 800)), ((1_000, 4_000), (400, 1_600)), ((10, 10), (10, 10))]
    )
    def test_has_at_most_1600_pixels_a_side(self, size: tuple[int, int], expected: tuple[int, int]) -> None:
        for kind in ("JPEG", "PNG"):
            assert opened(pictures.clean(encoded(red_left(*size), kind))).size == expected

    @pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "I;16"])
    def test_comes_from_any_png(self, mode: str) -> None:
        half = {"I;16": 32_768, "1": 1}.get(mode)
        picture = red_left().convert(mode) if half is None else Image.new(mode, (40, 20), half)
        kept = opened(pictures.clean(encoded(picture))).convert("RGB")
        shade = kept.getpixel((5, 10))
        assert isinstance(shade, tuple)
        expected = {"1": 255, "I;16": 128, "L": 84, "LA": 84}.get(mode)
        assert near(shade, RED) if expected is None else all(abs(part - expected) < 30 for part in shade)

    def test_comes_from_cmyk(self) -> None:
        kept = opened(pictures.clean(encoded(red_left().convert("CMYK"), "JPEG", quality=95)))
        assert near(kept.getpixel((5, 10)), RED)

    def test_keeps_transparency(self) -> None:
        clear = Image.new("RGBA", (10, 10), (0, 0, 0, 0))
        assert opened(pictures.clean(encoded(clear))).getpixel((5, 5))[3] == 0  # type: ignore[index]
        palette = Image.new("P", (10, 10), 3)
        kept = opened(pictures.clean(encoded(palette, "GIF", transparency=3)))
        assert kept.mode == "RGBA"


class TestWhatIsHidden:
    def exif(self) -> Image.Exif:
        exif = Image.Exif()
        exif[0x0112] = 6  # EXIF orientation: turned by 90 degrees
        exif[0x010F] = "SecretCamera"
        exif.get_ifd(0x8825).update({1: "N", 2: (52.0, 31.0, 12.0)})  # GPS
        return exif

    @pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
    def test_metadata_is_gone_and_the_picture_upright(self, kind: str) -> None:
        data = encoded(red_left(), kind, exif=self.exif())
        assert b"SecretCamera" in data
        kept = pictures.clean(data)
        assert b"SecretCamera" not in kept
        assert not opened(kept).getexif()
        assert b"EXIF" not in kept
        assert opened(kept).size == (20, 40)
        assert near(opened(kept).convert("RGB").getpixel((10, 5)), RED), "left is up now"

    def test_comments_and_profiles_are_gone(self) -> None:
        kept = pictures.clean(encoded(red_left(), "JPEG", comment=b"secret words", icc_profile=b"secret profile"))
        assert b"secret" not in kept
        assert b"ICCP" not in kept

    @pytest.mark.parametrize("more", [b"<script>alert(1)</script>", b"PK\x03\x04" + bytes(500), b"\n/*<html>*/=1;"])
    @pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "WEBP"])
    def test_appended_bytes_are_gone(self, kind: str, more: bytes) -> None:
        kept = pictures.clean(encoded(red_left(), kind) + more)
        assert more.strip(b"\0") not in kept
        assert opened(kept).size == (40, 20)

    def test_of_an_animation_the_first_frame_stays(self) -> None:
        frames = [Image.new("RGB", (20, 20), colour) for colour in (RED, BLUE, BLUE)]
        for kind in ("GIF", "WEBP", "PNG"):
            kept = opened(pictures.clean(encoded(frames[0], kind, save_all=True, append_images=frames[1:])))
            assert getattr(kept, "n_frames", 1) == 1
            assert near(kept.convert("RGB").getpixel((10, 10)), RED)

    @pytest.mark.parametrize("name", ["../../etc/passwd", "a/b.png", "x.svg", "\\windows.png", "x" * 300 + ".png"])
    def test_the_files_name_does_not_matter(self, name: str, folder: Path) -> None:
        kept = keep(encoded(red_left()), name)
        assert [path.name for path in folder.iterdir()] == [kept]
        assert {path.name for path in folder.parent.iterdir()} == {"pictures"}


SVG = b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'


class TestWhatIsRefused:
    @pytest.mark.parametrize(
        "data", [SVG, b"hello", b"GIF89a", b"%PDF-1.4", encoded(red_left(), "BMP"), encoded(red_left(), "TIFF")]
    )
    def test_a_file_that_is_no_picture(self, data: bytes, folder: Path) -> None:
        assert refusal(data) == "This is no picture that can be read: send a whole JPEG, PNG, WebP or GIF."
        assert not folder.exists()

    @pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
    def test_half_a_picture(self, kind: str) -> None:
        data = encoded(Image.effect_noise((200, 200), 80).convert("RGB"), kind)
        assert "send a whole JPEG" in refusal(data[: len(data) // 2])

    def test_an_empty_file(self) -> None:
        assert refusal(b"") == "The file of the picture is empty."

    def test_more_than_5_mb(self) -> None:
        assert refusal(bytes(5_000_001)) == "A picture has at most 5 MB, this one has 5.0 MB."

    @pytest.mark.parametrize(("width", "height"), [(50_000, 50_000), (16_001, 1_000), (2**31 - 1, 1), (4_001, 4_000)])
    def test_more_pixels_than_memory_should_hold(self, width: int, height: int) -> None:
        assert "A picture has at most 16,000,000 pixels" in refusal(bomb(width, height))

    def test_a_decoder_that_does_not_end(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(pictures, "DECODE_SECONDS_MAX", 0.001)
        assert refusal(encoded(red_left())) == "This picture takes too long to be read. Send a simpler one."

    def test_too_many_at_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(pictures, "_decoders", threading.BoundedSemaphore(1))
        monkeypatch.setattr(pictures, "WAIT_SECONDS_MAX", 0.01)
        with pictures._decoders:
            assert "Try again" in refusal(encoded(red_left()))
        keep_again = pictures.clean(encoded(red_left()))
        assert opened(keep_again).size == (40, 20)


MEASURED = """
import runpy, sys
status = runpy.run_path(sys.argv[1])["main"]()
sys.stdout.flush()
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
sys.stderr.write(f"[{peak.split()[1]} {status}]")
"""


def peak_bytes(data: bytes) -> tuple[int, int]:
    """Peak resident memory of the decoder's process for this file, and its exit status."""
    here = decoder.__file__
    done = subprocess.run(
        [sys.executable, "-I", "-c", MEASURED, here], input=data, capture_output=True, timeout=STEP_SECONDS_MAX
    )
    found = re.search(rb"\[(\d+) (\d)\]", done.stderr)
    assert found is not None, done.stderr
    return int(found[1]) * 1024, int(found[2])


@pytest.mark.parametrize(
    ("mode", "kind", "options"),
    [
        ("RGB", "JPEG", {}),
        ("RGB", "JPEG", {"progressive": True, "subsampling": 0}),
        ("CMYK", "JPEG", {"progressive": True}),
        ("RGB", "PNG", {}),
        ("RGBA", "PNG", {}),
        ("LA", "PNG", {}),
        ("P", "PNG", {}),
        ("I;16", "PNG", {}),
        ("P", "GIF", {}),
        ("RGBA", "WEBP", {}),
    ],
)
def test_the_largest_pictures_take_less_than_200_mib(mode: str, kind: str, options: dict[str, Any]) -> None:
    """16 million pixels, in the layouts that take most memory: decoded or refused with a reason."""
    data = encoded(Image.new(mode, (4_000, 4_000)), kind, **options)
    memory, status = peak_bytes(data)
    print(f"{mode} {kind}: {memory / MIB:.0f} MiB, status {status}")
    assert memory < 200 * MIB
    assert status in (0, decoder.REFUSED)
    if kind != "WEBP" and mode != "LA":
        assert status == 0, "it is worth its memory"


@pytest.mark.parametrize("size", [(50_000, 50_000), (16_001, 1_000)])
def test_a_decompression_bomb_takes_no_memory(size: tuple[int, int]) -> None:
    memory, status = peak_bytes(bomb(*size))
    assert status == decoder.REFUSED
    assert memory < 60 * MIB


def test_a_photograph_of_a_phone_is_taken() -> None:
    noise = Image.effect_noise((4_032, 3_024), 30)
    photograph = encoded(Image.merge("RGB", (noise, noise, noise)), "JPEG", quality=25)
    assert len(photograph) < pictures.UPLOAD_BYTES_MAX
    assert opened(pictures.clean(photograph)).size == (1_600, 1_200)


def test_of_pictures_without_an_auction_only_the_newest_stay(
    db: None, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [pictures.store(b"picture") for _ in range(6)]
    now = time.time_ns()
    for age, name in enumerate(reversed(names)):
        os.utime(folder / name, ns=(0, now - age))
    seller = Account.objects.create(
        id=2, name="A", name_key="a", kind=AccountKind.ALT, cash=0, available=0, creator=0, seq=1
    )
    Auction.objects.create(
        id=1, seller=seller, name="Lamp", picture=names[0], status=AuctionStatus.OPEN, creator=0, created_us=0, seq=3
    )
    monkeypatch.setattr(pictures, "UNUSED_MAX", 2)
    pictures.sweep()
    assert {path.name for path in folder.iterdir()} == {names[0], *names[-2:]}
    for path in folder.iterdir():
        age = pictures.UNUSED_SECONDS_MAX + (-60 if path.name == names[-1] else 60)
        os.utime(path, ns=(0, now - age * 1_000_000_000))
    pictures.sweep()
    assert {path.name for path in folder.iterdir()} == {names[0], names[-1]}, "a day is over for the other"


def test_only_pictures_without_an_auction_are_discarded(db: None, folder: Path) -> None:
    seller = Account.objects.create(
        id=2, name="A", name_key="a", kind=AccountKind.ALT, cash=0, available=0, creator=0, seq=1
    )
    name = keep(encoded(red_left()))
    auction = Auction.objects.create(
        id=1, seller=seller, name="Lamp", picture=name, status=AuctionStatus.OPEN, creator=0, created_us=0, seq=1
    )
    pictures.discard(name)
    assert pictures.read(name) is not None
    auction.delete()
    pictures.discard(name)
    assert pictures.read(name) is None
    pictures.discard(name)
    pictures.discard("")
