"""Run a grid of configs over seeds and compare them in tables and plots; see ``wsod_mm.ablation``."""

import sys

from wsod_mm.ablation.cli import main

if __name__ == '__main__':
    sys.exit(main())
