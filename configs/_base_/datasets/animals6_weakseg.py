# What a pipeline reads of animals6 (see animals6.py): CAMs and masks of trainval, where the networks learn too. Its
# masks have the labels of VOC; pixels of the 14 other classes do not count.
weak_seg = dict(
    images=dict(
        type='WeakVOCDataset',
        data_root='data/voc2012_animals/',
        data_prefix=dict(sub_data_root='VOC2007/'),
        metainfo=dict(classes=('cat', 'cow', 'dog', 'horse', 'person', 'sheep')),
        unknown='ignore',  # objects of the other VOC classes
        difficult='include'),
    lists=dict(
        train='VOC2007/ImageSets/Segmentation/trainval.txt',
        infer='VOC2007/ImageSets/Segmentation/trainval.txt',
        eval='VOC2007/ImageSets/Segmentation/trainval.txt'),
    ground_truth=dict(
        folder='VOC2007/SegmentationClass',
        classes=('aeroplane', 'bicycle', 'bird', 'boat', 'bottle', 'bus', 'car', 'cat', 'chair', 'cow', 'diningtable',
                 'dog', 'horse', 'motorbike', 'person', 'pottedplant', 'sheep', 'sofa', 'train', 'tvmonitor'),
        other='ignore'))
