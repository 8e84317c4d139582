"""tools/proposals.py from end to end, as a user calls it."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.proposals.conftest import boxes, voc_root  # noqa: F401
from wsod_mm.proposals import ProposalStore

TOOL = Path(__file__).resolve().parents[2] / 'tools' / 'proposals.py'


@pytest.fixture(scope='module')
def main():
    spec = importlib.util.spec_from_file_location('proposals_tool', TOOL)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.main


def test_generate_check_recall_export_convert(main, voc_root, tmp_path, capsys):  # noqa: F811
    voc = ['--voc-root', str(voc_root), '--split', 'trainval', '--quiet']
    out = tmp_path / 'ss.npz'
    args = ['--out', str(out), '--workers', '1', '--min-side', '8', '--max-num', '25']
    assert main(['generate', *voc, *args]) == 0
    store = ProposalStore.load(out)
    assert store.counts.max() <= 25 and store.meta['generator']['min_side'] == 8
    assert main(['check', str(out), *voc, '--ground-truth', '--out', str(tmp_path / 'c.json')]) == 0
    assert json.loads((tmp_path / 'c.json').read_text())['ok'] is True
    files = ['--out', str(tmp_path / 'r.json'), '--plot', str(tmp_path / 'r.png')]
    assert main(['recall', str(out), *voc, '--chance', '--ks', '5', '25', *files]) == 0
    recall = json.loads((tmp_path / 'r.json').read_text())
    assert list(recall) == ['ss', 'random'] and recall['ss']['ks'] == [5, 25]
    assert recall['ss']['recall_all'][0] > 0.7 and (tmp_path / 'r.png').stat().st_size > 1000
    assert main(['export', str(out), *voc, '--out', str(tmp_path / 'm.pkl')]) == 0
    back = tmp_path / 'back.npz'
    assert main(['convert', str(tmp_path / 'm.pkl'), *voc, '--out', str(back)]) == 0
    np.testing.assert_array_equal(ProposalStore.load(back).get('000012')[0], store.get('000012')[0])
    assert 'mmdet-pkl, xyxy, 0-based' in capsys.readouterr().out


def test_every_kind_of_image_list(main, voc_root, tmp_path):  # noqa: F811
    listing = tmp_path / 'list.txt'
    listing.write_text('JPEGImages/000007.jpg\n')
    common = ['--method', 'random', '--max-num', '9', '--workers', '1', '--quiet', '--out']
    by_list, by_folder = str(tmp_path / 'a.npz'), str(tmp_path / 'b.npz')
    images = ['--image-list', str(listing), '--image-root', str(voc_root)]
    assert main(['generate', *images, *common, by_list]) == 0
    assert main(['generate', '--images', str(voc_root / 'JPEGImages'), *common, by_folder]) == 0
    first, second = ProposalStore.load(by_list), ProposalStore.load(by_folder)
    assert first.ids == ['000007'] and len(second) == 3
    np.testing.assert_array_equal(first.get('000007')[0], second.get('000007')[0])


def test_exit_code_1_says_what_would_fail(main, boxes, voc_root, tmp_path, capsys):  # noqa: F811
    voc = ['--voc-root', str(voc_root), '--quiet']
    del boxes['000007']
    swapped = {i: (b[:, [1, 0, 3, 2]], None) for i, b in boxes.items()}
    path = ProposalStore.from_dict(swapped).save(tmp_path / 'p.npz')
    assert main(['check', str(path), *voc]) == 1
    text = capsys.readouterr().out
    assert 'ERROR: no proposals for 1 of 3 images: 000007' in text and 'yxyx, 0-based' in text
    convert = ['convert', str(path), *voc, '--allow-missing', '--out', str(tmp_path / 'q.npz')]
    assert main(convert) == 1
    assert '--order yxyx --offset 0' in capsys.readouterr().err
    assert not (tmp_path / 'q.npz').exists()
    assert main([*convert, '--order', 'yxyx']) == 0
    np.testing.assert_array_equal(ProposalStore.load(tmp_path / 'q.npz').get('000005')[0], boxes['000005'])
    path.write_bytes(b'junk')
    assert main(['check', str(path), *voc]) == 1
    assert f'error: {path} is truncated' in capsys.readouterr().err
    images = ['--images', str(voc_root), '--split', 'train', '--quiet']
    assert main(['check', str(path), *images]) == 1
    assert 'error:' in capsys.readouterr().err


@pytest.mark.slow
def test_help_in_a_fresh_process():
    env = {**os.environ, 'PYTHONPATH': str(TOOL.parents[1])}
    run = subprocess.run([sys.executable, str(TOOL), 'generate', '--help'], env=env, capture_output=True, text=True)
    assert run.returncode == 0 and '--long-side' in run.stdout and '--voc-root' in run.stdout
    run = subprocess.run([sys.executable, str(TOOL)], env=env, capture_output=True, text=True)
    assert run.returncode == 2 and 'COMMAND' in run.stderr
