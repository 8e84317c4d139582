"""Mean and spread of the whole ladder over seeds, as a Markdown table; see ``wsod_mm.demo.ladder``."""

import sys

from wsod_mm.demo.cli import ladder_main

if __name__ == '__main__':
    sys.exit(ladder_main())
