# Use in place of default_runtime.py: TensorBoard curves beside the local JSON log (needs `pip install tensorboard`).
_base_ = '../default_runtime.py'
visualizer = dict(vis_backends=[dict(type='LocalVisBackend'), dict(type='TensorboardVisBackend')])
