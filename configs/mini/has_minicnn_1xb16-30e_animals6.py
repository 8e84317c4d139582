# HaS: random patches of the image are blanked; an eighth of a side each
_base_ = ['cam_minicnn_1xb16-30e_animals6.py']
model = dict(
    data_preprocessor=dict(
        batch_augments=[dict(type='HideAndSeek', grid_size=20, drop_rate=0.5)]))
