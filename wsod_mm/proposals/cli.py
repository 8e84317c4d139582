"""Sub-commands of ``tools/proposals.py``: options in, one call of the package, a few printed lines
out."""

import argparse
from pathlib import Path

from mmengine.config import DictAction

from ..utils.io import write_json
from .check import check_proposals
from .convert import FORMATS, convert_proposals
from .convert.order import ORDERS
from .errors import ProposalFileError
from .export import to_mmdet
from .generate import generate_proposals
from .image_source import ImageSource
from .options import METHODS, GenerateOptions
from .recall import RECALL_IOUS, RECALL_KS, proposal_recall, random_store, write_recall
from .recall_plot import plot_recall
from .store import ProposalStore

__all__ = ['add_commands', 'image_source']


class _HelpFormatter(argparse.ArgumentDefaultsHelpFormatter):
    """Shows defaults, except those that say nothing or that the text already says."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        if action.default in (None, False) or '(default' in (action.help or ''):
            return action.help
        return super()._get_help_string(action)


def add_commands(parser: argparse.ArgumentParser) -> None:
    """Add the sub-commands; each sets ``run``, a function of the parsed arguments that returns an
    exit code."""
    commands = parser.add_subparsers(dest='command', required=True, metavar='COMMAND')
    _generate_options(_command(commands, 'generate', _generate, 'make proposals from the images alone'))
    _convert_options(_command(commands, 'convert', _convert, 'turn a file of another program into ours'))
    _recall_options(_command(commands, 'recall', _recall, 'how many annotated objects the boxes cover'))
    _check_options(_command(commands, 'check', _check, 'would a training run with this file fail? (exit code 1)'))
    export = _command(commands, 'export', _export, "write MMDetection's proposal pickle for one split")
    export.add_argument('proposals', type=Path, help='store (.npz)')
    export.add_argument('--out', type=Path, required=True, help='pickle to write (.pkl)')


def image_source(args: argparse.Namespace) -> ImageSource:
    """The images that ``--voc-root/--split``, ``--images``, ``--image-list`` or ``--config``
    name."""
    if args.voc_root is not None:
        return ImageSource.from_voc(args.voc_root, args.split or 'trainval')
    if args.config is not None:
        return ImageSource.from_config(args.config, args.split or 'train', args.cfg_options)
    if args.split is not None:
        raise ProposalFileError('--split goes with --voc-root or --config')
    if args.image_list is not None:
        return ImageSource.from_list(args.image_list, args.image_root)
    return ImageSource.from_folder(args.images)


def _command(commands, name: str, run, about: str) -> argparse.ArgumentParser:
    parser = commands.add_parser(
        name,
        help=about,
        description=about[0].upper() + about[1:] + '.',
        formatter_class=_HelpFormatter,
    )
    group = parser.add_argument_group('images (one of the first four)')
    which = group.add_mutually_exclusive_group(required=True)
    which.add_argument(
        '--voc-root',
        type=Path,
        metavar='DIR',
        help='VOC year folder, such as data/VOCdevkit/VOC2007',
    )
    which.add_argument('--images', type=Path, metavar='DIR', help='folder of images, sub-folders included')
    which.add_argument('--image-list', type=Path, metavar='FILE', help='text file, one image path per line')
    which.add_argument('--config', type=Path, metavar='FILE', help='config whose dataset to use')
    group.add_argument(
        '--split',
        help=('VOC: train, val, trainval, test (default trainval); config: train, val, test (default train)'),
    )
    group.add_argument(
        '--image-root',
        type=Path,
        metavar='DIR',
        help='what the paths of --image-list start from (default: its folder)',
    )
    group.add_argument(
        '--cfg-options',
        nargs='+',
        action=DictAction,
        metavar='KEY=VALUE',
        help='changes to --config, such as train_dataloader.dataset.data_root=data/VOCdevkit/',
    )
    parser.add_argument('--quiet', action='store_true', help='no progress bars')
    parser.set_defaults(run=run)
    return parser


def _generate_options(parser: argparse.ArgumentParser) -> None:
    default = GenerateOptions()
    parser.add_argument('--out', type=Path, required=True, help='store to write (.npz)')
    parser.add_argument('--method', choices=METHODS, default=default.method)
    parser.add_argument(
        '--long-side',
        type=int,
        default=0,
        help=('search at this longer side (0: full size); 400 loses no recall on 500 px images at half the cost'),
    )
    parser.add_argument(
        '--min-side',
        type=int,
        default=default.min_side,
        help='drop boxes with a smaller side, in pixels',
    )
    parser.add_argument('--max-num', type=int, default=None, help='keep the first so many per image (default: all)')
    parser.add_argument(
        '--order',
        choices=('large-first', 'search'),
        default=default.order,
        help="large-first: OpenCV's ranking reversed, so that a cap keeps whole objects",
    )
    parser.add_argument('--base-k', type=int, default=default.base_k, help='smallest segmentation scale')
    parser.add_argument('--inc-k', type=int, default=default.inc_k, help='step of the segmentation scale')
    parser.add_argument('--sigma', type=float, default=default.sigma, help='smoothing in pixels')
    parser.add_argument('--seed', type=int, default=default.seed)
    parser.add_argument('--workers', type=int, default=None, help='processes (default: one per core)')
    parser.add_argument('--chunk-size', type=int, default=4, help='images per unit of work that a kill can lose')
    parser.add_argument(
        '--restart',
        action='store_true',
        help='throw away the unfinished or finished result that is there',
    )


def _generate(args: argparse.Namespace) -> int:
    options = GenerateOptions(
        args.method,
        args.base_k,
        args.inc_k,
        args.sigma,
        args.long_side or None,
        args.min_side,
        args.max_num,
        args.order,
        args.seed,
    )
    store = generate_proposals(
        image_source(args),
        args.out,
        options,
        args.workers,
        args.chunk_size,
        args.restart,
        not args.quiet,
    )
    print(f'{args.out}: {len(store)} images, {store.counts.mean():.0f} boxes per image')
    return 0


def _convert_options(parser: argparse.ArgumentParser) -> None:
    about = '; '.join(f'{name}: {spec.about}' for name, spec in FORMATS.items())
    parser.add_argument('inputs', type=Path, nargs='+', help='file or folder; several are joined')
    parser.add_argument('--out', type=Path, required=True, help='store to write (.npz)')
    parser.add_argument('--format', choices=('auto', *FORMATS), default='auto', help=about.replace('%', '%%'))
    parser.add_argument('--order', choices=ORDERS, default=None, help="columns, when not the format's own")
    parser.add_argument(
        '--offset',
        type=int,
        choices=(0, 1),
        default=None,
        help="first pixel, when not the format's own",
    )
    parser.add_argument(
        '--max-outside',
        type=float,
        default=0.01,
        help='tolerated share of boxes outside their image',
    )
    parser.add_argument('--allow-missing', action='store_true', help='accept images without proposals')


def _convert(args: argparse.Namespace) -> int:
    store, report = convert_proposals(
        args.inputs,
        image_source(args),
        args.format,
        args.order,
        args.offset,
        args.max_outside,
        args.allow_missing,
        not args.quiet,
    )
    store.save(args.out)
    print(f'{args.out}: {report}')
    return 0


def _recall_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        'proposals',
        type=Path,
        nargs='+',
        help='store (.npz); the first is the subject, others are compared',
    )
    parser.add_argument('--ks', type=int, nargs='+', default=list(RECALL_KS), help='numbers of boxes')
    parser.add_argument('--ious', type=float, nargs='+', default=list(RECALL_IOUS), help='IoU thresholds')
    parser.add_argument('--difficult', action='store_true', help='count difficult objects too')
    parser.add_argument('--order', choices=('file', 'score'), default='file', help='what "the first k" means')
    parser.add_argument('--classes', nargs='+', default=None, help='count only these classes')
    parser.add_argument('--chance', action='store_true', help='also measure as many random boxes per image')
    parser.add_argument('--out', type=Path, default=None, help='JSON to write')
    parser.add_argument('--plot', type=Path, default=None, help='picture to write (.png)')


def _recall(args: argparse.Namespace) -> int:
    source = image_source(args)
    stores = {path.stem: ProposalStore.load(path) for path in args.proposals}
    if len(stores) != len(args.proposals):
        raise ProposalFileError('give files with different names: the name is the label of the curve')
    if args.chance:
        subject = next(iter(stores.values()))
        stores['random'] = random_store(source, lambda image_id: len(subject.get(image_id, copy=False)[0]))
    curves = {
        label: proposal_recall(
            store,
            source,
            args.ks,
            args.ious,
            args.difficult,
            args.order,
            args.classes,
            not args.quiet,
        )
        for label, store in stores.items()
    }
    for label, data in curves.items():
        print(
            f'{label}: {data["objects"]} objects, {data["boxes_per_image"]:.0f} boxes per image,'
            f' mean best overlap {data["mean_best_overlap_all"]:.3f}'
        )
        print('   IoU ' + ''.join(f'{k:>8}' for k in data['ks']) + '     all')
        for iou, row, full in zip(data['ious'], data['recall'], data['recall_all'], strict=True):
            print(f'  {iou:4.2f} ' + ''.join(f'{100 * value:8.1f}' for value in [*row, full]))
    if args.out:
        write_recall(curves, args.out)
    if args.plot:
        plot_recall(curves, args.plot)
    return 0


def _check_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('proposals', type=Path, help='store (.npz)')
    parser.add_argument(
        '--max-outside',
        type=float,
        default=0.01,
        help='tolerated share of boxes outside their image',
    )
    parser.add_argument(
        '--ground-truth',
        action='store_true',
        help='also look for annotated boxes mixed into the proposals',
    )
    parser.add_argument('--out', type=Path, default=None, help='JSON to write')


def _check(args: argparse.Namespace) -> int:
    report = check_proposals(
        ProposalStore.load(args.proposals),
        image_source(args),
        args.max_outside,
        args.ground_truth,
        not args.quiet,
    )
    print(report)
    if args.out:
        write_json(report.as_dict(), args.out)
    return 0 if report.ok else 1


def _export(args: argparse.Namespace) -> int:
    print(to_mmdet(ProposalStore.load(args.proposals), image_source(args), args.out))
    return 0
