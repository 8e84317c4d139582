"""Types of three libraries resolve by their bare names, and ours from another scope."""

import subprocess
import sys

import pytest

from wsod_mm import registry


@pytest.mark.parametrize(
    ('node', 'name', 'package'),
    [
        ('HOOKS', 'ExactResumeHook', 'wsod_mm'),
        ('HOOKS', 'CheckInvalidLossHook', 'mmdet'),
        ('HOOKS', 'LoggerHook', 'mmengine'),
        ('OPTIM_WRAPPERS', 'OptimWrapper', 'wsod_mm'),
        ('OPTIM_WRAPPER_CONSTRUCTORS', 'CaffeOptimWrapperConstructor', 'wsod_mm'),
        ('MODELS', 'FastRCNN', 'mmdet'),
        ('DATASETS', 'CocoDataset', 'mmdet'),
        ('TRANSFORMS', 'ProposalBroadcaster', 'mmdet'),
        ('TRANSFORMS', 'LoadImageFromFile', 'mmcv'),
        ('VISUALIZERS', 'WeakVisualizer', 'wsod_mm'),
        ('TASK_UTILS', 'MaxIoUAssigner', 'mmdet'),
    ],
)
def test_bare_names(node, name, package):
    found = getattr(registry, node).get(name)
    assert found is not None and found.__module__.split('.')[0] == package


def test_every_node_is_a_child_of_mmdets():
    from mmdet import registry as parent

    for name in registry.__all__:
        node = getattr(registry, name)
        assert node.parent is getattr(parent, name) and node.scope == 'wsod_mm'


def test_fresh_process_of_another_scope():
    """``type='wsod_mm.X'`` needs neither an import nor custom_imports.

    In a scope that is no ancestor of ours, too; scope mmdet is tested in tests/cli.
    """
    code = (
        'import sys\n'
        'from mmengine.registry import HOOKS, init_default_scope\n'
        "init_default_scope('mmengine')\n"
        'assert "wsod_mm" not in sys.modules\n'
        "hook = HOOKS.build(dict(type='wsod_mm.ResultsHook'))\n"
        "assert type(hook).__module__.startswith('wsod_mm'), hook\n"
    )
    subprocess.run([sys.executable, '-c', code], check=True, timeout=120)
