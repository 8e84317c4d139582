"""Train a model: ``python tools/train.py CONFIG [--resume] [--amp] ...``; see ``wsod_mm.apis.train``."""

from wsod_mm.apis.train import main

if __name__ == '__main__':
    main()
