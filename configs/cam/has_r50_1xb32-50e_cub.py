# HaS: random patches of the image are blanked
_base_ = ['cam_r50_1xb32-50e_cub.py']
model = dict(
    data_preprocessor=dict(
        batch_augments=[dict(type='HideAndSeek', grid_size=4, drop_rate=0.5)]))
