"""The numbers that others published about CASD, as data: Tables 1-3 of the study, beside those of the paper.

Source: the ablation tables of the CASD paper and of the study "[S]", collected in section 12 of our spec; VOC 2007 test
mAP in percent. The study's switches did not do what its rows are called, so every row also says what it really ran.
``None`` is a number that neither of them gives.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ['TABLES', 'PublishedTable']

Cell = float | str | None


@dataclass(frozen=True)
class PublishedTable:
    """A table of published numbers.

    Attributes:
        title: Heading.
        columns: Names of the columns.
        rows: Key of a row of the grid -> one cell per column: percent, text, or ``None`` for blank.
        names: Key -> what the table calls that row, where it is not the name in the grid.
    """

    title: str
    columns: tuple[str, ...]
    rows: Mapping[str, tuple[Cell, ...]]
    names: Mapping[str, str] = field(default_factory=dict)

    def numbers(self) -> dict[str, dict[str, float]]:
        """Column -> key of the row -> number, of the columns that hold any."""
        found: dict[str, dict[str, float]] = {}
        for index, column in enumerate(self.columns):
            cells = {key: row[index] for key, row in self.rows.items() if isinstance(row[index], (int, float))}
            if cells:
                found[column] = cells
        return found


_COLUMNS = ('paper', 'study', 'what the study really ran')
_NAMES = {
    'casd_base': 'baseline, PCL centres, contrastive-S',
    'casd_base_top1': 'baseline, top-1 (OICR)',
    'casd_base_wsddn': 'baseline, WSDDN head',
    'casd_code': '"CASD", PCL centres, contrastive-S',
    'casd_code_top1': '"CASD", top-1 (OICR)',
    'casd_code_wsddn': '"CASD", WSDDN head',
}
_FULL = 'IA, regression, augmentation; neither IW nor LW'
_BASE = 'no IA, no regression, no augmentation'


def _pick(*keys: str) -> dict[str, str]:
    return {key: _NAMES[key] for key in keys}


TABLES = (
    PublishedTable(
        'Table 1: components',
        _COLUMNS,
        {
            'casd_base': (48.9, 52.47, _BASE),
            'casd_iw_no_ia': (52.6, 52.47, 'the baseline: its flag for IW was off'),
            'casd_ia': (None, None, 'this is what its row "IW (with IA)" ran'),
            'casd_iw': (54.1, 54.12, 'IA alone'),
            'casd_lw': (52.3, None, 'not in the study'),
            'casd_full': (56.8, None, 'what it calls so is the next row'),
            'casd_code': (None, 57.77, _FULL),
        },
        {
            'casd_base': 'baseline',
            'casd_iw_no_ia': 'IW without IA',
            'casd_ia': 'IA alone',
            'casd_iw': 'IW (with IA)',
            'casd_lw': 'LW',
            'casd_full': 'full: IW + LW + IA + regression + augmentation',
            'casd_code': 'IA + regression + augmentation',
        },
    ),
    PublishedTable(
        'Table 2: miner',
        _COLUMNS,
        {
            'casd_base_top1': (None, 52.00, _BASE),
            'casd_base': (None, 52.47, _BASE),
            'casd_code_top1': (None, 56.73, _FULL),
            'casd_code': (None, 57.77, _FULL),
        },
        _pick('casd_base_top1', 'casd_base', 'casd_code_top1', 'casd_code'),
    ),
    PublishedTable(
        'Table 3: head of the MIL branch',
        _COLUMNS,
        {
            'casd_base_wsddn': (None, 39.38, _BASE),
            'casd_base': (None, 52.47, _BASE),
            'casd_code_wsddn': (None, 45.58, _FULL),
            'casd_code': (None, 57.77, _FULL),
        },
        _pick('casd_base_wsddn', 'casd_base', 'casd_code_wsddn', 'casd_code'),
    ),
)
