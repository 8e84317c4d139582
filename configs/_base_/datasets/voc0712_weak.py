# PASCAL VOC 2007 and 2012 trainval together for training, 2007 test for testing; image labels only.
_base_ = 'voc07_weak.py'
voc12_train_proposals = 'proposals/voc12_trainval.npz'

train_dataloader = dict(dataset=dict(
    _delete_=True,
    type='ConcatDataset',
    ignore_keys=['dataset_type'],  # VOC2007 and VOC2012
    datasets=[
        dict(
            type='WeakVOCDataset',
            data_root={{_base_.data_root}},
            ann_file='VOC2007/ImageSets/Main/trainval.txt',
            data_prefix=dict(sub_data_root='VOC2007/'),
            proposal_file={{_base_.train_proposals}},
            keep_background=False,
            pipeline={{_base_.train_pipeline}}),
        dict(
            type='WeakVOCDataset',
            data_root={{_base_.data_root}},
            ann_file='VOC2012/ImageSets/Main/trainval.txt',
            data_prefix=dict(sub_data_root='VOC2012/'),
            proposal_file=voc12_train_proposals,
            keep_background=False,
            pipeline={{_base_.train_pipeline}})]))
