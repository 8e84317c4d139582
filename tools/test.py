"""Test a model: ``python tools/test.py CONFIG CHECKPOINT [--tta] [--show-dir DIR] ...``; see ``wsod_mm.apis.test``."""

from wsod_mm.apis.test import main

if __name__ == '__main__':
    main()
