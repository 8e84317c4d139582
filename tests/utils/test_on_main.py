"""Decisions of rank 0."""

import pytest
from mmengine.dist import get_rank

from tests.active.scoring_case import in_processes
from wsod_mm.utils.on_main import on_main


def fail():
    raise KeyError(f'on {get_rank()}')


def test_one_process():
    assert on_main(lambda: 7) == 7
    with pytest.raises(KeyError, match='on 0'):
        on_main(fail)


def test_result_and_error_are_those_of_all(tmp_path):
    assert in_processes(2, on_main, tmp_path, get_rank) == [('result', 0), ('result', 0)]
    assert in_processes(2, on_main, tmp_path, fail) == [('KeyError', "'on 0'")] * 2
