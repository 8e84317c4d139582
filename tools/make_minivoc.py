"""Generate a MiniVOC devkit, or its companion set of other classes, into a folder."""

from wsod_mm.datasets.minivoc.cli import main

if __name__ == '__main__':
    main()
