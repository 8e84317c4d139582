# + colour augmentation, from 45 % of the training on, as in the public code
_base_ = ['casd_base-minicnn_1xb4-3e_minivoc.py']
model = dict(data_preprocessor=dict(photometric=dict(start_iter=200)))
