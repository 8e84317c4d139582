"""Whole data sets: resumable, independent of the number of processes, clear about bad images."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from wsod_mm.proposals import (
    GenerateOptions,
    ImageSource,
    ProposalFileError,
    ProposalStore,
    generate_proposals,
)

OPTIONS = GenerateOptions(min_side=8)


@pytest.mark.slow
def test_workers_and_chunks_do_not_change_the_file(voc_root, tmp_path):
    source = ImageSource.from_voc(voc_root)
    one, two = tmp_path / 'one.npz', tmp_path / 'two.npz'
    store = generate_proposals(source, one, OPTIONS, workers=1, progress=False)
    generate_proposals(source, two, OPTIONS, workers=2, chunk_size=1, progress=False)
    assert one.read_bytes() == two.read_bytes()
    assert store.ids == source.ids and (store.counts > 5).all()
    assert store.meta['generator']['method'] == 'selective-search-fast'
    assert not list(tmp_path.glob('*.parts'))


def test_an_image_gets_the_same_boxes_in_any_job(voc_root, tmp_path):
    full = generate_proposals(ImageSource.from_voc(voc_root), tmp_path / 'a.npz', OPTIONS, workers=1, progress=False)
    part = generate_proposals(ImageSource.from_voc(voc_root, 'train'), tmp_path / 'b.npz', OPTIONS, 1, progress=False)
    np.testing.assert_array_equal(full.get('000012')[0], part.get('000012')[0])


@pytest.mark.parametrize('method', ['random', 'grid', 'centre'])
def test_baseline_methods(voc_root, tmp_path, method):
    options = GenerateOptions(method=method, max_num=30)
    out = tmp_path / 'p.npz'
    store = generate_proposals(ImageSource.from_voc(voc_root), out, options, 1, progress=False)
    assert store.counts.tolist() == [{'random': 30, 'grid': 30, 'centre': 1}[method]] * 3
    assert 'sigma' not in store.meta['generator']


def test_finished_file_is_kept_and_never_silently_replaced(voc_root, tmp_path):
    source, out = ImageSource.from_voc(voc_root), tmp_path / 'p.npz'
    generate_proposals(source, out, OPTIONS, workers=1, progress=False)
    stamp = out.stat().st_mtime_ns
    assert generate_proposals(source, out, OPTIONS, workers=1, progress=False).ids == source.ids
    assert out.stat().st_mtime_ns == stamp
    other = GenerateOptions(min_side=30)
    with pytest.raises(ProposalFileError, match=r'min_side: 8 there, 30 asked for'):
        generate_proposals(source, out, other, workers=1, progress=False)
    store = generate_proposals(source, out, other, workers=1, restart=True, progress=False)
    assert store.meta['generator']['min_side'] == 30


def test_all_bad_images_are_named_and_the_rest_is_kept(voc_root, tmp_path):
    source, out = ImageSource.from_voc(voc_root), tmp_path / 'p.npz'
    bad = voc_root / 'JPEGImages' / '000007.jpg'
    whole = bad.read_bytes()
    bad.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ProposalFileError, match=r'1 of 3 images(?s:.)*000007\.jpg.*truncated'):
        generate_proposals(source, out, OPTIONS, workers=1, chunk_size=1, progress=False)
    assert not out.exists()
    parts = {p.name: p.stat().st_mtime_ns for p in (tmp_path / 'p.npz.parts').glob('*.npz')}
    assert len(parts) == 2
    with pytest.raises(ProposalFileError, match=r'other settings.*chunk_size: 1 -> 2'):
        generate_proposals(source, out, OPTIONS, workers=1, chunk_size=2, progress=False)
    bad.write_bytes(whole)
    damaged = tmp_path / 'p.npz.parts' / '000000.npz'
    damaged.write_bytes(damaged.read_bytes()[:100])  # a damaged part is made again
    generate_proposals(source, out, OPTIONS, workers=1, chunk_size=1, progress=False)
    generate_proposals(source, tmp_path / 'q.npz', OPTIONS, workers=1, progress=False)
    assert out.read_bytes() == (tmp_path / 'q.npz').read_bytes()


_JOB = """
import sys
from wsod_mm.proposals import GenerateOptions, ImageSource, generate_proposals
if __name__ == '__main__':
    generate_proposals(ImageSource.from_folder(sys.argv[1]), sys.argv[2],
                       GenerateOptions(method='selective-search-quality', min_side=8),
                       workers=int(sys.argv[3]), chunk_size=1, progress=False)
"""


def _many_images(voc_root: Path, count: int) -> Path:
    folder = voc_root / 'many'
    folder.mkdir()
    files = sorted((voc_root / 'JPEGImages').glob('*.jpg'))
    for i in range(count):
        (folder / f'{i:03d}.jpg').write_bytes(files[i % len(files)].read_bytes())
    return folder


def _children(pid: int) -> list[int]:
    listing = Path(f'/proc/{pid}/task/{pid}/children')
    return [int(p) for p in listing.read_text().split()] if listing.exists() else []


@pytest.mark.slow
def test_sigkill_midway_then_resume_gives_the_same_file(voc_root, tmp_path):
    folder, out = _many_images(voc_root, 12), tmp_path / 'killed.npz'
    script = tmp_path / 'job.py'
    script.write_text(_JOB)
    root = str(Path(__file__).resolve().parents[2])
    env = {**os.environ, 'PYTHONPATH': root, 'OMP_NUM_THREADS': '1'}
    process = subprocess.Popen([sys.executable, str(script), str(folder), str(out), '2'], env=env)
    parts = Path(str(out) + '.parts')
    deadline = time.time() + 80
    while len(list(parts.glob('0*.npz'))) < 3:
        assert process.poll() is None and time.time() < deadline
        time.sleep(0.005)
    workers = _children(process.pid)
    process.send_signal(signal.SIGKILL)
    process.wait()
    done = {p.name: p.stat().st_mtime_ns for p in parts.glob('0*.npz')}
    assert 3 <= len(done) < 12 and not out.exists()
    while any(Path(f'/proc/{w}/exe').exists() for w in workers):  # nobody outlives the parent
        assert time.time() < deadline
        time.sleep(0.05)

    remade = []
    source = ImageSource.from_folder(folder)
    options = GenerateOptions(method='selective-search-quality', min_side=8)
    put = ProposalStore.save

    def save(self, path):
        remade.append(Path(path).name)
        return put(self, path)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ProposalStore, 'save', save)
        generate_proposals(source, out, options, workers=1, chunk_size=1, progress=False)
    assert not set(remade) & set(done) and len(remade) == 12 - len(done) + 1
    whole = tmp_path / 'whole.npz'
    generate_proposals(source, whole, options, workers=1, chunk_size=5, progress=False)
    assert out.read_bytes() == whole.read_bytes() and not parts.exists()


def test_bad_options():
    for bad, message in (
        (dict(method='edge-boxes'), 'unknown proposal method'),
        (dict(method='random'), 'number of boxes'),
        (dict(order='score'), 'unknown order'),
        (dict(sigma=0), 'sigma'),
        (dict(max_num=0), 'max_num must be at least 1'),
        (dict(long_side=5), 'long_side must be at least 16'),
    ):
        with pytest.raises(ProposalFileError, match=message):
            GenerateOptions(**bad)


def test_bad_arguments(voc_root, tmp_path):
    source = ImageSource.from_voc(voc_root)
    with pytest.raises(ProposalFileError, match='.npz file'):
        generate_proposals(source, tmp_path / 'p.pkl', OPTIONS)
    with pytest.raises(ProposalFileError, match='at least 1'):
        generate_proposals(source, tmp_path / 'p.npz', OPTIONS, workers=0)
