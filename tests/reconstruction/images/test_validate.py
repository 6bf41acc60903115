"""Every kind of photo gets its verdict and the reason; one bad photo never costs the set."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from recon_cli.core.errors import DataError, NotFoundError
from recon_cli.core.ports import Silent
from recon_cli.reconstruction.images import photo
from recon_cli.reconstruction.images.photo import Limits, Photo, Verdict
from recon_cli.reconstruction.images.validate import Validated, validate
from tests.reconstruction.images import made


def run(folder: Path, job: Path, limits: Limits | None = None) -> Validated:
    job.mkdir(exist_ok=True)
    return validate(folder, job, limits or Limits(), Silent())


def one(tmp_path: Path, name: str, body: bytes, limits: Limits | None = None) -> Photo:
    """The verdict on one file among good ones."""
    folder = made.put(made.enough(tmp_path / "photos"), {name: body})
    found = {each.source: each for each in run(folder, tmp_path / "job", limits).photos}
    return found[name]


def copy(tmp_path: Path, taken: Photo) -> Image.Image:
    with Image.open(tmp_path / "job" / "upload" / "images" / taken.name) as image:
        image.load()
        return image


@pytest.mark.parametrize("share", [0.006, 0.1, 0.3, 0.5, 0.8, 0.95, 0.99])
def test_a_truncated_jpeg_is_rejected_wherever_it_was_cut(tmp_path: Path, share: float) -> None:
    whole = made.jpeg(width=800, height=600)
    found = one(tmp_path, "cut.jpg", whole[: int(len(whole) * share)])
    assert found.verdict is Verdict.REJECTED
    assert any(word in found.reason for word in ("truncated", "damaged", "not a picture"))


def test_no_cut_of_a_jpeg_is_ever_taken(tmp_path: Path) -> None:
    whole, progressive = made.jpeg(7), made.encoded(made.picture(7), "JPEG", progressive=True)
    cuts = {
        f"{kind}{at}.jpg": body[:at]
        for kind, body in (("b", whole), ("p", progressive))
        for at in range(0, len(body), 97)
    }
    cuts |= {f"{kind}-last.jpg": body[:-1] for kind, body in (("b", whole), ("p", progressive))}
    folder = made.enough(made.put(tmp_path / "photos", cuts))
    found = run(folder, tmp_path / "job")
    assert {each.source for each in found.taken} == {"good 100.jpg", "good 101.jpg", "good 102.jpg"}
    assert len(found.photos) == len(cuts) + 3


@pytest.mark.parametrize("format_", ["PNG", "WEBP", "GIF", "TIFF", "BMP"])
def test_a_picture_cut_in_half_is_rejected_in_every_format(tmp_path: Path, format_: str) -> None:
    whole = made.encoded(made.picture(), format_)
    assert one(tmp_path, f"cut.{format_.lower()}", whole[: len(whole) // 2]).verdict is Verdict.REJECTED


@pytest.mark.parametrize(("body", "word"), [(b"", "empty"), (b"hello, I am a text\n" * 50, "not a picture")])
def test_an_empty_file_and_a_text_named_jpg_are_rejected(tmp_path: Path, body: bytes, word: str) -> None:
    found = one(tmp_path, "note.jpg", body)
    assert (found.verdict, word in found.reason) == (Verdict.REJECTED, True)


def bomb(side: int) -> bytes:
    """A PNG of a few kilobytes that would be gigabytes of pixels."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(bytes(1 << 20))) + chunk(b"IEND", b"")


def test_a_bomb_is_known_by_its_header(tmp_path: Path) -> None:
    found = one(tmp_path, "bomb.png", bomb(20_000))
    assert found.verdict is Verdict.REJECTED
    assert "20000×20000" in found.reason


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_baked_in_and_what_the_camera_said_is_kept(tmp_path: Path, orientation: int) -> None:
    upright = made.picture(3)
    backwards = {2: 2, 3: 3, 4: 4, 5: 5, 6: 8, 7: 7, 8: 6}
    turned = upright
    if orientation > 1:
        turns = (None, None, *(Image.Transpose(code) for code in (0, 3, 1, 5, 4, 6, 2)))
        turn = turns[backwards[orientation]]
        assert turn is not None
        turned = upright.transpose(turn)
    body = made.encoded(turned, "JPEG", quality=95, exif=made.exif(orientation))
    found = one(tmp_path, "held.jpg", body)
    back = copy(tmp_path, found)
    assert back.size == upright.size
    difference = np.abs(np.asarray(back, np.int16) - np.asarray(upright, np.int16)).mean()
    assert difference < 8
    assert [back.getpixel(place)[channel] > 200 for place, channel in (((5, 5), 0), ((155, 5), 1), ((5, 115), 2))] == [
        True
    ] * 3
    tags = back.getexif()
    assert tags.get(made.ORIENTATION) in {1, None}
    assert tags.get_ifd(made.EXIF_IFD)[made.FOCAL_35MM] == 35
    assert tags.get_ifd(made.GPS_IFD)[1] == "N"
    assert found.gps == pytest.approx((37.5, -126.76))
    assert found.focal_px == pytest.approx(35 / 36 * 160)


COLOURED = {
    "cmyk.jpg": made.encoded(made.picture().convert("CMYK"), "JPEG", quality=95),
    "grey.jpg": made.encoded(made.picture().convert("L"), "JPEG"),
    "palette.png": made.encoded(made.picture().convert("P", palette=Image.Palette.ADAPTIVE), "PNG"),
    "photo.webp": made.encoded(made.picture(), "WEBP", quality=95),
    "photo.gif": made.encoded(made.picture(), "GIF"),
    "photo.tif": made.encoded(made.picture(), "TIFF"),
    "bits.png": made.encoded(made.picture().convert("1"), "PNG"),
    "UPPER.JPEG": made.jpeg(1),
}


@pytest.mark.parametrize("name", COLOURED)
def test_every_kind_of_pixel_becomes_eight_bit_srgb_in_a_jpeg(tmp_path: Path, name: str) -> None:
    found = one(tmp_path, name, COLOURED[name])
    back = copy(tmp_path, found)
    assert (found.verdict, back.mode, back.format) == (Verdict.TAKEN, "RGB", "JPEG")
    if name == "cmyk.jpg":
        red, green, _blue = back.getpixel((5, 5))
        assert (red > 200, green < 60) == (True, True)


def test_sixteen_bits_are_scaled_not_clipped(tmp_path: Path) -> None:
    ramp = np.linspace(0, 65535, 160 * 120).reshape(120, 160).astype(np.uint16)
    found = one(tmp_path, "deep.png", made.encoded(Image.fromarray(ramp), "PNG"))
    back = np.asarray(copy(tmp_path, found))[:, :, 0].astype(float)
    assert np.abs(back - ramp / 257).max() < 4


def test_transparency_becomes_a_mask(tmp_path: Path) -> None:
    image = made.picture().convert("RGBA")
    image.putalpha(Image.fromarray((np.arange(160) < 80)[None, :].repeat(120, 0).astype(np.uint8) * 255))
    found = one(tmp_path, "cut out.png", made.encoded(image, "PNG"))
    with Image.open(tmp_path / "job" / "upload" / "masks" / f"{found.name}.png") as mask:
        assert (found.masked, mask.size) == (True, (160, 120))
        assert (mask.getpixel((10, 60)), mask.getpixel((150, 60))) == (255, 0)
    opaque = one(tmp_path / "b", "opaque.png", made.encoded(made.picture().convert("RGBA"), "PNG"))
    assert (opaque.verdict, opaque.masked) == (Verdict.TAKEN, False)


def test_foreign_colours_are_brought_to_srgb(tmp_path: Path) -> None:
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("XYZ")).tobytes()
    for number, profile in enumerate(
        (ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(), lab, b"nonsense")
    ):
        body = made.encoded(made.picture(), "JPEG", icc_profile=profile)
        assert one(tmp_path / str(number), "p.jpg", body).verdict is Verdict.TAKEN


def test_only_the_first_picture_of_an_animation_is_taken_and_it_says_so(tmp_path: Path) -> None:
    frames = [made.picture(seed) for seed in (1, 2, 3)]
    for number, format_ in enumerate(("GIF", "WEBP", "MPO", "PNG")):
        body = made.encoded(
            frames[0],
            format_,
            save_all=True,
            append_images=frames[1:],
            **({"lossless": True} if format_ == "WEBP" else {}),
        )
        found = one(tmp_path / str(number), f"many.{format_.lower()}", body)
        assert found.verdict is Verdict.TAKEN, found.reason
        assert any("only the first" in text for text in found.warnings)
        back = np.asarray(copy(tmp_path / str(number), found), np.int16)
        assert np.abs(back - np.asarray(frames[0], np.int16)).mean() < 12


def test_content_counts_not_the_name(tmp_path: Path) -> None:
    assert one(tmp_path / "a", "really a png.jpg", made.encoded(made.picture(), "PNG")).verdict is Verdict.TAKEN
    found = one(tmp_path / "b", "photo.dat", made.jpeg())
    assert (found.verdict, found.warnings) == (Verdict.TAKEN, ("a photo, though its name ends in `.dat`",))
    assert one(tmp_path / "c", "notes.txt", b"shot on Tuesday").verdict is Verdict.IGNORED


def test_heic_is_read_where_the_extra_is_and_named_where_it_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heif = pytest.importorskip("pillow_heif")
    body = io.BytesIO()
    heif.from_pillow(made.picture()).save(body, quality=90)
    assert one(tmp_path / "a", "phone.heic", body.getvalue()).verdict is Verdict.TAKEN
    monkeypatch.setitem(__import__("sys").modules, "pillow_heif", None)
    without = one(tmp_path / "b", "phone.heic", body.getvalue())
    assert (without.verdict, "recon-cli[heic]" in without.reason) == (Verdict.REJECTED, True)


def test_small_and_large_files_are_refused_by_the_limits(tmp_path: Path) -> None:
    small = made.jpeg(width=99, height=400)
    assert "too small: 99×400" in one(tmp_path / "a", "small.jpg", small).reason
    assert one(tmp_path / "b", "small.jpg", small, Limits(min_side_px=50)).verdict is Verdict.TAKEN
    noise = made.encoded(Image.effect_noise((900, 900), 200).convert("RGB"), "PNG")
    assert one(tmp_path / "c", "big.png", noise, Limits(max_bytes=1_000_000)).reason == "larger than 1 MB"


def test_copies_are_made_smaller_where_that_is_asked_and_keep_their_shape(tmp_path: Path) -> None:
    found = one(tmp_path, "large.jpg", made.jpeg(width=1600, height=1200), Limits(max_side_px=800))
    assert (found.width, found.height, copy(tmp_path, found).size) == (800, 600, (800, 600))
    assert found.focal_px == pytest.approx(35 / 36 * 800)


def test_an_untouched_jpeg_is_copied_byte_by_byte(tmp_path: Path) -> None:
    body = made.jpeg(5)
    found = one(tmp_path, "as it is.jpg", body)
    assert (tmp_path / "job/upload/images" / found.name).read_bytes() == body


def test_the_same_picture_counts_once(tmp_path: Path) -> None:
    body, other = made.jpeg(5), made.encoded(made.picture(6), "PNG")
    folder = made.put(
        made.enough(tmp_path / "photos"),
        {"x/a.jpg": body, "y/a.jpg": body, "z/b.png": other, "z/c.png": made.encoded(made.picture(6), "TIFF")},
    )
    found = {each.source: each for each in run(folder, tmp_path / "job").photos}
    assert (found["x/a.jpg"].verdict, found["y/a.jpg"].verdict) == (Verdict.TAKEN, Verdict.DUPLICATE)
    assert found["y/a.jpg"].reason == "the same picture as x/a.jpg"
    assert found["z/c.png"].verdict is Verdict.DUPLICATE
    assert len(list((tmp_path / "job/upload/images").iterdir())) == 5


def test_equal_names_korean_names_and_spaces_get_neutral_names_and_a_table(tmp_path: Path) -> None:
    names = ["앞/사진 1.jpg", "뒤/사진 1.jpg", "가 나/사진 2 (복사).JPG", "10.jpg", "9.jpg"]
    folder = made.put(tmp_path / "photos", {name: made.jpeg(seed) for seed, name in enumerate(names)})
    found = run(folder, tmp_path / "job")
    assert {each.source for each in found.taken} == set(names)
    assert [each.name for each in found.taken] == [f"{number:05d}.jpg" for number in range(1, 6)]
    order = [each.source for each in found.taken]
    assert order.index("9.jpg") < order.index("10.jpg")
    assert photo.read(tmp_path / "job") == found.photos


def test_files_of_the_system_are_passed_over_and_links_out_are_refused(tmp_path: Path) -> None:
    folder = made.enough(tmp_path / "photos")
    made.put(
        folder,
        {"._good.jpg": b"\x00\x05\x16\x07", "Thumbs.db": b"x", ".DS_Store": b"x", "__MACOSX/x.jpg": made.jpeg(9)},
    )
    outside = made.put(tmp_path / "outside", {"secret.jpg": made.jpeg(11)})
    (folder / "link.jpg").symlink_to(outside / "secret.jpg")
    (folder / "folder").symlink_to(outside)
    (folder / "loop").symlink_to(folder)
    (folder / "inside.jpg").symlink_to(folder / "good 100.jpg")
    (folder / "dangling.jpg").symlink_to(folder / "none.jpg")
    found = {each.source: each for each in run(folder, tmp_path / "job").photos}
    assert {source for source, each in found.items() if each.verdict is Verdict.TAKEN} == {
        f"good {n}.jpg" for n in (100, 101, 102)
    }
    assert found["link.jpg"].reason == found["folder"].reason == "a link that leads out of the folder"
    assert found["inside.jpg"].verdict is Verdict.DUPLICATE
    assert found["loop"].verdict is Verdict.IGNORED
    assert found["dangling.jpg"].verdict is Verdict.REJECTED
    assert "__MACOSX/x.jpg" not in found


def test_one_camera_for_each_model_lens_and_size(tmp_path: Path) -> None:
    folder = made.enough(tmp_path / "photos")
    other = made.encoded(made.picture(1), "JPEG", exif=made.exif(model="X200"))
    made.put(
        folder,
        {"other.jpg": other, "wide.jpg": made.jpeg(2, width=200), "plain.png": made.encoded(made.picture(3), "PNG")},
    )
    cameras = {each.source: each.camera for each in run(folder, tmp_path / "job").taken}
    assert len({cameras[f"good {n}.jpg"] for n in (100, 101, 102)}) == 1
    assert len(set(cameras.values())) == 4


def test_a_blurred_photo_is_told_of_and_taken(tmp_path: Path) -> None:
    from PIL import ImageFilter  # noqa: PLC0415

    blurred = made.encoded(made.picture(4).filter(ImageFilter.GaussianBlur(12)), "JPEG")
    found = one(tmp_path, "soft.jpg", blurred)
    assert (found.verdict, found.warnings) == (Verdict.TAKEN, ("much less sharp than the others",))


def test_damaged_exif_costs_the_focal_length_not_the_photo(tmp_path: Path) -> None:
    body = made.encoded(made.picture(), "JPEG", exif=b"Exif\x00\x00II*\x00" + b"\xff" * 40)
    assert one(tmp_path, "odd.jpg", body).verdict is Verdict.TAKEN


def test_a_raw_photo_and_a_video_are_refused_with_the_way_out(tmp_path: Path) -> None:
    assert "export it as JPEG" in one(tmp_path / "a", "shot.CR2", b"II*\x00" + bytes(100)).reason
    assert "video" in one(tmp_path / "b", "clip.mp4", b"\x00\x00\x00\x18ftypisom").reason


@pytest.mark.parametrize("count", [0, 1, 2])
def test_fewer_than_three_usable_photos_fail_with_the_reasons_and_the_table(tmp_path: Path, count: int) -> None:
    folder = made.enough(tmp_path / "photos", seeds=range(count))
    made.put(folder, {"bad.jpg": b"no photo"})
    with pytest.raises(DataError, match="can be used") as failed:
        run(folder, tmp_path / "job")
    assert "bad.jpg: not a picture" in (failed.value.cause or "")
    assert len(photo.read(tmp_path / "job")) == count + 1


def test_no_folder_an_empty_one_and_a_file_say_so(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="no folder"):
        run(tmp_path / "none", tmp_path / "job")
    (tmp_path / "file").write_bytes(b"x")
    with pytest.raises(DataError, match="is not a folder"):
        run(tmp_path / "file", tmp_path / "job")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="no photos in"):
        run(tmp_path / "empty", tmp_path / "job")


def test_few_photos_are_warned_of(tmp_path: Path) -> None:
    assert any("only 3 photos" in text for text in run(made.enough(tmp_path / "p"), tmp_path / "job").warnings)
    many = made.enough(tmp_path / "many", seeds=range(20))
    assert run(many, tmp_path / "job2").warnings == ()
