"""Rows, tables and plots, from numbers that are made up."""

import csv
import dataclasses
import json
import threading

import pytest

from tests.ablation._grids import SHIPPED, result
from wsod_mm.ablation import rows as rows_module
from wsod_mm.ablation.grid import Compare, GridRow, load_grid
from wsod_mm.ablation.plots import plot_ablation, plot_published
from wsod_mm.ablation.published import PublishedTable
from wsod_mm.ablation.rows import add_row, read_rows, write_rows
from wsod_mm.ablation.tables import ablation_tables, published_table


@pytest.fixture
def grid():
    grid = load_grid(SHIPPED)
    config = grid.rows[0].config
    rows = tuple(GridRow(key, key.upper(), config) for key in ('oicr', 'casd_base', 'casd_full'))
    return dataclasses.replace(
        grid, rows=rows, compare=(Compare('gain', 'oicr', 'casd_base'), Compare('none', 'oicr', 'casd_full'))
    )


@pytest.fixture
def rows():
    values = {'oicr': (30.0, 34.0, 20.0), 'casd_base': (31.0, 38.0)}
    return [result(key, value, seed) for key, numbers in values.items() for seed, value in enumerate(numbers)]


def test_tables(grid, rows):
    text = ablation_tables(grid, rows)
    assert '| OICR | 28.0 ± 7.2 | 27.0 ± 7.2 | 38.0 ± 7.2 | 3 | 2.0 |' in text
    assert '| CASD_BASE | 34.5 ± 4.9 |' in text and 'CASD_FULL' not in text.split('## Table 1')[0]
    # the third run of OICR has no partner
    assert '| gain | +2.5 ± 2.1 | +2.5 ± 2.1 | +2.5 ± 2.1 | 2 of 2 |' in text
    assert '| none | – | – | – | – |' in text
    assert '| baseline | 48.9 | 52.47 | no IA, no regression, no augmentation | 34.5 ± 4.9 (2) |' in text
    assert '| baseline, top-1 (OICR) |  | 52.00 |' in text
    assert 'measured here on MiniVOC (runs)' in text and 'compare differences' in text
    assert '1 training seeds, 3 data seeds' in text
    assert 'Parts and wholes' not in text and 'gradient' not in text
    assert 'No run is finished yet' in ablation_tables(grid, [])
    voc = ablation_tables(dataclasses.replace(grid, data=None, data_name='VOC 2007'), rows)
    assert '| measured here (runs) |' in voc and 'compare differences' not in voc


def test_optional_tables(grid, rows):
    parts = dict.fromkeys(('iou_object', 'iou_head', 'covered', 'inside', 'on_head', 'hit'), 50.0)
    rows[0].update(part_whole={'boxes': 100, **parts, 'iou_head': None}, grad_share={'grad_share_mil': 0.25})
    rows[1].update(part_whole={'boxes': 110, **parts}, grad_share={'grad_share_mil': 0.35, 'grad_share_lw': 0.5})
    text = ablation_tables(grid, rows)
    assert '| OICR | 105 | 50.0 ± 0.0 | – | 50.0 ± 0.0 |' in text
    assert '| OICR | 0.300 ± 0.071 | 0.500 |' in text
    assert rows[0]['CorLoc'] == 40.0
    rows[0]['CorLoc'] = None
    assert '| OICR | 28.0 ± 7.2 | 27.0 ± 7.2 | – | 3 |' in ablation_tables(grid, rows)


def test_published_cells(grid):
    table = PublishedTable('T', ('a', 'b'), {'x': (50, 'text'), 'casd_base': (None, None), 'y': (51.25, None)})
    text = published_table(table, grid, [])
    assert '| x | 50.00 | text |  |' in text and '| CASD_BASE |  |  |  |' in text and '| y | 51.25 |  |  |' in text


def test_rows_are_kept_once_and_flat(tmp_path, rows):
    threads = [threading.Thread(target=add_row, args=(tmp_path, row)) for row in rows]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(read_rows(tmp_path)) == len(rows)
    add_row(tmp_path, {**rows[0], 'mAP_11pt': 99.0, 'part_whole': {'boxes': 3}})
    kept = read_rows(tmp_path)
    assert len(kept) == len(rows) and [row['mAP_11pt'] for row in kept].count(99.0) == 1
    with open(tmp_path / 'rows.csv', encoding='utf-8', newline='') as file:
        table = list(csv.DictReader(file))
    assert len(table) == len(rows) and {'ap_11pt/cat', 'losses/loss', 'part_whole/boxes'} <= table[0].keys()
    assert sorted(row['part_whole/boxes'] for row in table)[-2:] == ['', '3']
    assert not [path for path in tmp_path.iterdir() if path.name not in ('rows.json', 'rows.csv')]
    (tmp_path / 'rows.json').write_text('[{"key": ')
    assert read_rows(tmp_path) == []
    write_rows(tmp_path, [])
    assert json.loads((tmp_path / 'rows.json').read_text()) == []


def test_means_over_the_second_half_of_training():
    entries = {step: {'loss': 1.0, 'grad_share_a': float(step)} for step in range(1, 11)}
    entries[10] = {'loss': 1.0, 'grad_share_b': 7.0}
    assert rows_module._second_half(entries, 'grad_share') == {'grad_share_a': 7.5, 'grad_share_b': 7.0}
    assert rows_module._second_half({}, 'grad_share') == {}


def test_plots(tmp_path, grid, rows):
    for name in ('a.png', 'a.svg'):
        assert plot_ablation(grid, rows, tmp_path / name).stat().st_size > 5000
        assert plot_published(grid, rows, tmp_path / f'p{name}').stat().st_size > 5000
    text = (tmp_path / 'a.svg').read_text()
    assert 'svg' in text and (tmp_path / 'a.png').read_bytes().startswith(b'\x89PNG')
    plot_published(grid, [], tmp_path / 'none.png')
    with pytest.raises(ValueError, match='no runs'):
        plot_ablation(grid, [], tmp_path / 'none.png')
    with pytest.raises(ValueError, match='no tables'):
        plot_published(dataclasses.replace(grid, tables=()), rows, tmp_path / 'none.png')
