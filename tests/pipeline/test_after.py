"""Stages that come after others without depending on what these made."""

import io

from wsod_mm.pipeline import Pipeline, Stage
from wsod_mm.pipeline.status_line import StatusLine


def test_a_stage_is_gone_on_with_and_not_begun_anew(tmp_path):
    calls = []

    def writer(name):
        def action(run):
            calls.append(name)
            (run.folder / 'out.txt').write_text('x')

        return action

    def run(value, only=None):
        stages = [
            Stage('lists', writer('lists'), ('out.txt',), params={'value': value}),
            Stage('files', writer('files'), ('out.txt',), after=('lists',)),
        ]
        return Pipeline(stages, tmp_path, 2, StatusLine(io.StringIO()), cores=3).run(only)

    assert list(run(1)) == ['lists', 'files'] and calls == ['lists', 'files']
    (tmp_path / 'files' / 'kept.txt').write_text('x')
    assert set(run(2, ['files'])) == {'lists', 'files'}  # brings what it comes after
    assert calls == ['lists', 'files'] * 2 and (tmp_path / 'files' / 'kept.txt').is_file()
    run(2)
    assert len(calls) == 4
