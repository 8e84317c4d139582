"""Which image an entry belongs to."""

import pytest

from wsod_mm.proposals import ProposalFileError
from wsod_mm.proposals.convert.match_ids import match_ids, numeric_id


def test_numeric_id():
    assert numeric_id('000005') == 5
    assert numeric_id('2008_000002') == 2008000002
    assert numeric_id('COCO_val2014_000000000042') == 42
    assert numeric_id('cat-5') is None and numeric_id('') is None


@pytest.mark.parametrize(
    ('keys', 'ids', 'found'),
    [
        ([7, 5, 9], ['000005', '000007'], ['000007', '000005', None]),
        ([2008000002], ['2008_000002'], ['2008_000002']),
        (['COCO_train2014_000000000009'], ['9'], ['9']),
        (['JPEGImages/000005.jpg', r'a\b\000007.png'], ['000005', '000007'], ['000005', '000007']),
        (['my.photo', 'my.photo.jpeg'], ['my.photo'], None),  # both claim it
        (['a.b'], ['a.b'], ['a.b']),
        (None, ['x', 'y'], ['x', 'y']),
    ],
)
def test_match(keys, ids, found):
    if found is None:
        with pytest.raises(ProposalFileError, match='both belong'):
            match_ids(keys, len(keys), ids, 'f')
    else:
        assert match_ids(keys, len(keys or ids), ids, 'f') == found


def test_a_number_of_two_images_decides_nothing():
    with pytest.raises(ProposalFileError, match='number 5 fits several images'):
        match_ids([5], 1, ['5', '000005'], 'f')
    assert match_ids(['5'], 1, ['5', '000005'], 'f') == ['5']  # a name does
