"""Detections in images: ``demo/image_demo.py IMAGE... CONFIG CHECKPOINT``; see ``wsod_mm.apis.image_demo``."""

from wsod_mm.apis.image_demo import main

if __name__ == '__main__':
    main()
