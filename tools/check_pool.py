"""Count the images of VOC, or of the pools of a config, and say what is missing.

python tools/check_pool.py data/VOCdevkit
python tools/check_pool.py data/VOCdevkit --annotations
python tools/check_pool.py --config CONFIG
"""

import sys

from wsod_mm.datasets.pools.check import main

if __name__ == '__main__':
    sys.exit(main())
