"""From nothing to an evaluated detector: ``python tools/demo.py``; see ``wsod_mm.demo``."""

import sys

from wsod_mm.demo.cli import demo_main

if __name__ == '__main__':
    sys.exit(demo_main())
