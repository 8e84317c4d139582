"""Write the HTML report of a finished run again: ``python tools/report.py work_dirs/demo``."""

import argparse
import sys
from pathlib import Path

from wsod_mm.visualization.report import write_report


def main() -> int:
    """Parse the command line and write the file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('run_dir', type=Path, help='folder with summary.json')
    parser.add_argument('--out', type=Path, help='HTML file (default: report.html in the folder)')
    parser.add_argument('--images', type=int, default=16, help='test images in the gallery')
    args = parser.parse_args()
    try:
        print(write_report(args.run_dir, args.out, args.images))
    except (OSError, ValueError) as error:
        print(f'error: {error}', file=sys.stderr)
        return 1
    return 0


if __name__ == '__main__':
    sys.exit(main())
