# + colour augmentation
_base_ = ['casd_base-vgg16-s16_1xb1-100k_voc07.py']
model = dict(data_preprocessor=dict(photometric=dict(start_iter=45000)))
