"""Class, boxes and heat map of images: ``cam_demo.py IMAGE [CONFIG CHECKPOINT]``; see ``wsod_mm.apis.cam_demo``."""

from wsod_mm.apis.cam_demo import main

if __name__ == '__main__':
    main()
