# What users of the public code run (its demo's default, and that of the code it builds on); lr / 10 after 50k, too
_base_ = ['collaborative_200k.py']
train_cfg = dict(max_iters=70000, val_interval=10000)
