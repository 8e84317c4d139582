"""Reading grid files: what is right, and what a mistake is told."""

import pytest

from tests.ablation._grids import SHIPPED, grid_file
from wsod_mm.ablation.grid import Compare, GridError, load_grid
from wsod_mm.ablation.published import TABLES


def test_shipped_grid():
    grid = load_grid(SHIPPED)
    assert [row.key for row in grid.rows] == list(dict.fromkeys(row.key for row in grid.rows))
    assert {'wsddn', 'oicr'} <= {row.key for row in grid.rows}
    assert grid.data.kind == 'minivoc' and grid.data.proposals == ('--base-k', '100') and grid.data_name == 'MiniVOC'
    assert grid.classifier.is_file() and Compare('OICR − WSDDN', 'wsddn', 'oicr') in grid.compare
    assert grid.tables == TABLES


def test_python_file_with_helpers(tmp_path):
    (tmp_path / 'config.py').write_text('x = 1')
    (tmp_path / 'grid.py').write_text(
        "_common = 'config.py'\n"
        "rows = [dict(key=f'a{i}', config=_common, overrides={'x.y': i}) for i in range(2)]\n"
        "data = dict(kind='voc', data_root='data/photos', proposal_file=None)\n"
        "tables = [dict(title='T', columns=['a', 'b'], rows=dict(a0=[1.5, None]), names=dict(a0='first'))]\n"
    )
    grid = load_grid(tmp_path / 'grid.py')
    assert grid.rows[1].overrides == {'x.y': 1} and grid.rows[1].name == 'a1'
    assert grid.data_name == 'photos' and grid.data.proposal_file is None and grid.classifier is None
    assert grid.tables[0].rows == {'a0': (1.5, None)} and grid.tables[0].numbers() == {'a': {'a0': 1.5}}
    assert [row.key for row in grid.select(['a1'])] == ['a1'] and len(grid.select(None)) == 2
    with pytest.raises(GridError, match="no row 'a3'; there are: a0, a1"):
        grid.select(['a3'])


def _rows(*rows):
    return {'rows': list(rows)}


_OICR = str(SHIPPED.parent / 'oicr_minicnn_1xb4-10e_minivoc.py')


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        (_rows(), 'rows is empty'),
        (_rows({'key': 'a', 'name': 'A'}), r"rows\[0\] \('a'\) has no config; add config="),
        (_rows({'config': _OICR}), r'rows\[0\] has no key'),
        (_rows({'key': 'a', 'config': _OICR}, {'key': 'a', 'config': _OICR}), "two rows have key='a'"),
        (_rows({'key': 'A b', 'config': _OICR}), "key='A b'; use small letters"),
        (_rows({'key': 'classifier', 'config': _OICR}), 'another stage'),
        (_rows({'key': 'oicr_test', 'config': _OICR}), 'another stage'),
        (_rows({'key': 'a', 'config': _OICR[:-4] + 's.py'}), 'does not exist.*did you mean .oicr_minicnn'),
        (_rows({'key': 'a', 'config': _OICR, 'override': {}}), "'override'; did you mean 'overrides'"),
        (
            {'compare': [{'title': 't', 'a': 'oicr', 'b': 'oicer'}]},
            "'oicer', which is not in rows; did you mean 'oicr'",
        ),
        ({'compare': [{'title': 't', 'a': 'oicr'}]}, r'compare\[0\] has no b'),
        ({'compares': []}, "'compares'; did you mean 'compare'"),
        ({'data': ...}, 'data is missing'),
        ({'data': None}, 'needs data'),
        ({'data': {'kind': 'coco'}}, "data.kind is 'coco'"),
        ({'data': {'kind': 'voc'}}, "'voc' has no data_root"),
        ({'data': {'kind': 'minivoc', 'data_root': 'x'}}, "has 'data_root'"),
        ({'tables': 'all'}, "write 'published'"),
        ({'tables': [{'title': 't', 'columns': ['a'], 'rows': {'x': [1, 2]}}]}, '2 cells for 1 columns'),
        ({'classifier': 'none.py'}, 'classifier: config none.py does not exist'),
    ],
)
def test_mistakes_name_file_value_and_mend(tmp_path, changes, message):
    path = grid_file(tmp_path, **changes)
    with pytest.raises(GridError, match=message) as caught:
        load_grid(path)
    assert str(path) in str(caught.value)


def test_files_that_are_no_grids(tmp_path):
    with pytest.raises(FileNotFoundError, match='none.yaml does not exist'):
        load_grid(tmp_path / 'none.yaml')
    (tmp_path / 'broken.py').write_text('rows = [')
    with pytest.raises(GridError, match='broken.py is not a grid: SyntaxError'):
        load_grid(tmp_path / 'broken.py')


def test_published_numbers_are_those_of_the_spec():
    first, miner, head = TABLES
    assert first.numbers() == {
        'paper': {'casd_base': 48.9, 'casd_iw_no_ia': 52.6, 'casd_iw': 54.1, 'casd_lw': 52.3, 'casd_full': 56.8},
        'study': {'casd_base': 52.47, 'casd_iw_no_ia': 52.47, 'casd_iw': 54.12, 'casd_code': 57.77},
    }
    assert miner.numbers()['study'] == {
        'casd_base_top1': 52.0,
        'casd_base': 52.47,
        'casd_code_top1': 56.73,
        'casd_code': 57.77,
    }
    assert head.numbers()['study'] == {
        'casd_base_wsddn': 39.38,
        'casd_base': 52.47,
        'casd_code_wsddn': 45.58,
        'casd_code': 57.77,
    }
    for table in TABLES:
        assert all(len(cells) == len(table.columns) for cells in table.rows.values())
        assert table.names.keys() <= table.rows.keys()
