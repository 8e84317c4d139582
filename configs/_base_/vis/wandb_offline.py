# Use in place of default_runtime.py: Weights & Biases without a network (needs `pip install wandb`). Runs are kept in
# the work directory and can be sent later with `wandb sync`; mode='online' logs to the server.
_base_ = '../default_runtime.py'
visualizer = dict(vis_backends=[
    dict(type='LocalVisBackend'),
    dict(type='WandbVisBackend', init_kwargs=dict(project='wsod_mm', mode='offline')),
])
