# CutMix: a box of another image is pasted, and the label is shared
_base_ = ['cam_vgg16_1xb32-10e_openimages.py']
model = dict(data_preprocessor=dict(batch_augments=[dict(type='CutMix', alpha=1.0)]))
