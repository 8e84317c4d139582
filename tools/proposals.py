"""Box proposals: generate, convert, measure, check and export them.

VOC="--voc-root data/VOCdevkit/VOC2007 --split trainval"
python tools/proposals.py generate $VOC --out ss.npz --long-side 400
python tools/proposals.py convert voc_2007_trainval.mat $VOC --out ss.npz
python tools/proposals.py recall ss.npz $VOC --chance --out recall.json --plot recall.png
python tools/proposals.py check ss.npz $VOC
python tools/proposals.py export ss.npz $VOC --out ss_mmdet.pkl
"""

import argparse
import sys
from pathlib import Path

from wsod_mm.proposals.cli import add_commands
from wsod_mm.proposals.errors import ProposalFileError


def main(arguments: list[str] | None = None) -> int:
    """Run one sub-command.

    Args:
        arguments: Command line without the program name; ``None`` takes that of the process.

    Returns:
        0 when all is well, 1 when a run with the file would fail or an input is bad.
    """
    parser = argparse.ArgumentParser(
        description=__doc__,
        prog=Path(__file__).name,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_commands(parser)
    args = parser.parse_args(arguments)
    try:
        return args.run(args)
    except (ProposalFileError, FileNotFoundError) as error:
        print(f'error: {error}', file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print('stopped; run the same command again to go on', file=sys.stderr)
        return 130


if __name__ == '__main__':
    sys.exit(main())
