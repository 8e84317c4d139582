"""Curves of active-learning strategies on MiniVOC over seeds: table, plot, report; see ``wsod_mm.active.table``."""

import sys

from wsod_mm.active.table import main

if __name__ == '__main__':
    sys.exit(main())
