"""Every list has a face of its own that says what is in it."""

import io
from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from audiomuse.model import Playlist
from audiomuse.playlists import cover_image, cover_svg

JAZZ = Playlist("one", "Calm Jazz · Soul", (), tags=(("jazz", 2.0),), tempo_bpm=80, energy=0.1)


def picture(playlist: Playlist, **options) -> Image.Image:
    return Image.open(io.BytesIO(cover_image(playlist, **options)))


@pytest.mark.parametrize(("kind", "mime"), [("PNG", "image/png"), ("JPEG", "image/jpeg")])
def test_a_cover_is_600_pixels_wide_and_under_200_kilobytes(kind, mime):
    loud = replace(JAZZ, name="Energetic Heavy Metal · Hard Rock", energy=1.0, tempo_bpm=200)
    file = cover_image(loud, image_format=kind)
    found = Image.open(io.BytesIO(file))
    assert found.size == (600, 600)
    assert found.get_format_mimetype() == mime
    assert len(file) < 200_000


def test_the_same_list_keeps_its_face():
    assert cover_image(JAZZ) == cover_image(JAZZ)
    assert cover_svg(JAZZ) == cover_svg(JAZZ)


def test_two_lists_of_one_kind_look_different():
    assert cover_svg(JAZZ) != cover_svg(replace(JAZZ, id="two"))


def test_the_svg_is_well_formed_self_contained_and_carries_the_name():
    svg = cover_svg(replace(JAZZ, name='Rock & "Roll" <3'))
    root = ElementTree.fromstring(svg)
    assert root.get("aria-label") == 'Rock & "Roll" <3'
    assert 'Rock & "Roll"' in " ".join(root.itertext())
    assert "href" not in svg


def test_the_name_is_written_on_the_picture():
    with_name = np.asarray(picture(JAZZ), dtype=int)
    without = np.asarray(picture(replace(JAZZ, name="")), dtype=int)
    assert (np.abs(with_name - without).max(axis=2) > 60).mean() > 0.01


def test_a_name_in_another_script_is_left_off_rather_than_shown_as_boxes():
    without = np.asarray(picture(replace(JAZZ, name=""), image_format="PNG"))
    foreign = np.asarray(picture(replace(JAZZ, name="Музыка"), image_format="PNG"))
    assert np.array_equal(without, foreign)
    assert "Музыка" in cover_svg(replace(JAZZ, name="Музыка"))


def test_accents_are_left_off_where_the_font_lacks_them():
    plain = np.asarray(picture(replace(JAZZ, name="Cafe"), image_format="PNG"))
    assert np.array_equal(plain, np.asarray(picture(replace(JAZZ, name="Café"), image_format="PNG")))


def test_loud_lists_have_higher_waves_than_calm_ones():
    def roughness(energy):
        outline = cover_svg(replace(JAZZ, energy=energy)).split('d="M')[1].split(" L600 600")[0]
        ys = [float(point.split()[1]) for point in outline.split(" L")]
        return max(ys) - min(ys)

    assert roughness(1.0) > 2 * roughness(0.0)


def test_a_list_without_any_feature_still_has_a_cover():
    assert picture(
        Playlist("x", "A very long name that goes on and on without an end in sight at all", ())
    ).size
