# COCO 2014, image labels only (the papers' years): train2014 for training, val2014 for testing; MCG
# proposals. WeakVOCMetric gives mAP at IoU .5 (mAP_area; COCO's AP50 up to its 101 recall points);
# crowds count as difficult.
_base_ = 'voc07_weak.py'
dataset_type = 'WeakCocoDataset'
data_root = 'data/coco/'
train_proposals = 'proposals/coco_train2014.npz'
test_proposals = 'proposals/coco_val2014.npz'

train_dataloader = dict(dataset=dict(
    _delete_=True,
    type=dataset_type,
    data_root=data_root,
    ann_file='annotations/instances_train2014.json',
    data_prefix=dict(img='train2014/'),
    proposal_file=train_proposals,
    keep_background=False,
    pipeline={{_base_.train_pipeline}}))
val_dataloader = dict(dataset=dict(
    _delete_=True,
    type=dataset_type,
    data_root=data_root,
    ann_file='annotations/instances_val2014.json',
    data_prefix=dict(img='val2014/'),
    proposal_file=test_proposals,
    boxes_outside='clip',  # COCO has boxes that end a fraction of a pixel outside
    test_mode=True,
    pipeline={{_base_.test_pipeline}}))
test_dataloader = val_dataloader
