# What every config shares: hooks, seeds, logging. Inherits nothing: it can also replace mmdet's default_runtime.py.
default_scope = 'wsod_mm'
custom_imports = dict(imports=['wsod_mm'], allow_failed_imports=False)

# Entries of default_hooks can be changed one by one in a derived config:
# default_hooks = dict(checkpoint=dict(max_keep_ckpts=2), check_loss=dict(interval=10))
default_hooks = dict(
    timer=dict(type='IterTimerHook'),
    logger=dict(type='LoggerHook', interval=50),
    param_scheduler=dict(type='ParamSchedulerHook'),
    checkpoint=dict(type='AtomicCheckpointHook', interval=1, max_keep_ckpts=3),
    sampler_seed=dict(type='DistSamplerSeedHook'),
    visualization=dict(type='DetVisualizationHook'),
    reduce_loss=dict(type='ReduceLossHook'),            # logged losses are means over the processes
    exact_resume=dict(type='ExactResumeHook'),          # kill -9 and --resume end with the same weights
    plain_checkpoint=dict(type='PlainCheckpointHook'),  # files that load with weights_only=True
    checkpoint_guard=dict(type='CheckpointGuardHook'),  # an error instead of half-loaded weights
    results=dict(type='ResultsHook'),                   # work_dir/results.json
    pending_validation=dict(type='PendingValidationHook'),
    check_loss=dict(type='CheckInvalidLossHook', interval=50))

# A run is a function of the seed. deterministic=True also asks CUDA for deterministic kernels (slower; an error where
# there is none); on the CPU that needs no switch.
randomness = dict(seed=0, deterministic=False)

env_cfg = dict(
    cudnn_benchmark=False,
    mp_cfg=dict(mp_start_method='fork', opencv_num_threads=0),
    dist_cfg=dict(backend='nccl'))  # without a GPU: gloo

# TensorBoard or Weights & Biases: put vis/tensorboard.py or vis/wandb_offline.py into _base_ in place of this file.
vis_backends = [dict(type='LocalVisBackend')]
visualizer = dict(type='WeakVisualizer', vis_backends=vis_backends, name='visualizer')
log_processor = dict(type='LogProcessor', window_size=50, by_epoch=True)

log_level = 'INFO'
load_from = None
resume = False
