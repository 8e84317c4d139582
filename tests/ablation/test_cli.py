"""The command line, and a whole grid of one row."""

import json
import sys
from pathlib import Path

import pytest

from tests.ablation._grids import SHIPPED, grid_file
from wsod_mm import cli as commands
from wsod_mm.ablation import cli
from wsod_mm.ablation.collect import collect_rows, runs_on_disk
from wsod_mm.ablation.grid import load_grid
from wsod_mm.ablation.stages import Run

ROOT = Path(__file__).resolve().parents[2]


def test_mistakes_are_one_line(tmp_path, capsys):
    assert cli.main([str(tmp_path / 'none.yaml')]) == 1
    assert 'error: grid' in capsys.readouterr().err
    assert cli.main([str(SHIPPED), '--work-dir', str(tmp_path / 'w'), '--rows', 'coffee']) == 1
    assert "no row 'coffee'" in capsys.readouterr().err and not (tmp_path / 'w').exists()


def test_is_a_command():
    assert commands.commands()['ablation'] == ROOT / 'tools' / 'ablation.py'


def test_list_and_tables_without_training(tmp_path, capsys):
    arguments = [str(SHIPPED), '--work-dir', str(tmp_path), '--data-seeds', '0', '1']
    assert cli.main([*arguments, '--list']) == 0
    text = capsys.readouterr().out
    assert 'data1/seed0' in text and '| oicr: OICR | oicr_minicnn_1xb4-3e_minivoc.py | – | – |' in text
    assert cli.main([*arguments, '--tables-only']) == 0
    assert 'No run is finished yet' in capsys.readouterr().out
    assert json.loads((tmp_path / 'rows.json').read_text()) == []


def test_rows_of_other_settings_are_left_out(tmp_path):
    grid = load_grid(SHIPPED)
    folder = tmp_path / 'data4' / 'seed1' / 'oicr_row'
    folder.mkdir(parents=True)
    (folder / 'row.json').write_text('{}')
    (folder / 'stage.json').write_text(json.dumps({'key': 'old', 'state': 'done', 'sizes': {'row.json': 2}}))
    (tmp_path / 'data4' / 'seedling').mkdir()
    assert runs_on_disk(grid, tmp_path) == [Run(4, 1)]
    found = collect_rows(grid, tmp_path)
    assert found.rows == [] and found.stale == ['data4/seed1/oicr_row']


@pytest.mark.slow
def test_quick_grid_from_nothing_and_again(tmp_path, capsys, monkeypatch):
    work = tmp_path / 'work'
    arguments = [str(grid_file(tmp_path, classifier=None)), '--work-dir', str(work), '--data-seeds', '0']
    arguments += ['--rows', 'oicr']
    monkeypatch.setattr(sys, 'argv', [])  # the command changes it
    with pytest.raises(SystemExit) as end:
        commands.main(['ablation', *arguments, '--quick'])
    first = capsys.readouterr()
    assert end.value.code == 0, first.out + first.err
    (row,) = json.loads((work / 'rows.json').read_text())
    assert (row['key'], row['name'], row['data_seed'], row['seed']) == ('oicr', 'OICR', 0, 0)
    assert all(0 <= row[metric] <= 100 for metric in ('mAP_11pt', 'mAP_area', 'CorLoc'))
    assert len(row['ap_11pt']) == 6 and row['train_seconds'] > 0 and row['iterations'] == 8
    assert row['losses']['loss'] > 0 and row['part_whole']['boxes'] >= 32 and row['grad_share'] == {}
    assert '| OICR |' in first.out and '## Parts and wholes' in (work / 'tables.md').read_text()
    assert (work / 'ablation.png').is_file() and (work / 'published.png').is_file() and (work / 'rows.csv').is_file()

    # killed while measuring: what is missing is done again, nothing else
    (work / 'data0' / 'seed0' / 'oicr_row' / 'row.json').unlink()
    (work / 'rows.json').unlink()
    assert cli.main([*arguments, '--quick']) == 0
    assert capsys.readouterr().out.count('done in') == 1
    assert json.loads((work / 'rows.json').read_text()) == [row]
    assert cli.main([*arguments, '--quick', '--list']) == 0
    assert '| oicr: OICR | oicr_minicnn_1xb4-3e_minivoc.py | done |' in capsys.readouterr().out

    # without --quick these are rows of other settings
    assert cli.main([*arguments, '--tables-only']) == 0
    third = capsys.readouterr()
    assert 'left out, made with other settings' in third.err and 'No run is finished yet' in third.out
    assert not (work / 'ablation.png').exists()
