"""Active learning: ``python tools/active_learning.py CONFIG [--resume] [--list] ...``; see ``wsod_mm.active.cli``."""

from wsod_mm.active.cli import active_learning_main

if __name__ == '__main__':
    active_learning_main()
