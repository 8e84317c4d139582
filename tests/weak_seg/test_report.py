"""The report and the picture grid of pipelines whose files the test writes: finished, half done, without a truth."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from tests.visualization.page_reader import PageReader
from wsod_mm.datasets.cam_file import CamMaps, write_cams
from wsod_mm.datasets.instance_file import InstanceArrays, write_instances
from wsod_mm.evaluation.seg_folders import evaluate_cam_folder, evaluate_label_folder
from wsod_mm.utils.io import write_json
from wsod_mm.utils.label_png import write_label_png
from wsod_mm.weak_seg.image_lists import ImageLists
from wsod_mm.weak_seg.image_record import ImageRecord
from wsod_mm.weak_seg.mask_gallery import save_mask_gallery
from wsod_mm.weak_seg.pictures import image_panels, label_colour
from wsod_mm.weak_seg.report import write_report
from wsod_mm.weak_seg.results import WeakSegResults

CLASSES = ('cat', 'a <b> & "c"', *(f'class{i}' for i in range(2, 22)))  # more than VOC has
SIZES = {'a': (40, 60), 'b': (64, 48), 'Käse 日本': (40, 60), 'leer': (40, 60), 'e/e': (40, 60), 'f': (40, 60)}
LABELS = {'a': (0,), 'b': (1, 21), 'Käse 日本': (0,), 'leer': (), 'e/e': (1,), 'f': (0,)}
_MAPS = {'cam_crf': 4, 'walk': 2, 'sem_seg': 1}  # stage -> how many columns its masks are off


def _truth(name):
    label = np.zeros(SIZES[name], np.uint8)
    for place, key in enumerate(LABELS[name]):
        label[10:30, 8 + 16 * place : 22 + 16 * place] = key + 1
    label[-2:] = 255
    return label


@pytest.fixture(scope='module')
def written(tmp_path_factory):
    """A finished pipeline; not to be changed."""
    root = tmp_path_factory.mktemp('weak_seg')
    records = {}
    for number, name in enumerate(SIZES):
        path, truth = root / 'data' / f'{name}.png', _truth(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((*SIZES[name], 3), 40 + 30 * number, np.uint8)).save(path)
        records[name] = ImageRecord(name, str(path), LABELS[name])
        write_label_png(root / 'gt' / f'{name}.png', truth)
        keys = np.array(LABELS[name], np.int64)
        cams = np.stack([0.9 * (truth == key + 1) for key in keys] or [truth * 0.0])[: len(keys)].astype(np.float32)
        write_cams(root / 'work/cam/maps' / f'{name}.npz', CamMaps(keys, np.roll(cams, 5 + number, 2)))
        classes = np.where(truth == 255, 0, truth)
        for stage, off in _MAPS.items():
            write_label_png(root / 'work' / stage / 'masks' / f'{name}.png', np.roll(classes, off + number, 1))
        masks = np.stack([classes == key + 1 for key in keys] * 5 or [classes > 0])[: 5 * len(keys)]
        scores = np.linspace(0, 1, len(masks))
        write_instances(
            root / 'work/ins_seg/instances' / f'{name}.npz', InstanceArrays(scores, np.tile(keys, 5), masks)
        )
    ids = tuple(SIZES)
    work = root / 'work'
    ImageLists(CLASSES, records, {'train': ids, 'infer': ids, 'eval': ids[:5]}).write(work / 'images' / 'images.json')
    given = {'image_ids': ids[:5], 'classes': CLASSES}
    fixed, *sweep = evaluate_cam_folder(work / 'cam/maps', root / 'gt', thresholds=(0.2, 0.0, 0.3, 0.95), **given)
    names = {'cam_crf': 'CAM + CRF', 'walk': 'AffinityNet', 'sem_seg': 'IRN'}
    sources = [
        {'key': key, 'name': names[key], **evaluate_label_folder(work / key / 'masks', root / 'gt', **given)}
        for key in _MAPS
    ]
    short = ('threshold', 'mIoU', 'iou')
    counts = [2, *[1] * 21]
    metrics = {
        'classes': CLASSES,
        'num_images': 5,
        'crf_backend': 'grid',
        'truth': {'gt_dir': str(root / 'gt'), 'gt_classes': None, 'gt_other': 255},
        'sources': [{'key': 'cam', 'name': 'CAM', **fixed}, *sources],
        'cam_sweep': [{key: entry[key] for key in short} for entry in sweep],
        'cam_best': {key: sweep[1][key] for key in short},
        'instances': {
            **{'AP50': 34.56, 'AP50_classes': [34.56, *[None] * 21], 'AP70': 12.3, 'AP70_classes': [12.3] * 22},
            **{'num_positive': counts, 'num_predictions': counts, 'classes': CLASSES, 'num_images': 5},
        },
    }
    write_json(metrics, work / 'evaluate' / 'metrics.json')
    write_json({'key': 'k', 'state': 'done', 'seconds': 200}, work / 'cam' / 'stage.json')
    write_json({'options': {'scales': [1.0, 0.5], 'crf': {'backend': 'grid'}}}, work / 'cam' / 'job.json')
    write_json({'key': 'k', 'state': 'running', 'seconds': 5}, work / 'irn' / 'stage.json')
    (work / 'irn' / 'config.py').write_text("model = dict(type='IRNet')\ntrain_cfg = dict(max_epochs=7)\n")
    return work


@pytest.fixture
def copy(written, tmp_path):
    shutil.copytree(written, tmp_path / 'work')
    return tmp_path / 'work'


def _page(work, **kwargs):
    out = work.parent / 'out.html'
    write_report(work, out, **kwargs)
    html = out.read_text(encoding='utf-8')
    reader = PageReader(html)
    assert all(link.startswith('data:image/') for link in reader.links)
    return html, reader, ' '.join(reader.text)


def test_page_says_what_was_measured(written):
    html, reader, text = _page(written)
    metrics = json.loads((written / 'evaluate/metrics.json').read_text())
    for entry in metrics['sources']:
        assert entry['name'] in reader.text and f'{entry["mIoU"]:.1f}' in reader.text
    for wanted in (
        *('fixed background 0.2', 'background 0.3, chosen with the true masks', '34.6', '12.3', 'grid', 'Käse 日本'),
        *('a <b> & "c"', 'class21', 'no class', 'scales=(1, 0.5), crf.backend=grid', '3 min 20 s', 'running'),
        *('model=IRNet, epochs=7', 'Best images', 'Worst images', 'cat 1.00'),
    ):
        assert wanted in text, wanted
    assert reader.ids == ['sources', 'sweep', 'classes', 'instances', 'sample', 'worst', 'best', 'how']
    # the masks of the last stage are best; the tuned row is never printed as best
    row = html[html.index('IRN</th>') : html.index('IRN</th>') + 60]
    assert 'class="v best"' in row
    tuned = html[html.index('CAM, best background') :]
    assert 'class="v best"' not in tuned[: tuned.index('</tr>')]


def test_worst_and_best_are_by_the_last_masks(written):
    results = WeakSegResults(written)
    ranked = results.ranked('sem_seg')
    assert [name for _, name in ranked] != [name for _, name in results.ranked('cam')]
    assert ranked[-1] == (100.0, 'leer') and ranked[0][0] < ranked[1][0] and len(ranked) == 5
    html, _, _ = _page(written, images=2)
    worst = html[html.index('id="worst"') : html.index('id="best"')]
    assert f'Image {ranked[0][1]}:' in worst and worst.count('<figcaption>') == 1
    assert 'Image leer:' in html[html.index('id="best"') :]


def test_numbers_of_an_image(written):
    results = WeakSegResults(written)
    found = results.iou('a', results.label_map('walk', 'a'), results.truth('a'))
    inside, union = 20 * 12, 20 * 16  # 14 columns, 2 off
    assert found.labels[1] == pytest.approx(100 * inside / union) and set(found.labels) == {0, 1}
    # what the truth lacks is no zero in the mean: here the background, which is not counted around the cat
    void = np.where(results.truth('a') == 0, 255, results.truth('a'))
    alone = results.iou('a', results.label_map('walk', 'a'), void)
    assert alone.labels == {0: 0.0, 1: pytest.approx(100 * 12 / 14)} and alone.mean == alone.labels[1]
    panels = {panel.key: panel for panel in image_panels(results, 'a')}
    assert list(panels) == ['image', 'cam', 'cam_crf', 'walk', 'sem_seg', 'instances', 'truth']
    assert panels['walk'].iou == pytest.approx(found.mean) and panels['truth'].iou is None
    assert panels['walk'].chips == ((label_colour(1), 'cat 75 %'),)
    assert panels['cam'].iou == pytest.approx(results.iou('a', results.label_map('cam', 'a'), results.truth('a')).mean)
    assert [chip.text for chip in panels['instances'].chips][0] == 'cat 1.00' and len(panels['instances'].chips) == 4
    assert {panel.picture.shape for panel in panels.values()} == {(192, 288, 3)}


def test_cams_of_several_classes(written):
    results = WeakSegResults(written)
    titles = [panel.title for panel in image_panels(results, 'b') if panel.key == 'cam']
    assert titles == ['CAM a <b> & "c"', 'CAM class21']
    (joint,) = (panel for panel in image_panels(results, 'b', cams=1) if panel.key == 'cam')
    assert joint.title == 'CAM' and len(joint.chips) == 2
    texts = [chip.text for panel in image_panels(results, 'b') if panel.key == 'instances' for chip in panel.chips]
    assert len(texts) == 7 and texts[-1] == 'and 3 more'


def test_truth_of_other_classes(copy):
    path = copy / 'evaluate' / 'metrics.json'
    metrics = json.loads(path.read_text())
    metrics['truth'].update(gt_classes=[*CLASSES[::-1], 'more'], gt_other=255)
    write_json(metrics, path)
    label = WeakSegResults(copy).truth('a')
    assert set(np.unique(label)) == {0, len(CLASSES), 255}


def test_half_done_pipelines(copy):
    shutil.rmtree(copy / 'evaluate')
    html, reader, _ = _page(copy)
    assert reader.ids == ['sample', 'how'] and 'Ground truth' not in html and '<span>IoU' not in html
    assert html.count('<figcaption>') == 6  # all of infer
    shutil.rmtree(copy / 'sem_seg')
    (copy / 'walk' / 'masks' / 'a.png').unlink()
    html, _, _ = _page(copy, names=['a', 'Käse 日本'])
    assert html.count('>AffinityNet<') == 1 and '>IRN<' not in html
    for stage in ('cam', 'cam_crf', 'walk', 'ins_seg', 'irn'):
        shutil.rmtree(copy / stage)
    _, reader, _ = _page(copy)
    assert reader.ids == ['sample']
    _, reader, _ = _page(copy, images=0)
    assert reader.ids == []


def test_stored_boundaries_are_shown(copy):
    assert 'Boundary' not in _page(copy, names=['a'])[0]
    folder = copy / 'sem_seg' / 'boundary'
    folder.mkdir()
    Image.fromarray(np.full((10, 15), 51, np.uint8)).save(folder / 'a.png')
    assert WeakSegResults(copy).boundary('a').max() == pytest.approx(0.2)
    assert _page(copy, names=['a'], images=0)[0].count('>Boundary<') == 1


def test_a_photograph_that_is_gone_is_named(copy):
    path = copy / 'images' / 'images.json'
    path.write_text(path.read_text(encoding='utf-8').replace('a.png', 'gone.png'), encoding='utf-8')
    _, _, text = _page(copy, names=['a', 'leer'])
    assert 'gone.png' in text


def test_bad_input_is_named(copy, tmp_path):
    with pytest.raises(FileNotFoundError, match=r'images\.json is not there.*weak_seg\.py'):
        write_report(tmp_path / 'none', tmp_path / 'x.html')
    with pytest.raises(ValueError, match="no image 'nobody'"):
        write_report(copy, tmp_path / 'x.html', names=['nobody'])
    write_label_png(copy / 'walk' / 'masks' / 'a.png', np.zeros((3, 4), np.uint8))
    with pytest.raises(ValueError, match=r"'a' is 40 x 60 pixels, but its AffinityNet 3 x 4"):
        write_report(copy, tmp_path / 'x.html', names=['a'])
    (copy / 'evaluate' / 'metrics.json').write_text('{"half')
    with pytest.raises(ValueError, match=r'metrics\.json is not JSON'):
        write_report(copy, tmp_path / 'x.html')
    assert not (tmp_path / 'x.html').exists()


def test_grid_of_pictures(written, tmp_path):
    path = save_mask_gallery(written, tmp_path / 'sub' / 'grid.png', ['a', 'b', 'leer'], width=90)
    with Image.open(path) as picture:
        picture = np.asarray(picture)
    # seven columns with gaps; photographs of 60, 108 (a portrait, cut down to 1.2 widths) and 60 pixels
    assert picture.shape[1] == 7 * 94 - 4 and picture.shape[0] > 60 + 108 + 60
    assert (picture[30, 45] == 40).all()  # the photograph of a
    few = save_mask_gallery(written, tmp_path / 'few.png', ['a'], width=90, columns=['image', 'sem_seg'])
    with Image.open(few) as picture:
        assert picture.size[0] == 2 * 94 - 4
    with pytest.raises(ValueError, match="columns has 'x'"):
        save_mask_gallery(written, tmp_path / 'few.png', ['a'], columns=['x'])
    with pytest.raises(ValueError, match='names is empty'):
        save_mask_gallery(written, tmp_path / 'few.png', [])
