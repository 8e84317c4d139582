"""Image-wise stages killed in the middle, in one process and in several; images that fail; the command line."""

import dataclasses
import multiprocessing
import os
import signal
import time
from pathlib import Path

import pytest

from wsod_mm.utils import io
from wsod_mm.weak_seg import run_images as module
from wsod_mm.weak_seg.cli import main
from wsod_mm.weak_seg.image_job import ImageJob
from wsod_mm.weak_seg.image_stage import image_stage
from wsod_mm.weak_seg.run_images import ImageStageError, run_images

from .tiny import IMAGE_STAGES, contents

FORK = multiprocessing.get_context('fork')


def job_of(finished, stage, root) -> ImageJob:
    """The job of a stage in a folder that has everything but that stage."""
    root.mkdir()
    for folder in finished.root.iterdir():
        if folder.name != stage:
            (root / folder.name).symlink_to(folder)
    (root / stage).mkdir()
    return dataclasses.replace(ImageJob.read(finished.root / stage / 'job.json'), root=str(root))


def kill_at(number: int, job: ImageJob) -> None:
    """Work on a job, and be gone when file ``number`` (of those that count) is written but not yet renamed."""
    rename, count, folder = os.replace, 0, job.path(job.records()[0]).parent

    def replace(*paths):
        nonlocal count
        count += Path(paths[1]).parent == folder
        if count == number:
            os.kill(os.getpid(), signal.SIGKILL)
        rename(*paths)

    io.os.replace = replace
    run_images(job)


@pytest.mark.parametrize('stage', IMAGE_STAGES)
def test_killed_in_the_middle_and_gone_on_with(finished, tmp_path, stage):
    job = job_of(finished, stage, tmp_path / 'work')
    process = FORK.Process(target=kill_at, args=(4, job))
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
    folder = job.path(job.records()[0]).parent
    kept = {p: p.stat().st_mtime_ns for p in folder.iterdir() if not p.name.startswith('.')}
    assert len(kept) == 3 and len(list(folder.iterdir())) == 4  # half a file lies there
    run_images(job)
    assert contents(job.folder) == contents(finished.root / stage)
    assert all(p.stat().st_mtime_ns == when for p, when in kept.items())


def _in_two(job: ImageJob) -> None:
    run_images(job, 2)


def test_several_processes_killed_leave_none_behind(finished, tmp_path):
    job = job_of(finished, 'cam', tmp_path / 'work')
    slow = dataclasses.replace(job, worker=f'{__name__}:slow_worker')
    process = FORK.Process(target=_in_two, args=(slow,))
    process.start()
    children = Path(f'/proc/{process.pid}/task/{process.pid}/children')
    pids = _wait(lambda: [int(pid) for pid in children.read_text().split()] if _files(job) else [])
    os.kill(process.pid, signal.SIGKILL)
    process.join(10)
    assert pids
    assert _wait(lambda: not any(_lives(pid) for pid in pids))
    assert 0 < len(_files(job)) < 14
    run_images(job, 2)
    assert contents(job.folder) == contents(finished.root / 'cam')


def slow_worker(job):
    work = dataclasses.replace(job, worker='wsod_mm.weak_seg.stages.cam:cam_worker').make_worker()

    def make(record):
        work(record)
        time.sleep(0.3)

    return make


def _files(job):
    return [p for p in (job.folder / 'maps').glob('*') if not p.name.startswith('.')]


def _lives(pid):
    try:
        return Path(f'/proc/{pid}/stat').read_text().rsplit(')', 1)[1].split()[0] != 'Z'
    except OSError:
        return False


def _wait(ready, seconds=60.0):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = ready()
        if found:
            return found
        time.sleep(0.02)
    return ready()


def failing_worker(job):
    def make(record):
        if record.img_id != 'grey':
            raise ZeroDivisionError('no') if record.img_id == 'pixel' else ValueError('bad pixels')
        job.path(record).parent.mkdir(exist_ok=True)
        job.path(record).write_text('x')

    return make


def dying_worker(job):
    return lambda record: os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize('workers', [1, 2])
def test_failures_name_their_images_and_do_not_stop_the_others(finished, tmp_path, workers, capfd, monkeypatch):
    job = job_of(finished, 'cam', tmp_path / 'work')
    job = dataclasses.replace(job, worker=f'{__name__}:failing_worker', lists=('infer',))
    monkeypatch.setattr(module, '_MAX_ERRORS', 20)
    with pytest.raises(ImageStageError) as info:
        run_images(job, workers)
    message = str(info.value)
    assert message.count('bad pixels') == 12 and "image 'cmyk' (" in message and 'cmyk.jpg): bad pixels' in message
    assert 'ZeroDivisionError: no' in message and 'Traceback' in capfd.readouterr().err
    assert job.path(next(r for r in job.records() if r.img_id == 'grey')).is_file()
    monkeypatch.setattr(module, '_MAX_ERRORS', 3)
    with pytest.raises(ImageStageError, match='3 failed, the rest was not tried'):
        run_images(job, workers)


def test_a_process_that_dies_is_reported(finished, tmp_path):
    job = dataclasses.replace(job_of(finished, 'cam', tmp_path / 'work'), worker=f'{__name__}:dying_worker')
    with pytest.raises(ImageStageError, match=r"a process of stage 'cam' was killed.*--workers"):
        run_images(job, 2)


def test_workers_are_functions_that_other_processes_find():
    with pytest.raises(TypeError, match='not at the top of a module'):
        image_stage('a', lambda job: None, 'x/{}.png', ('train',), (), {})


def test_command_line(finished, tmp_path, capsys):
    # the classifier is given, so that nothing is trained
    checkpoint = finished.root / 'classifier' / 'run' / 'epoch_1.pth'
    path = finished.config.with_name('given.py')
    path.write_text(
        finished.config.read_text().replace(
            "classifier='classifier.py'", f"classifier=dict(config='classifier.py', checkpoint={str(checkpoint)!r})"
        )
    )
    words = [str(path), '--work-dir', str(tmp_path / 'work'), '--workers', '1', '--device', 'cpu']
    assert main([*words, '--list']) == 0
    assert 'classifier' not in [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    assert main([*words, '--only', 'cam']) == 0  # its images in a process of their own
    assert 'cam: done' in capsys.readouterr().out and '$ ' in (tmp_path / 'work' / 'cam' / 'log.txt').read_text()
    assert contents(tmp_path / 'work' / 'cam') == contents(finished.root / 'cam')
    assert main([*words, '--list']) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split()[:2] == ['cam', 'done'] and lines[2].split()[:3] == ['cam_crf', 'to', 'do']
    assert main([*words, '--only', 'wlak']) == 1
    assert 'no stage wlak; there are images, cam,' in capsys.readouterr().err
    assert main([words[0], '--cfg-options', 'weak_seg.cam.merge=none', '--list']) == 1
    assert "given.py: weak_seg.cam.merge='none': must be one of 'full', 'strided'" in capsys.readouterr().err
