"""The small chart of a list shows its songs, and only what is known of them."""

import numpy as np
from made_lists import made_matrix

from audiomuse.playlists import list_fingerprint


def test_tempo_keys_energy_and_moods_of_a_list_by_hand():
    matrix = made_matrix(
        4, tags=["jazz", "jazz", "rock", "rock"], tempo_bpm=[61, 69, 300, np.nan], key_index=[0, 21, 21, -1],
        energy=[0.1, 0.2, np.nan, 0.4],
    )  # fmt: skip
    chart = list_fingerprint(matrix, matrix.tags.mean(axis=0), n_moods=1)
    assert chart.tempo_counts[2] == 2
    assert chart.tempo_counts[-1] == 1
    assert sum(chart.tempo_counts) == 3
    assert chart.energy_line == (0.1, 0.2, None, 0.4)
    assert chart.camelot_counts[7] == (2, 1)
    assert sum(map(sum, chart.camelot_counts)) == 3
    assert chart.duration_s == 800.0


def test_moods_are_what_the_list_has_more_of():
    library = made_matrix(4, tags=["jazz", "rock", "rock", "rock"])
    chart = list_fingerprint(made_matrix(1, tags=["jazz"]), library.tags.mean(axis=0), n_moods=1)
    assert [(bar.tag, bar.share) for bar in chart.moods] == [("jazz", 0.6)]


def test_an_empty_list_is_an_empty_chart():
    chart = list_fingerprint(made_matrix(0), np.full(50, 0.1, np.float32))
    assert (chart.energy_line, chart.moods, chart.duration_s) == ((), (), 0.0)
    assert sum(chart.tempo_counts) == 0
