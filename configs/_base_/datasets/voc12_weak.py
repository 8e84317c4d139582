# PASCAL VOC 2012, image labels only. The papers train on trainval and get the mAP of test from the
# evaluation server, because its annotations are not public. Here: train for training, val for
# testing; for the papers' training set change ann_file and proposal_file of train_dataloader, and
# do not test on val then.
_base_ = 'voc07_weak.py'
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
