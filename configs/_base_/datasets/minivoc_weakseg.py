# What a pipeline reads of MiniVOC: CAMs and masks of trainval, where the networks learn too
weak_seg = dict(
    images=dict(
        type='WeakVOCDataset',
        data_root='data/minivoc/',
        data_prefix=dict(sub_data_root='VOC2007/'),
        metainfo=dict(classes=('bear', 'cat', 'goat', 'duck', 'owl', 'parrot')),
        difficult='include'),
    lists=dict(
        train='VOC2007/ImageSets/Segmentation/trainval.txt',
        infer='VOC2007/ImageSets/Segmentation/trainval.txt',
        eval='VOC2007/ImageSets/Segmentation/trainval.txt'),
    ground_truth=dict(folder='VOC2007/SegmentationClass', classes=None, other='ignore'))
