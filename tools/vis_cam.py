"""What a model looks at: ``python tools/vis_cam.py IMAGE CONFIG CHECKPOINT``; see ``wsod_mm.explain``."""

from wsod_mm.explain.cli import main

if __name__ == '__main__':
    main()
