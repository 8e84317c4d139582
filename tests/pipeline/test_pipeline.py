"""The pipeline with small made-up stages: order, skipping, resuming, stopping, errors."""

import io
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest

from tests.interrupts import accept_interrupts
from wsod_mm.pipeline import Pipeline, Stage, StageError
from wsod_mm.pipeline.log_lines import parse_progress
from wsod_mm.pipeline.schedule import can_start, time_left
from wsod_mm.pipeline.status_line import StatusLine, clock_text

ROOT = Path(__file__).resolve().parents[2]


def _writer(calls, name, text='x', needs=(), params=None, **kwargs):
    def action(run):
        calls.append(name)
        run.report(0.5, 'half')
        (run.folder / 'out.txt').write_text(text)

    return Stage(name, action, ('out.txt',), needs, params or {}, **kwargs)


def _quiet(stages, root, **kwargs):
    return Pipeline(stages, root, output=StatusLine(io.StringIO()), **kwargs)


def test_done_stages_are_skipped_and_changes_reach_what_depends_on_them(tmp_path):
    calls = []

    def stages(value):
        return [_writer(calls, 'a', params={'value': value}), _writer(calls, 'b', needs=('a',)), _writer(calls, 'c')]

    _quiet(stages(1), tmp_path, slots=1).run()
    assert calls == ['a', 'b', 'c']
    _quiet(stages(1), tmp_path).run()
    assert calls == ['a', 'b', 'c']
    (tmp_path / 'b' / 'left_over.txt').write_text('old')
    _quiet(stages(2), tmp_path, slots=1).run()
    assert calls == ['a', 'b', 'c', 'a', 'b']
    assert not (tmp_path / 'b' / 'left_over.txt').exists()


def test_a_damaged_or_failing_output_is_made_again(tmp_path):
    calls = []

    def check(folder):
        if 'bad' in (folder / 'out.txt').read_text():
            raise ValueError('out.txt is bad')

    stages = [_writer(calls, 'a', 'long text', check=check)]
    _quiet(stages, tmp_path).run()
    (tmp_path / 'a' / 'out.txt').write_text('lo')
    _quiet(stages, tmp_path).run()
    (tmp_path / 'a' / 'out.txt').write_text('bad  text')  # same size: only the check sees it
    _quiet(stages, tmp_path).run()
    assert calls == ['a'] * 3
    with pytest.raises(StageError, match="'a' ended, but out.txt is bad"):
        _quiet([_writer(calls, 'a', 'bad', params={'v': 2}, check=check)], tmp_path).run()


def test_a_stage_that_makes_nothing_fails(tmp_path):
    with pytest.raises(StageError, match='did not make'):
        _quiet([Stage('a', lambda run: None, ('out.txt',))], tmp_path).run()


def test_foreign_folders_are_left_alone(tmp_path):
    (tmp_path / 'a').mkdir()
    (tmp_path / 'a' / 'thesis.tex').write_text('years of work')
    with pytest.raises(FileExistsError, match='was not made by this pipeline'):
        _quiet([_writer([], 'a')], tmp_path).run()
    assert (tmp_path / 'a' / 'thesis.tex').read_text() == 'years of work'


def test_independent_stages_run_at_the_same_time_unless_one_wants_all(tmp_path):
    meeting = threading.Barrier(2, timeout=10)

    def action(run):
        meeting.wait()  # passes only when both are here
        (run.folder / 'out.txt').write_text('x')

    _quiet([Stage('a', action, ('out.txt',)), Stage('b', action, ('out.txt',))], tmp_path, slots=2).run()

    running, most = [], []

    def counted(run):
        running.append(run.name)
        most.append(len(running))
        time.sleep(0.1)
        running.remove(run.name)
        (run.folder / 'out.txt').write_text('x')

    _quiet([Stage(n, counted, ('out.txt',), alone=n == 'y') for n in 'xyz'], tmp_path, slots=3).run()
    assert max(most) == 2  # x and z together, y by itself


def test_only_brings_what_is_needed(tmp_path):
    calls = []
    stages = [_writer(calls, 'a'), _writer(calls, 'b', needs=('a',)), _writer(calls, 'c')]
    _quiet(stages, tmp_path).run(['b'])
    assert calls == ['a', 'b']
    with pytest.raises(ValueError, match='no stage d; there are a, b, c'):
        _quiet(stages, tmp_path).run(['d'])


def test_wrong_orders_are_refused():
    with pytest.raises(ValueError, match="needs \\['a'\\]"):
        Pipeline([_writer([], 'b', needs=('a',)), _writer([], 'a')], '.')
    with pytest.raises(ValueError, match='two stages'):
        Pipeline([_writer([], 'a'), _writer([], 'a')], '.')


def _tool(code, name='a', **kwargs):
    return Stage(name, lambda run: run.command(['-c', textwrap.dedent(code)]), ('out.txt',), **kwargs)


def test_tools_run_in_their_own_process_with_progress_and_log(tmp_path):
    stream = io.StringIO()
    output = StatusLine(stream, every=0)
    stage = _tool(f"""
        import os, sys, time
        sys.stderr.write('proposals:  40%|####      | 4/10\\r'); sys.stderr.flush(); time.sleep(.7)
        open('{tmp_path}/a/out.txt', 'w').write(os.environ['OMP_NUM_THREADS'])
        print('a line of the log')
    """)
    Pipeline([stage], tmp_path, slots=1, output=output).run()
    assert 'a 40% proposals' in stream.getvalue()
    log = (tmp_path / 'a' / 'log.txt').read_text()
    assert 'a line of the log' in log and '\nproposals:' not in log
    assert int((tmp_path / 'a' / 'out.txt').read_text()) >= 1


def test_a_failing_tool_is_named_with_its_last_words_and_stops_the_others(tmp_path):
    slow = _tool('import time; time.sleep(60)', 'slow')
    bad = _tool('import time; time.sleep(.5); raise SystemExit("no such file: x.jpg")', 'bad')
    start = time.monotonic()
    with pytest.raises(StageError, match=r"(?s)stage 'bad' ended with status 1.*log.txt.*no such file: x.jpg"):
        _quiet([slow, bad], tmp_path, slots=2).run()
    assert time.monotonic() - start < 20


_SCRIPT = '''
import sys, textwrap
sys.path.insert(0, {root!r})
from wsod_mm.pipeline import Pipeline, Stage
work = {work!r}
code = """
import os, sys, time
count = len(open(work + '/a/count').read()) if os.path.exists(work + '/a/count') else 0
print('pid', os.getpid(), flush=True)
open(work + '/a/pid', 'w').write(str(os.getpid()))
while count < 20:
    count += 1
    open(work + '/a/count', 'a').write('x')
    print(f'Iter(train) [{{count}}/20]  loss: 0.5', flush=True)
    time.sleep(float(os.environ['STEP_SECONDS']))
open(work + '/a/out.txt', 'w').write(str(count))
"""
def action(run):
    run.command(['-c', f'work={{work!r}}\\n' + code])
Pipeline([Stage('a', action, ('out.txt',))], work).run()
'''


def _alive(pid):
    try:
        return Path(f'/proc/{pid}/stat').read_text().split(')')[-1].split()[0] != 'Z'
    except OSError:
        return False


@pytest.mark.skipif(sys.platform != 'linux', reason='death signals and /proc are of Linux')
@pytest.mark.parametrize('number', [signal.SIGKILL, signal.SIGINT])
def test_a_killed_pipeline_takes_its_tools_along_and_goes_on_later(tmp_path, number):
    script = tmp_path / 'run.py'
    script.write_text(_SCRIPT.format(root=str(ROOT), work=str(tmp_path / 'work')))
    # slow enough that even a busy machine delivers the signal long before the end
    environment = {**os.environ, 'PYTHONUNBUFFERED': '1', 'STEP_SECONDS': '2'}
    first = subprocess.Popen(
        [sys.executable, str(script)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=environment,
        preexec_fn=accept_interrupts,
    )
    pid_file = tmp_path / 'work' / 'a' / 'pid'
    deadline = time.monotonic() + 40
    while not (pid_file.exists() and pid_file.read_text()) and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(0.5)
    child = int(pid_file.read_text())
    first.send_signal(number)
    first.communicate(timeout=30)
    deadline = time.monotonic() + 10
    while _alive(child) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _alive(child)
    before = len((tmp_path / 'work' / 'a' / 'count').read_text())
    assert 0 < before < 20
    environment['STEP_SECONDS'] = '0'
    subprocess.run([sys.executable, str(script)], check=True, env=environment, capture_output=True)
    assert len((tmp_path / 'work' / 'a' / 'count').read_text()) == 20  # went on, did not start again


def test_time_left_plays_the_schedule():
    stages = [
        _writer([], 'a', seconds=10),
        _writer([], 'b', needs=('a',), seconds=20),
        _writer([], 'c', needs=('a',), seconds=30),
        _writer([], 'd', needs=('b', 'c'), seconds=5),
    ]
    assert time_left(stages, [], {}, 2) == 45
    assert time_left(stages, [], {}, 1) == 65
    assert time_left(stages, ['a'], {'b': 3, 'c': 7}, 2) == 12
    assert [s.name for s in can_start(stages, ['a'], [], 2)] == ['b', 'c']


def test_lines_of_tools_are_understood():
    head = '2026/01/01 12:00:00 - mmengine - INFO - '
    train = parse_progress(
        head + 'Epoch(train)   [3][ 50/100]  lr: 7e-03  eta: 0:01:00  time: 0.1  loss: 1.2345  a_loss: 9', 5
    )
    assert train.fraction == pytest.approx(0.5) and train.text == 'epoch 3/5 loss 1.23'
    assert parse_progress(head + 'Iter(train) [ 50/200]  loss: 2.0').fraction == 0.25
    assert parse_progress(head + 'Epoch(test)  [ 50/300]    eta: 0:00').fraction == pytest.approx(1 / 6)
    done = parse_progress(head + 'Epoch(test) [300/300]    voc/mAP_11pt: 33.4123  voc/CorLoc: 48.5')
    assert done.text == 'mAP_11pt 33.4 CorLoc 48.5'
    assert parse_progress(head + 'Epoch(val) [3][ 50/300]  x').fraction is None
    assert parse_progress('selective search:  37%|###7      | 37/100 [00:01<00:02]').fraction == 0.37
    assert parse_progress(head + 'Exp name: x') is None


def test_status_line_is_quiet_where_nobody_watches():
    stream = io.StringIO()
    line = StatusLine(stream, every=100)
    line.show(1, 60, [('a', 0.5, 'x')])
    assert stream.getvalue() == ''
    line.every = 0
    line.show(65, 3605, [('a', 0.5, 'x'), ('b', None, 'y')])
    assert stream.getvalue() == '1:05, about 1:00:05 left | a 50% x | b y\n'
    assert clock_text(59.6) == '1:00'
