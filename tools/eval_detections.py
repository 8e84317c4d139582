"""Evaluate or draw saved detections: ``python tools/eval_detections.py FILE.npz``; see ``--help``."""

import sys

from wsod_mm.apis.eval_detections import main

if __name__ == '__main__':
    sys.exit(main())
