"""Where the images of a job come from."""

import cv2
import numpy as np
import pytest
from PIL import Image

from wsod_mm.proposals import ImageEntry, ImageSource, ProposalFileError, read_voc_boxes


def test_voc(voc_root):
    source = ImageSource.from_voc(voc_root, 'train')
    assert source.ids == ['000005', '000012'] and source[1].size == (150, 90)
    truth = source.ground_truth(0)
    assert truth.boxes.tolist() == [[20, 10, 79, 59], [90, 30, 119, 79]]  # 1-based in the file
    assert truth.names == ('cat', 'dog')
    assert ImageSource.from_voc(voc_root).ground_truth(1).difficult.tolist() == [False, True]


def test_voc_split_that_is_absent(voc_root):
    with pytest.raises(ProposalFileError, match=r"'train', 'trainval'"):
        ImageSource.from_voc(voc_root, 'test')
    with pytest.raises(ProposalFileError, match='year folder'):
        ImageSource.from_voc(voc_root.parent, 'trainval')


def test_folder_and_list(voc_root, tmp_path):
    source = ImageSource.from_folder(voc_root)
    assert source.ids == ['000005', '000007', '000012']
    with pytest.raises(ProposalFileError, match='plain list of images'):
        source.ground_truth(0)
    listing = tmp_path / 'list.txt'
    listing.write_text('# comment\nJPEGImages/000012.jpg\n\nJPEGImages/000005.jpg  # second\n')
    assert ImageSource.from_list(listing, voc_root).ids == ['000012', '000005']
    (tmp_path / 'none').mkdir()
    with pytest.raises(ProposalFileError, match='no images in'):
        ImageSource.from_folder(tmp_path / 'none')
    with pytest.raises(ProposalFileError, match='no such image folder'):
        ImageSource.from_folder(tmp_path / 'absent')


def test_two_images_of_one_id(tmp_path):
    for folder in 'ab':
        (tmp_path / folder).mkdir()
        cv2.imwrite(str(tmp_path / folder / 'x.png'), np.zeros((4, 5, 3), np.uint8))
    with pytest.raises(ProposalFileError, match="id 'x'"):
        ImageSource.from_folder(tmp_path)


def test_size_follows_exif_rotation_as_the_decoder_does(tmp_path):
    path = tmp_path / 'turned.jpg'
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new('RGB', (40, 20)).save(path, exif=exif)
    assert ImageEntry('turned', path).size == (20, 40)
    assert cv2.imread(str(path), cv2.IMREAD_COLOR).shape[:2] == (40, 20)
    path.write_bytes(b'nothing')
    with pytest.raises(ProposalFileError, match='turned.jpg'):
        _ = ImageEntry('turned', path).size


def test_bad_annotations_are_named(tmp_path):
    path = tmp_path / 'a.xml'
    with pytest.raises(ProposalFileError, match='a.xml'):
        read_voc_boxes(path)
    path.write_text('<annotation><object>')
    with pytest.raises(ProposalFileError, match='a.xml'):
        read_voc_boxes(path)
    path.write_text('<annotation><object><name>cat</name></object></annotation>')
    with pytest.raises(ProposalFileError, match="'cat' has no complete bndbox"):
        read_voc_boxes(path)


def test_dataset_config(voc_root, tmp_path):
    pytest.importorskip('mmdet')
    config = tmp_path / 'cfg.py'
    config.write_text(f"""
default_scope = 'mmdet'
data = dict(
    type='VOCDataset', data_root={str(voc_root.parent) + '/'!r},
    data_prefix=dict(sub_data_root='VOC2007/'),
    metainfo=dict(classes=('cat', 'dog')), filter_cfg=dict(filter_empty_gt=True, min_size=60),
    proposal_file='absent.pkl', pipeline=[dict(type='LoadImageFromFile')])
train_dataloader = dict(dataset=dict(type='RepeatDataset', times=2, dataset=dict(
    type='ConcatDataset', datasets=[
        dict(ann_file='VOC2007/ImageSets/Main/train.txt', **data),
        dict(ann_file='VOC2007/ImageSets/Main/trainval.txt', **data)])))
""")
    source = ImageSource.from_config(config)
    assert source.ids == ['000005', '000012', '000007']  # unfolded, unfiltered, each once
    truth = source.ground_truth(2)
    assert truth.names == ('cat', 'dog') and truth.difficult.tolist() == [False, True]
    np.testing.assert_array_equal(truth.boxes, ImageSource.from_voc(voc_root).ground_truth(1).boxes)
    with pytest.raises(ProposalFileError, match="no 'val_dataloader'"):
        ImageSource.from_config(config, 'val')


def test_config_of_ours_with_options(voc_root, tmp_path):
    pytest.importorskip('mmdet')
    config = tmp_path / 'cfg.py'
    config.write_text("""
default_scope = 'wsod_mm'
val_dataloader = dict(dataset=dict(
    type='WeakVOCDataset', data_root='nowhere/', ann_file='VOC2007/ImageSets/Main/trainval.txt',
    metainfo=dict(classes=('cat', 'dog')), proposal_file='absent.npz', pipeline=[]))
""")
    root = {'val_dataloader.dataset.data_root': str(voc_root.parent) + '/'}
    source = ImageSource.from_config(config, 'val', root)
    plain = ImageSource.from_voc(voc_root)
    assert source.ids == plain.ids
    for index in range(len(plain)):
        ours, other = source.ground_truth(index), plain.ground_truth(index)
        np.testing.assert_array_equal(ours.boxes, other.boxes)
        assert ours.names == other.names and (ours.difficult == other.difficult).all()
