"""Lists and image labels in the forms of PSA and IRN."""

import json
import os

import numpy as np
import pytest
import torch

from wsod_mm.datasets import WeakJSONDataset
from wsod_mm.datasets.label_files import (
    ListEntry,
    convert_legacy_labels,
    read_image_labels_npy,
    read_image_list,
    write_label_json,
)
from wsod_mm.datasets.legacy_npy import load_legacy_npy
from wsod_mm.datasets.voc_files import read_image_set

CLASSES = ('cat', 'cow', 'dog')
CAT, BOTH, NOTHING = (np.float32(v) for v in ([1, 0, 0], [1, 0, 1], [0, 0, 0]))


def save(path, content):
    np.save(path, content, allow_pickle=True)
    return path


def test_lists_of_both_readmes_and_other_names(tmp_path):
    path = tmp_path / 'list.txt'
    path.write_text(
        '/JPEGImages/2007_000032.jpg /SegmentationClassAug/2007_000032.png\n'
        '/JPEGImages/2008_000001.jpg\n\n2007_000039\n  my picture (1).JPEG  \nsub/a b.png\tmasks/a b.png\nx.v2\n'
    )
    assert read_image_list(path) == [
        ListEntry('2007_000032', 'JPEGImages/2007_000032.jpg', 'SegmentationClassAug/2007_000032.png'),
        ListEntry('2008_000001', 'JPEGImages/2008_000001.jpg'),
        ListEntry('2007_000039'),
        ListEntry('my picture (1)', 'my picture (1).JPEG'),
        ListEntry('a b', 'sub/a b.png', 'masks/a b.png'),
        ListEntry('x.v2'),
    ]


def test_wrong_lists(tmp_path):
    path = tmp_path / 'list.txt'
    with pytest.raises(FileNotFoundError, match=r'list\.txt'):
        read_image_list(path)
    path.write_text('\n')
    with pytest.raises(ValueError, match='lists no images'):
        read_image_list(path)
    path.write_text('a/1.jpg\nb/1.jpg\n')
    with pytest.raises(ValueError, match=r"list\.txt:2: id '1' occurs twice \(a/1.jpg and b/1.jpg\)"):
        read_image_list(path)


def test_psa_and_irn_give_the_same(tmp_path):
    text = read_image_labels_npy(save(tmp_path / 'p.npy', {'2007_000032': BOTH, '2007_000039': CAT}), 3)
    number = {np.int32(2007000032): BOTH, np.int32(2007000039): CAT}
    other = read_image_labels_npy(save(tmp_path / 'i.npy', number), 3)
    assert list(text) == list(other) == ['2007_000032', '2007_000039']
    for img_id, vector in text.items():
        np.testing.assert_array_equal(vector, other[img_id])
        assert vector.dtype == np.float32


def test_numbers_matched_with_ids(tmp_path):
    path = save(tmp_path / 'i.npy', {np.int32(5): CAT, np.int32(17): BOTH})
    assert list(read_image_labels_npy(path, 3, ['000005', 'cat_photo'])) == ['000005']
    with pytest.raises(ValueError, match='key 5 is no id of VOC 2012'):
        read_image_labels_npy(path, 3)
    with pytest.raises(ValueError, match="'0_5' and '05' are the same number"):
        read_image_labels_npy(path, 3, ['0_5', '05'])


@pytest.mark.parametrize(
    'content, message',
    [
        ([1, 2], 'not a dict'),
        ({}, 'not a dict'),
        ({'a': np.ones(4)}, r'shape \(4,\).*expected 3'),
        ({'a': np.float32([0, 0.5, 1])}, 'expected 3 zeros and ones'),
        ({1.5: CAT}, 'key 1.5 is neither text nor a whole number'),
    ],
)
def test_wrong_labels(tmp_path, content, message):
    with pytest.raises(ValueError, match=message):
        read_image_labels_npy(save(tmp_path / 'a.npy', content), 3)


class Attack:
    """What a pickle of a stranger may hold."""

    def __reduce__(self):
        return os.mkdir, (str(self.folder),)


def test_code_in_a_file_is_not_run(tmp_path):
    attack = Attack()
    attack.folder = tmp_path / 'run'
    path = save(tmp_path / 'a.npy', {'a': attack})
    with pytest.raises(ValueError, match=r'a\.npy: refused to load .*posix\.mkdir'):
        load_legacy_npy(path)
    assert not attack.folder.exists()
    # a tensor's bytes are a pickle in the pickle
    torch.save(attack, tmp_path / 'inner')

    class Tensor:
        def __reduce__(self):
            return torch.storage._load_from_bytes, ((tmp_path / 'inner').read_bytes(),)

    with pytest.raises(ValueError, match=r'a\.npy: refused'):
        load_legacy_npy(save(path, {'a': Tensor()}))
    assert not attack.folder.exists()


def test_cams_of_both_papers_round_trip(tmp_path):
    psa = {3: np.random.rand(4, 5).astype(np.float32)}
    out = load_legacy_npy(save(tmp_path / 'psa.npy', psa))
    np.testing.assert_array_equal(out[3], psa[3])
    irn = {'keys': torch.tensor([3]), 'cam': torch.rand(1, 2, 2), 'high_res': np.ones((1, 4, 5), np.float32)}
    out = load_legacy_npy(save(tmp_path / 'irn.npy', irn))
    assert torch.equal(out['keys'], irn['keys']) and torch.equal(out['cam'], irn['cam'])
    np.testing.assert_array_equal(out['high_res'], irn['high_res'])
    np.testing.assert_array_equal(load_legacy_npy(save(tmp_path / 'plain.npy', np.arange(3))), np.arange(3))


def test_damaged_npy(tmp_path):
    path = tmp_path / 'a.npy'
    with pytest.raises(FileNotFoundError, match=r'a\.npy'):
        load_legacy_npy(path)
    save(path, {'a': CAT})
    for data in (b'', b'text', path.read_bytes()[:-9]):
        path.write_bytes(data)
        with pytest.raises(ValueError, match=r'a\.npy is truncated or no \.npy'):
            load_legacy_npy(path)


def test_converted_labels_feed_the_dataset(tmp_path):
    source = save(tmp_path / 'cls_labels.npy', {f'2007_00000{i}': v for i, v in enumerate((CAT, BOTH, NOTHING))})
    target = tmp_path / 'labels.json'
    assert convert_legacy_labels(source, target, CLASSES) == 3
    data = WeakJSONDataset(ann_file=str(target), data_prefix=dict(img='x'), need_size=False, check_files=False)
    assert data.classes == CLASSES
    assert [data.get_data_info(i)['image_labels'] for i in range(3)] == [[0], [0, 2], []]
    assert data.get_data_info(1)['img_path'] == 'x/2007_000001.jpg'

    (tmp_path / 'list.txt').write_text('/JPEGImages/2007_000002.png\n2007_000000\n')
    assert convert_legacy_labels(source, target, CLASSES, tmp_path / 'list.txt') == 2
    entries = json.loads(target.read_text())['data_list']
    assert [e['img_path'] for e in entries] == ['JPEGImages/2007_000002.png', '2007_000000.jpg']
    (tmp_path / 'list.txt').write_text('2007_000009\n')
    with pytest.raises(ValueError, match="lacks 1 of the 1 images .*'2007_000009'"):
        convert_legacy_labels(source, target, CLASSES, tmp_path / 'list.txt')
    with pytest.raises(ValueError, match='expected 2 zeros'):
        convert_legacy_labels(source, target, CLASSES[:2])
    with pytest.raises(ValueError, match="'a' have 3 entries, but there are 2"):
        write_label_json(target, {'a': CAT}, CLASSES[:2])


def test_image_sets_of_affinitynet_name_files(tmp_path):
    path = tmp_path / 'train_aug.txt'
    path.write_text('/JPEGImages/2007_000032.jpg /SegmentationClassAug/2007_000032.png\n\n2007_000039\n')
    assert read_image_set(path) == ['2007_000032', '2007_000039']
