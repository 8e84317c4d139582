# CutMix: a box of another image is pasted, and the label is shared
_base_ = ['cam_minicnn_1xb16-30e_animals6.py']
model = dict(data_preprocessor=dict(batch_augments=[dict(type='CutMix', alpha=1.0)]))
