"""What a grid is: rows (configs), data, differences and tables, read from a file and checked."""

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mmengine.config import Config

from wsod_mm.demo.derive import dumped_branches

from .published import TABLES, PublishedTable

__all__ = ['Compare', 'Grid', 'GridData', 'GridError', 'GridRow', 'load_grid']

_KEY = re.compile(r'[a-z0-9]+(_[a-z0-9]+)*')
_TAKEN = ('classifier', 'summary', 'report')  # names of other stages
_ENDINGS = ('_test', '_corloc', '_row')
_FIELDS = ('title', 'rows', 'classifier', 'data', 'data_name', 'overrides', 'compare', 'tables', 'tta')


class GridError(ValueError):
    """A grid that makes no sense; the message names the file, the value and what to write instead."""


@dataclass(frozen=True)
class GridRow:
    """One config of the grid, or a further branch of another row's detector.

    Attributes:
        key: Name of its stages and of its folder.
        name: Text in tables and plots.
        config: The config.
        overrides: Dotted key -> value.
        start: Key of the row whose last checkpoint the training starts from; ``None``: the grid's classifier.
        of: Key of the row whose detector is measured; ``None``: its own, which is trained.
        branch: Which predictions of that detector, see ``WeakVOCMetric``.
    """

    key: str
    name: str
    config: Path
    overrides: Mapping[str, Any] = field(default_factory=dict)
    start: str | None = None
    of: str | None = None
    branch: str = ''

    @property
    def detector(self) -> str:
        """Key of the row that trains what this one measures."""
        return self.of or self.key


@dataclass(frozen=True)
class GridData:
    """Images of all rows.

    Attributes:
        kind: ``'minivoc'`` (generated, one set per data seed) or ``'voc'`` (given).
        dials: Fields of ``MiniVOCConfig`` that differ from the default.
        proposals: Options of ``tools/proposals.py generate``.
        data_root: Folder that holds ``VOC2007``, only for ``'voc'``.
        proposal_file: Proposals of all images, only for ``'voc'``; ``None`` generates them.
    """

    kind: str
    dials: Mapping[str, Any] = field(default_factory=dict)
    proposals: tuple[str, ...] = ('--base-k', '100')
    data_root: Path | None = None
    proposal_file: Path | None = None


@dataclass(frozen=True)
class Compare:
    """A difference ``b - a``, run by run.

    Attributes:
        title: Text in the table.
        a: Key of the row that is subtracted.
        b: Key of the other.
    """

    title: str
    a: str
    b: str


@dataclass(frozen=True)
class Grid:
    """Everything a grid file says.

    Attributes:
        path: The file.
        title: Heading of tables and plot.
        rows: Its configs.
        classifier: Config whose last checkpoint every row starts from.
        data: ``None`` leaves data, proposals and ``load_from`` to the configs.
        data_name: What the measured numbers are called after.
        overrides: Dotted key -> value, written into the config of every row, before the row's own.
        compare: Paired differences.
        tables: Published numbers.
        tta: Test with the configs' test-time augmentation.
    """

    path: Path
    title: str
    rows: tuple[GridRow, ...]
    classifier: Path | None
    data: GridData | None
    data_name: str
    overrides: Mapping[str, Any] = field(default_factory=dict)
    compare: tuple[Compare, ...] = ()
    tables: tuple[PublishedTable, ...] = ()
    tta: bool = False

    def row(self, key: str) -> GridRow:
        """The row of a key.

        Raises:
            GridError: If there is none.
        """
        return self.select([key])[0]

    def select(self, keys: Iterable[str] | None) -> tuple[GridRow, ...]:
        """Rows of some keys, in the order of the grid; all of them for ``None``.

        Raises:
            GridError: If a key is unknown.
        """
        by_key = {row.key: row for row in self.rows}
        keys = list(by_key if keys is None else keys)
        for key in keys:
            if key not in by_key:
                raise GridError(f'{self.path}: no row {key!r}{_near(key, by_key)}')
        return tuple(row for row in self.rows if row.key in keys)

    def with_sources(self, rows: Iterable[GridRow]) -> tuple[GridRow, ...]:
        """Rows, and those that they start from or measure, every row after its sources."""
        ordered: dict[str, GridRow] = {}

        def add(row: GridRow) -> None:
            for source in (row.start, row.of):
                if source is not None:
                    add(self.row(source))
            ordered.setdefault(row.key, row)

        for row in rows:
            add(row)
        return tuple(ordered.values())


def load_grid(path: str | Path) -> Grid:
    """Read a grid file (``.py``, ``.json`` or ``.yaml``, with ``_base_`` as in MMEngine's configs).

    Its names are those of :class:`Grid` besides ``path``: ``rows``, a list of ``dict(key, name, config, overrides,
    start)`` with configs relative to the file's folder, or ``dict(key, name, of, branch)``, and ``data`` are needed.
    ``start`` and ``of`` name rows that stand before. ``tables`` is ``'published'`` (the default: Tables 1-3 of the
    study) or a list of ``dict(title, columns, rows, names)``. Python files may have further names that start with one
    underscore.

    Args:
        path: The file; ``data_root`` and ``proposal_file`` in it are relative to the current folder.

    Returns:
        The grid; configs exist, keys are unique and all that is named by a key is there.

    Raises:
        FileNotFoundError: If there is no such file.
        GridError: If something in it is wrong.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f'grid {path} does not exist')
    try:
        values = Config.fromfile(str(path)).to_dict()
    except Exception as error:  # syntax errors of three languages
        raise GridError(f'{path} is not a grid: {type(error).__name__}: {error}') from error
    values = {key: value for key, value in values.items() if not key.startswith('_')}
    _known(path, 'the grid', values, _FIELDS)
    for key in ('rows', 'data'):
        if key not in values:
            hint = ' (None leaves the data to the configs)' if key == 'data' else ''
            raise GridError(f'{path}: {key} is missing{hint}')
    rows = _rows(path, values['rows'])
    classifier, data = values.get('classifier'), _data(path, values['data'])
    if classifier is not None:
        if data is None:
            raise GridError(f'{path}: classifier = {classifier!r} needs data; with data = None configs say load_from')
        classifier = _config(path, 'classifier', classifier)
    names = {None: 'VOC 2007', 'minivoc': 'MiniVOC'}
    kind = None if data is None else data.kind
    grid = Grid(
        path,
        values.get('title') or 'Ablation',
        rows,
        classifier,
        data,
        values.get('data_name') or names.get(kind) or data.data_root.name,
        values.get('overrides') or {},
        _compare(path, values.get('compare') or ()),
        _tables(path, values.get('tables', 'published')),
        bool(values.get('tta', False)),
    )
    for item in grid.compare:
        for key in (item.a, item.b):
            if key not in {row.key for row in rows}:
                raise GridError(
                    f'{path}: compare {item.title!r} names the row {key!r}, which is not in rows'
                    + _near(key, [row.key for row in rows])
                )
    return grid


def _rows(path: Path, values: Any) -> tuple[GridRow, ...]:
    if not values:
        raise GridError(f'{path}: rows is empty; write rows = [dict(key=..., name=..., config=...)]')
    rows: list[GridRow] = []
    for number, item in enumerate(values):
        where = f'rows[{number}]'
        measured = isinstance(item, Mapping) and 'of' in item
        if measured:
            _known(path, where, item, ('key', 'name', 'of', 'branch'), ('key', 'branch'))
        else:
            _known(path, where, item, ('key', 'name', 'config', 'overrides', 'start'), ('key', 'config'))
        key = item['key']
        if not isinstance(key, str) or not _KEY.fullmatch(key):
            raise GridError(f'{path}: {where} has key={key!r}; use small letters, digits and underscores')
        if key in _TAKEN or key.endswith(_ENDINGS):
            raise GridError(f'{path}: {where} has key={key!r}, which another stage is called; choose another')
        if key in {row.key for row in rows}:
            raise GridError(f'{path}: two rows have key={key!r}; give each its own')
        source = _source(path, key, 'of' if measured else 'start', item, rows)
        if measured:
            rows.append(_branch_row(path, key, item, source))
        else:
            config = _config(path, f'row {key!r}', item['config'])
            start = source.detector if source else None
            rows.append(GridRow(key, item.get('name') or key, config, item.get('overrides') or {}, start))
    return tuple(rows)


def _source(path: Path, key: str, field_name: str, item: Mapping[str, Any], rows: list[GridRow]) -> GridRow | None:
    """The earlier row that ``start`` or ``of`` names."""
    name = item.get(field_name)
    if name is None:
        return None
    before = {row.key: row for row in rows}
    if name not in before:
        raise GridError(
            f'{path}: row {key!r} has {field_name}={name!r}; name a row that stands before it{_near(name, before)}'
        )
    return before[name]


def _branch_row(path: Path, key: str, item: Mapping[str, Any], source: GridRow) -> GridRow:
    branch = item['branch']
    config = Config.fromfile(str(source.config))
    if source.overrides:
        config.merge_from_dict(dict(source.overrides))
    there = dumped_branches(config)
    if branch not in there:
        raise GridError(
            f'{path}: row {key!r} wants branch={branch!r} of {source.key!r}, but the test_evaluator of '
            f'{source.config.name} reads {there or "no further branch"}'
        )
    return GridRow(key, item.get('name') or key, source.config, source.overrides, None, source.detector, branch)


def _config(path: Path, where: str, name: Any) -> Path:
    if not isinstance(name, str) or not name:
        raise GridError(f'{path}: {where} has config={name!r}; name a file, relative to {path.parent}')
    config = (path.parent / name).resolve()
    if not config.is_file():
        near = _near(Path(name).name, [file.name for file in config.parent.glob('*.py')])
        raise GridError(f'{path}: {where}: config {name} does not exist in {path.parent}{near}')
    return config


def _data(path: Path, values: Any) -> GridData | None:
    if values is None:
        return None
    kinds = {'minivoc': ('dials', 'proposals'), 'voc': ('data_root', 'proposal_file', 'proposals')}
    kind = values.get('kind') if isinstance(values, Mapping) else None
    if kind not in kinds:
        raise GridError(f"{path}: data.kind is {kind!r}; it is 'minivoc' or 'voc', or write data = None")
    _known(path, f'data of kind {kind!r}', values, ('kind', *kinds[kind]), ('data_root',) if kind == 'voc' else ())
    options = {key: value for key, value in values.items() if value is not None}
    for key in ('data_root', 'proposal_file'):
        if key in options:
            options[key] = Path(options[key])
    if 'proposals' in options:
        options['proposals'] = tuple(map(str, options['proposals']))
    return GridData(**options)


def _compare(path: Path, values: Any) -> tuple[Compare, ...]:
    for number, item in enumerate(values):
        _known(path, f'compare[{number}]', item, ('title', 'a', 'b'), ('title', 'a', 'b'))
    return tuple(Compare(**item) for item in values)


def _tables(path: Path, values: Any) -> tuple[PublishedTable, ...]:
    if values == 'published':
        return TABLES
    if isinstance(values, str):
        raise GridError(f"{path}: tables is {values!r}; write 'published', or a list of tables")
    tables = []
    for number, item in enumerate(values or ()):
        where = f'tables[{number}]'
        _known(path, where, item, ('title', 'columns', 'rows', 'names'), ('title', 'columns', 'rows'))
        columns = tuple(item['columns'])
        for key, cells in item['rows'].items():
            if len(cells) != len(columns):
                raise GridError(f'{path}: {where}: row {key!r} has {len(cells)} cells for {len(columns)} columns')
        rows = {key: tuple(cells) for key, cells in item['rows'].items()}
        tables.append(PublishedTable(item['title'], columns, rows, item.get('names') or {}))
    return tuple(tables)


def _known(path: Path, where: str, values: Any, known: Iterable[str], needed: Iterable[str] = ()) -> None:
    if not isinstance(values, Mapping):
        raise GridError(f'{path}: {where} is {values!r}; it should be a dict with {", ".join(known)}')
    for key in values:
        if key not in known:
            raise GridError(f'{path}: {where} has {key!r}{_near(key, known)}')
    for key in needed:
        if values.get(key) is None:
            name = f' ({values["key"]!r})' if values.get('key') else ''
            raise GridError(f'{path}: {where}{name} has no {key}; add {key}=...')


def _near(key: Any, known: Iterable[str]) -> str:
    known = list(known)
    near = difflib.get_close_matches(str(key), known, n=1)
    if near:
        return f'; did you mean {near[0]!r}?'
    return f'; there are: {", ".join(known)}' if known else ''
