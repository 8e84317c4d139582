"""Uncertainty of images: ``demo/uncertainty.py CONFIG CHECKPOINT IMAGE...``; see ``wsod_mm.apis.uncertainty``."""

from wsod_mm.apis.uncertainty import main

if __name__ == '__main__':
    main()
