# ADL: the most telling cells are dropped in training, after each of the last three stages
_base_ = ['cam_minicnn_1xb16-20e_minivoc.py']
model = dict(
    backbone=dict(
        _delete_=True,
        type='ADLBackbone',
        after=['stages.2', 'stages.3', 'stages.4'],
        drop_rate=0.75,
        threshold=0.9,
        backbone=dict(type='MiniCNN', frozen_stages=-1)))
