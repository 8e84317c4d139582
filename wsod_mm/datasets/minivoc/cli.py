"""Command line of the MiniVOC generator; every dial of the configuration is an option."""

from __future__ import annotations

import argparse
import dataclasses
import re
import sys
from collections.abc import Sequence

from .companion import generate_companion
from .config import MiniVOCConfig
from .generate import generate_minivoc

__all__ = ['main']


def main(argv: Sequence[str] | None = None) -> int:
    """Generate what the command line asks for.

    Args:
        argv: Arguments without the program's name; ``sys.argv`` when ``None``.

    Returns:
        0. Bad input ends the program with status 2 and a message.
    """
    parser = _parser()
    options = parser.parse_args(argv)
    dials = {
        k: v
        for k, v in vars(options).items()
        if v is not None and k in {f.name for f in dataclasses.fields(MiniVOCConfig)}
    }
    dials = {k: tuple(v) if isinstance(v, list) else v for k, v in dials.items()}
    try:
        if options.num_trainval is not None:
            if {'num_train', 'num_val'} & dials.keys():
                raise ValueError('--num-trainval and --num-train/--num-val exclude each other')
            dials['num_val'] = options.num_trainval // 3
            dials['num_train'] = options.num_trainval - dials['num_val']
        config = MiniVOCConfig(**dials)
        if options.companion:
            folder = generate_companion(options.out, config, options.per_class, options.workers, not options.quiet)
        else:
            folder = generate_minivoc(options.out, config, options.workers, not options.quiet)
    except (ValueError, OSError) as error:
        parser.exit(2, f'{parser.prog}: error: {error}\n')
    print(folder, file=sys.stdout)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog='make_minivoc',
        description=__doc__.splitlines()[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument('out', help='folder of the devkit; a complete one of the same parameters is left alone')
    parser.add_argument(
        '--companion',
        action='store_true',
        help='write the object-centric set of other classes instead, one folder per class',
    )
    parser.add_argument('--per-class', type=int, default=50, help='pictures per class of the companion set')
    parser.add_argument(
        '--num-trainval',
        type=int,
        default=None,
        metavar='N',
        help='short for --num-train 2/3 N --num-val 1/3 N',
    )
    parser.add_argument('--workers', type=int, default=None, help='processes; one per available core when not given')
    parser.add_argument('--quiet', action='store_true', help='no progress bar')
    documents = _field_documents()
    dials = parser.add_argument_group('dials')
    for field in dataclasses.fields(MiniVOCConfig):
        pair = isinstance(field.default, tuple)
        kind = type(field.default[0] if pair else field.default)
        shown = ' '.join(map(str, field.default)) if pair else field.default
        dials.add_argument(
            '--' + field.name.replace('_', '-'),
            type=kind,
            nargs=2 if pair else None,
            default=argparse.SUPPRESS,
            metavar=('LOW', 'HIGH') if pair else kind.__name__.upper(),
            help=f'{documents[field.name]} (default: {shown})'.replace('%', '%%'),
        )
    return parser


def _field_documents() -> dict[str, str]:
    """The configuration's docstring by attribute, so that the help never differs from it."""
    found = re.findall(r'^ {8}(\w+): (.*?)(?=^ {8}\w+: |\Z)', MiniVOCConfig.__doc__, re.MULTILINE | re.DOTALL)
    return {name: ' '.join(text.split()).replace('``', '') for name, text in found}
