# VOC12 as in Collaborative Learning; train for training and val for testing, see voc12_weak.py
_base_ = ['voc07_collaborative.py']
train_proposals = 'proposals/voc12_train.npz'
test_proposals = 'proposals/voc12_val.npz'

train_dataloader = dict(dataset=dict(
    ann_file='VOC2012/ImageSets/Main/train.txt',
    data_prefix=dict(sub_data_root='VOC2012/'),
    proposal_file=train_proposals))
val_dataloader = dict(dataset=dict(
    ann_file='VOC2012/ImageSets/Main/val.txt',
    data_prefix=dict(sub_data_root='VOC2012/'),
    proposal_file=test_proposals))
test_dataloader = val_dataloader
