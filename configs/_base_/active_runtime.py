# What experiments of active learning have beside default_runtime.py. Active learning: one runner per cycle
_base_ = ['default_runtime.py']
runner_type = 'wsod_mm.ActiveLearningRunner'  # with its scope, so that MMDetection's own tools find it
default_hooks = dict(
    checkpoint=dict(max_keep_ckpts=1),
    legacy_log=dict(type='LegacyLogHook'),        # <timestamp>.log.json as of MMDetection 2
    latest_link=dict(type='LatestLinkHook'))      # latest.pth
randomness = dict(seed=666)
