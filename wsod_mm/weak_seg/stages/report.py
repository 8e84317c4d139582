"""Stage ``report``: tables and pictures."""

from wsod_mm.pipeline.run import StageRun
from wsod_mm.pipeline.stage import Stage

from ..config import WeakSegConfig
from ..label_sources import label_sources

__all__ = ['report_stage']


def report_stage(config: WeakSegConfig) -> Stage:
    """Write a report on what the other stages wrote.

    Args:
        config: The pipeline.
    """

    def action(run: StageRun) -> None:
        from ..report import write_report  # draws, which no other stage needs

        run.report(None, 'writing')
        write_report(run.root, run.folder / 'report.html')

    needs = ['cam', *(source.key for source in label_sources(config))]
    if config.irn is not None and config.irn.instances:
        needs.append('ins_seg')
    if config.ground_truth is not None:
        needs.append('evaluate')
    return Stage('report', action, ('report.html',), tuple(needs), {'format': 1}, seconds=20, after=('images',))
