"""Proposals for a whole data set: parallel, resumable, and the same however many processes made
them.

What `long_side` costs and saves, measured with OpenCV 5.0 in fast mode on one core; recall of all
boxes of at least 16 px over objects that are not difficult, inclusive IoU:

======================================  =========  ========  =======  =======  ============
images                                  long side  s / image  IoU .5   IoU .7   boxes/image
======================================  =========  ========  =======  =======  ============
40 of VOC12, 500 px, 92 objects         full       1.02      90.2 %   68.5 %   1329
(same)                                  400        0.56      91.3 %   72.8 %   944
(same)                                  320        0.33      87.0 %   67.4 %   712
(same)                                  256        0.20      84.8 %   62.0 %   524
40 of VOC12 at 320 px, 65 objects       full       0.32      98.5 %   83.1 %   502
(same)                                  256        0.19      95.4 %   86.2 %   357
(same)                                  200        0.11      95.4 %   81.5 %   272
======================================  =========  ========  =======  =======  ============

One object is about 1 %. So 400 is as good as full size for images of 500 px at 0.55 of the cost,
and 320 loses about three points for a third of it. Quality mode takes 3.2 s per image of 500 px.
"""

import multiprocessing
import os
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

from tqdm import tqdm

from .errors import ProposalFileError
from .image_source import ImageEntry, ImageSource
from .options import GenerateOptions
from .parts import PartsFolder
from .selective_search import load_segmentation
from .store import ProposalStore
from .worker import init_worker, propose_chunk

__all__ = ['generate_proposals']


def generate_proposals(
    source: ImageSource,
    out: str | os.PathLike,
    options: GenerateOptions | None = None,
    workers: int | None = None,
    chunk_size: int = 4,
    restart: bool = False,
    progress: bool = True,
) -> ProposalStore:
    """Make the proposals of all images and write them to ``out``.

    Finished chunks are kept in ``<out>.parts``; after a kill at any moment the same call goes on
    from there, and the file is byte for byte that of an uninterrupted run. ``out`` appears only
    when it is whole. If it is there already with the same options and images, it is returned as it
    is.

    Workers are *spawned*: a fork would copy half-dead thread pools of OpenCV and torch. A script
    that calls this with ``workers > 1`` therefore needs the usual ``if __name__ == '__main__':``.

    Args:
        source: The images.
        out: The ``.npz`` file to write.
        options: What to make; the defaults are selective search, fast, all boxes of at least 20 px.
        workers: Number of processes; ``None``: one per available core; 1: no extra process.
        chunk_size: Images per unit of work: what a kill loses at most, per worker.
        restart: Throw away what an earlier run left, finished or not.
        progress: Show a progress bar.

    Returns:
        The store, as written.

    Raises:
        ProposalFileError: If ``out`` exists with other content, images cannot be read (all are
            named, after the readable ones were done), OpenCV lacks selective search, or a worker
            died.
    """
    options = options or GenerateOptions()
    out = Path(out)
    if out.suffix != '.npz':
        raise ProposalFileError(f'proposals are written to an .npz file, got {out}')
    if chunk_size < 1 or (workers is not None and workers < 1):
        raise ProposalFileError(f'chunk_size and workers must be at least 1, got {chunk_size} and {workers}')
    ids = source.ids
    meta = {
        'generator': options.as_dict(),
        'images': len(ids),
        'ids_sha256': PartsFolder.digest(ids),
    }
    if options.method.startswith('selective-search'):
        load_segmentation()  # fail here, not in every worker
        import cv2

        meta['opencv'] = cv2.__version__
    if restart:
        out.unlink(missing_ok=True)
    if out.exists():
        return _existing(out, meta)
    parts = PartsFolder(
        out,
        {
            **meta['generator'],
            **{k: v for k, v in meta.items() if k != 'generator'},
            'chunk_size': chunk_size,
        },
        restart,
    )
    chunks = [source[i : i + chunk_size] for i in range(0, len(source), chunk_size)]
    todo = [c for c, entries in enumerate(chunks) if parts.get(c, [e.image_id for e in entries]) is None]
    with tqdm(
        total=len(source),
        initial=len(source) - sum(len(chunks[c]) for c in todo),
        unit='img',
        desc=out.name,
        disable=not progress,
    ) as bar:
        failures = _work(chunks, todo, options, workers or _cores(), parts, bar) if todo else {}
    if failures:
        lines = '\n  '.join(failures[i] for i in list(failures)[:20])
        more = f'\n  and {len(failures) - 20} more' if len(failures) > 20 else ''
        raise ProposalFileError(
            f'{len(failures)} of {len(source)} images cannot be read:\n  {lines}{more}\nPut them'
            ' right (or take them off the list) and run the same command again: finished chunks'
            f' are kept in {parts.folder}'
        )
    return _assemble(parts, chunks, meta, out)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count() or 1


def _work(
    chunks: Sequence[list[ImageEntry]],
    todo: list[int],
    options: GenerateOptions,
    workers: int,
    parts: PartsFolder,
    bar: tqdm,
) -> dict[str, str]:
    failures: dict[str, str] = {}

    def finish(chunk: int, result: tuple[dict, dict]) -> None:
        boxes, failed = result
        if failed:
            failures.update(failed)
        else:
            parts.put(chunk, boxes)
        bar.update(len(chunks[chunk]))

    workers = min(workers, len(todo))
    if workers == 1:
        for chunk in todo:
            finish(chunk, propose_chunk(chunks[chunk], options))
        return failures
    context = multiprocessing.get_context('spawn')
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=init_worker)
    try:
        running: dict[Future, int] = {}
        queue = iter(todo)
        while True:
            # a short queue: after an error or Ctrl-C there is little left to cancel
            for chunk in queue:
                running[pool.submit(propose_chunk, chunks[chunk], options)] = chunk
                if len(running) >= 2 * workers:
                    break
            if not running:
                return failures
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                finish(running.pop(future), future.result())
    except BrokenProcessPool as error:
        raise ProposalFileError(
            f'a worker process died (out of memory?). What is done is kept in {parts.folder}: run'
            f' the same command again, with fewer --workers than {workers} or a smaller --long-side'
        ) from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _assemble(parts: PartsFolder, chunks: Sequence[list[ImageEntry]], meta: dict, out: Path) -> ProposalStore:
    proposals = {}
    for chunk, entries in enumerate(chunks):
        ids = [entry.image_id for entry in entries]
        part = parts.get(chunk, ids)
        if part is None:
            raise ProposalFileError(
                f'{parts.path(chunk)} was removed or damaged while the job ran; run the same command again'
            )
        proposals.update((image_id, part.get(image_id, copy=False)) for image_id in ids)
    store = ProposalStore.from_dict(proposals, meta)
    store.save(out)
    parts.remove()
    return store


def _existing(out: Path, meta: dict) -> ProposalStore:
    store = ProposalStore.load(out)
    # a finished file stays good when OpenCV is upgraded, so its version is not compared
    there, asked = ({**m, **m.get('generator', {}), 'generator': 0} for m in (store.meta, meta))
    changed = [
        f'{k}: {there.get(k)!r} there, {asked.get(k)!r} asked for'
        for k in sorted({*there, *asked} - {'opencv'})
        if there.get(k) != asked.get(k)
    ]
    if changed:
        raise ProposalFileError(
            f'{out} exists and holds something else ({"; ".join(changed)}); choose another name or'
            ' replace it with --restart'
        )
    return store
