# Real photographs of animals (see animals6.py) as a pool of active learning: train, tested on test
_base_ = ['minivoc_active.py']
data_root = 'data/voc2012_animals/'
metainfo = dict(classes=('cat', 'cow', 'dog', 'horse', 'person', 'sheep'))
pool = dict(
    data_root=data_root,
    lists=['VOC2007/ImageSets/Main/train.txt'],
    metainfo=metainfo,
    unknown='ignore')  # objects of the other VOC classes
train_dataloader = dict(dataset=dict(times=2, dataset=dict(pool=pool)))
unlabeled_dataloader = dict(dataset=dict(times=2, dataset=dict(pool=pool)))
score_dataloader = dict(dataset=dict(pool=pool))
val_dataloader = dict(dataset=dict(data_root=data_root, metainfo=metainfo))
test_dataloader = val_dataloader
