"""Labels from folder names."""

import pytest

from wsod_mm.datasets import WeakFolderDataset

from ._formats import labels, write_image


def test_folders_are_classes(root):
    dataset = WeakFolderDataset(data_root=str(root / 'img'))
    assert dataset.classes == ('a', 'b')
    assert labels(dataset) == {'1': [0], '2': [0], '3': [1]}
    turned = WeakFolderDataset(data_root=str(root / 'img'), metainfo=dict(classes=('b', 'a')))
    assert labels(turned) == {'1': [1], '2': [1], '3': [0]}
    named = WeakFolderDataset(data_root=str(root / 'img'), background_folder='b', id_from='path')
    assert named.classes == ('a',) and labels(named) == {'a/1': [0], 'a/2': [0], 'b/3': []}


def test_bad_folders(root):
    img = root / 'img'
    with pytest.raises(ValueError, match="class 'b'.*unknown='ignore'"):
        WeakFolderDataset(data_root=str(img), metainfo=dict(classes=('a',)))
    only_a = WeakFolderDataset(data_root=str(img), metainfo=dict(classes=('a',)), unknown='ignore')
    assert labels(only_a) == {'1': [0], '2': [0], '3': []}
    with pytest.raises(ValueError, match="no folder 'c'"):
        WeakFolderDataset(data_root=str(img), metainfo=dict(classes=('a', 'b', 'c')))
    write_image(img / 'b/deep/1.jpg')
    with pytest.raises(ValueError, match="'1' occurs twice: .*a/1.jpg and .*b/deep/1.jpg.*id_from='path'"):
        WeakFolderDataset(data_root=str(img))
    assert len(WeakFolderDataset(data_root=str(img), id_from='path')) == 4
    (img / 'empty').mkdir()
    with pytest.raises(ValueError, match='empty has no images'):
        WeakFolderDataset(data_root=str(img))
    with pytest.raises(ValueError, match='deep has no class folders'):
        WeakFolderDataset(data_root=str(img / 'b/deep'))
    with pytest.raises(FileNotFoundError, match='no folder .*nowhere'):
        WeakFolderDataset(data_root=str(root / 'nowhere'))
