"""Masks from image labels with AffinityNet or IRN: ``python tools/weak_seg.py CONFIG``; see ``wsod_mm.weak_seg``."""

import sys

from wsod_mm.weak_seg.cli import main

if __name__ == '__main__':
    sys.exit(main())
