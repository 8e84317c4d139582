# HaS: random patches of the image are blanked; an eighth of a side each
_base_ = ['cam_minicnn_1xb16-20e_minivoc.py']
model = dict(
    data_preprocessor=dict(
        batch_augments=[dict(type='HideAndSeek', grid_size=19, drop_rate=0.5)]))
