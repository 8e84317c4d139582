"""Registry nodes of wsod_mm: children of MMDetection's nodes.

Every node repeats its parent's locations, because MMEngine does not import a parent's modules lazily during a look-up.
With ``default_scope='wsod_mm'`` the types of wsod_mm, MMDetection and MMEngine all resolve without a prefix, and
another project can write ``type='wsod_mm.X'`` without ``custom_imports``.
"""

from mmdet import registry as _mmdet
from mmengine.registry import Registry

__all__ = [
    'RUNNERS',
    'RUNNER_CONSTRUCTORS',
    'LOOPS',
    'HOOKS',
    'DATASETS',
    'DATA_SAMPLERS',
    'TRANSFORMS',
    'MODELS',
    'MODEL_WRAPPERS',
    'WEIGHT_INITIALIZERS',
    'OPTIMIZERS',
    'OPTIM_WRAPPERS',
    'OPTIM_WRAPPER_CONSTRUCTORS',
    'PARAM_SCHEDULERS',
    'METRICS',
    'EVALUATOR',
    'TASK_UTILS',
    'VISUALIZERS',
    'VISBACKENDS',
    'LOG_PROCESSORS',
]


def _child(node: str, *locations: str) -> Registry:
    """Create our child of the MMDetection node called ``node``.

    Args:
        node: Name of the registry object in ``mmdet.registry``.
        *locations: Our modules to import at the first look-up, besides those of the parent.

    Returns:
        The registry of scope ``wsod_mm``.
    """
    parent = getattr(_mmdet, node)
    inherited = list(getattr(parent, '_locations', []))
    child = Registry(parent.name, parent=parent, scope='wsod_mm', locations=inherited + list(locations))
    # MMEngine looks up a foreign scope among the children of the current node and of the root, not
    # among grandchildren: without this only scope mmdet could write type='wsod_mm.X'.
    root = parent._get_root_registry()
    if root is not parent and 'wsod_mm' not in root.children:
        root._add_child(child)
    return child


RUNNERS = _child('RUNNERS', 'wsod_mm.engine')
RUNNER_CONSTRUCTORS = _child('RUNNER_CONSTRUCTORS', 'wsod_mm.engine')
LOOPS = _child('LOOPS', 'wsod_mm.engine')
HOOKS = _child('HOOKS', 'wsod_mm.engine')
DATASETS = _child('DATASETS', 'wsod_mm.datasets')
DATA_SAMPLERS = _child('DATA_SAMPLERS', 'wsod_mm.datasets')
TRANSFORMS = _child('TRANSFORMS', 'wsod_mm.datasets.transforms')
MODELS = _child('MODELS', 'wsod_mm.models')
MODEL_WRAPPERS = _child('MODEL_WRAPPERS', 'wsod_mm.models')
WEIGHT_INITIALIZERS = _child('WEIGHT_INITIALIZERS', 'wsod_mm.models')
OPTIMIZERS = _child('OPTIMIZERS', 'wsod_mm.engine')
OPTIM_WRAPPERS = _child('OPTIM_WRAPPERS', 'wsod_mm.engine')
OPTIM_WRAPPER_CONSTRUCTORS = _child('OPTIM_WRAPPER_CONSTRUCTORS', 'wsod_mm.engine')
PARAM_SCHEDULERS = _child('PARAM_SCHEDULERS', 'wsod_mm.engine')
METRICS = _child('METRICS', 'wsod_mm.evaluation')
EVALUATOR = _child('EVALUATOR', 'wsod_mm.evaluation')
TASK_UTILS = _child('TASK_UTILS', 'wsod_mm.models', 'wsod_mm.active.strategies')
VISUALIZERS = _child('VISUALIZERS', 'wsod_mm.visualization')
VISBACKENDS = _child('VISBACKENDS', 'wsod_mm.visualization')
LOG_PROCESSORS = _child('LOG_PROCESSORS', 'wsod_mm.visualization')
