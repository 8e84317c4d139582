"""Labels from a table."""

import pytest

from wsod_mm.datasets import WeakCSVDataset

from ._formats import CLASSES, infos, labels


def csv(root, text, **kwargs):
    (root / 'l.csv').write_text(text)
    kwargs = {'metainfo': CLASSES, 'data_prefix': dict(img='img'), **kwargs}
    return WeakCSVDataset(ann_file='l.csv', data_root=str(root), **kwargs)


def test_csv_with_a_label_column(root):
    text = 'image,labels\na/1.jpg,dog;cat\na/2.jpg,\nb/3.png, dog \n'
    dataset = csv(root, text)
    assert labels(dataset) == {'1': [0, 1], '2': [], '3': [1]}
    assert (infos(dataset)[0]['height'], infos(dataset)[0]['width']) == (20, 30)
    assert labels(csv(root, text, keep_background=False)) == {'1': [0, 1], '3': [1]}
    assert all('instances' not in info for info in infos(csv(root, text, test_mode=True)))


def test_csv_with_one_column_per_class(root):
    text = 'image;cat;dog;id;width;height\na/1.jpg;1;-1;x;31;21\na/2.jpg;0;;y;;\n'
    dataset = csv(root, text, label_column=None, delimiter=';', difficult='ignore')
    assert labels(dataset) == {'x': [0], 'y': []}
    assert infos(dataset)[0]['width'] == 31 and infos(dataset)[1]['width'] == 30
    assert infos(dataset)[1]['ignore_labels'] == [1]
    with pytest.raises(ValueError, match=r"l\.csv:2: column 'cat' holds 'maybe'"):
        csv(root, 'image,cat,dog\na/1.jpg,maybe,0\n', label_column=None)


@pytest.mark.parametrize(
    'text, message',
    [
        (
            'file,labels\na,b\n',
            r"l\.csv: no column \['image'\]; needed .*found \['file', 'labels'\]",
        ),
        ('image,cat,dog\na/1.jpg,1,0\n', 'set label_column=None'),
        ('', r'found \[\]'),
        ('image,labels\na/1.jpg,cat,dog\n', r'l\.csv:2: the line has more fields'),
        ('image,labels\na/1.jpg\n', r'l\.csv:2: the line has fewer fields'),
        ('image,labels\n,cat\n', "column 'image' is empty"),
        ('image,labels\na/1.jpg,lion\n', r"l\.csv:2: class 'lion'"),
        ('image,labels\na/1.jpg,cat\na/1.jpg,dog\n', r"id '1' occurs twice: .*csv:2 and .*csv:3"),
        ('image,labels,width\na/1.jpg,cat,wide\n', "width is 'wide'"),
        ('image,labels\n', 'lists no images'),
    ],
)
def test_bad_csv(root, text, message):
    with pytest.raises(ValueError, match=message):
        csv(root, text)


def test_csv_missing_files_and_classes(root):
    with pytest.raises(FileNotFoundError, match=r'1 of 2 images .*img/a/9\.jpg'):
        csv(root, 'image,labels\na/9.jpg,cat\na/1.jpg,cat\n')
    with pytest.raises(FileNotFoundError, match=r"has \['l.csv'\]"):
        WeakCSVDataset(ann_file='m.csv', data_root=str(root), metainfo=CLASSES)
    with pytest.raises(ValueError, match=r"needs metainfo.*has \['cat'\]"):
        csv(root, 'image,labels\na/1.jpg,cat\n', metainfo=None)
