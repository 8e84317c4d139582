"""Image-wise stages: one file per image, in parallel processes; what is there is kept."""

import argparse
import ctypes
import multiprocessing
import signal
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import torch
from tqdm import tqdm

from wsod_mm.utils.checkpoint_io import CheckpointError

from .image_job import ImageJob, load_function
from .image_record import ImageRecord

__all__ = ['ImageStageError', 'main', 'run_images']

#: Networks per GPU: one more hides what runs on the host.
PROCESSES_PER_GPU = 4
_MAX_ERRORS = 10
_worker: Callable[[ImageRecord], None] | None = None  # of this process, in a pool


class ImageStageError(ValueError):
    """Images that a stage could not work on; the message names them and their files."""


def run_images(job: ImageJob, workers: int = 1) -> None:
    """Make what is missing of an image-wise stage.

    Files are written under another name and renamed, so that one that exists is complete. Images that fail do not stop
    the others before there are ten of them.

    Args:
        job: The stage.
        workers: Processes; 1: this one. Fewer on GPUs, each of which holds :data:`PROCESSES_PER_GPU` at most.

    Raises:
        ImageStageError: If images failed.
    """
    for path in job.folder.rglob('.*.tmp*'):  # of a killed run
        path.unlink()
    records = job.records()
    todo = [record for record in records if not job.path(record).is_file()]
    if job.device.startswith('cuda'):
        workers = min(workers, PROCESSES_PER_GPU * torch.cuda.device_count())
    errors: list[str] = []
    with tqdm(total=len(records), initial=len(records) - len(todo), desc=job.stage, unit='image', mininterval=1) as bar:
        run = _in_this_process if workers <= 1 or len(todo) < 2 else _in_a_pool
        for error in run(job, todo, workers):
            bar.update()
            if error is not None:
                errors.append(error)
                if len(errors) == _MAX_ERRORS:
                    break
    if errors:
        more = f' ({_MAX_ERRORS} failed, the rest was not tried)' if len(errors) == _MAX_ERRORS else ''
        raise ImageStageError('\n'.join(errors) + more)
    if job.finish is not None:
        load_function(job.finish)(job)


def main(arguments: Sequence[str] | None = None) -> int:
    """``python -m wsod_mm.weak_seg.run_images JOB.json --workers N``, which the pipeline starts.

    Returns:
        Exit status.
    """
    parser = argparse.ArgumentParser(prog='run_images', description='Make the files of an image-wise stage.')
    parser.add_argument('job', type=Path)
    parser.add_argument('--workers', type=int, default=1)
    args = parser.parse_args(arguments)
    torch.set_num_threads(1)
    try:
        run_images(ImageJob.read(args.job), args.workers)
    except (OSError, ValueError, ImportError, CheckpointError) as error:
        print(f'error: {error}', file=sys.stderr)
        return 1
    return 0


def _in_this_process(job: ImageJob, todo: Sequence[ImageRecord], workers: int) -> Iterator[str | None]:
    worker = job.make_worker() if todo else None
    for record in todo:
        yield _try(worker, record)


def _in_a_pool(job: ImageJob, todo: Sequence[ImageRecord], workers: int) -> Iterator[str | None]:
    # CUDA does not survive a fork; without it, forked processes need not import everything again
    fork = not job.device.startswith('cuda') and 'fork' in multiprocessing.get_all_start_methods()
    context = multiprocessing.get_context('fork' if fork else 'spawn')
    counter = context.Value('i', 0)
    pool = ProcessPoolExecutor(min(workers, len(todo)), context, initializer=_start, initargs=(job, counter))
    try:
        for future in as_completed([pool.submit(_work, record) for record in todo]):
            yield future.result()
    except BrokenProcessPool:
        raise ImageStageError(
            f'a process of stage {job.stage!r} was killed, perhaps for want of memory; the same command goes on from '
            'here, with fewer processes by --workers'
        ) from None
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _start(job: ImageJob, counter: 'multiprocessing.Value') -> None:
    global _worker  # one per process of the pool, so that networks are loaded once
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent stops the pool
    if sys.platform == 'linux':
        ctypes.CDLL(None, use_errno=True).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG: die with the parent
    torch.set_num_threads(1)
    with counter.get_lock():
        number = counter.value
        counter.value += 1
    if job.device == 'cuda':
        torch.cuda.set_device(number % torch.cuda.device_count())
    made: list[Callable[[ImageRecord], None]] = []

    def first_make_worker(record: ImageRecord) -> None:
        if not made:
            made.append(job.make_worker())
        made[0](record)

    _worker = first_make_worker


def _work(record: ImageRecord) -> str | None:
    return _try(_worker, record)


def _try(worker: Callable[[ImageRecord], None], record: ImageRecord) -> str | None:
    """Message of what went wrong."""
    try:
        worker(record)
    except (OSError, ValueError, CheckpointError) as error:
        return f'image {record.img_id!r} ({record.img_path}): {error}'
    except Exception as error:
        traceback.print_exc()
        return f'image {record.img_id!r} ({record.img_path}): {type(error).__name__}: {error}'
    return None


if __name__ == '__main__':
    sys.exit(main())
