# CutMix: a box of another image is pasted, and the label is shared
_base_ = ['cam_r50_1xb32-10e_imagenet.py']
model = dict(data_preprocessor=dict(batch_augments=[dict(type='CutMix', alpha=1.0)]))
