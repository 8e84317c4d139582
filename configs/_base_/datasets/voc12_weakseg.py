# What a pipeline reads of PASCAL VOC 2012: data/VOCdevkit/VOC2012/{Annotations,ImageSets,JPEGImages,SegmentationClass,
# SegmentationObject}. CAMs are made for train and infer, masks for infer. train_aug.txt (10582 ids: train and SBD
# without val) comes with the public codes; see configs/affinitynet/README.md.
weak_seg = dict(
    images=dict(
        type='WeakVOCDataset',
        data_root='data/VOCdevkit/',
        data_prefix=dict(sub_data_root='VOC2012/'),
        difficult='include'),  # as in cls_labels.npy
    lists=dict(
        train='VOC2012/ImageSets/Segmentation/train_aug.txt',
        infer='VOC2012/ImageSets/Segmentation/train.txt',
        eval='VOC2012/ImageSets/Segmentation/train.txt',
        mean='VOC2012/ImageSets/Segmentation/train.txt',  # of IRN's displacements
        val='VOC2012/ImageSets/Segmentation/val.txt'),  # of the classifier's training
    ground_truth=dict(
        folder='VOC2012/SegmentationClass',
        classes=None,
        other='ignore',
        objects='VOC2012/SegmentationObject'))
