"""Tests of the MiniVOC generator: determinism, layout, annotation against pixels, refusals."""

import dataclasses
import hashlib
import json
import xml.etree.ElementTree as ET

import cv2
import numpy as np
import pytest
from PIL import Image

from wsod_mm.datasets.minivoc import (
    COMPANION_SPECIES,
    SPECIES,
    MiniVOCConfig,
    generate_companion,
    generate_minivoc,
    load_parts,
)
from wsod_mm.datasets.minivoc.cli import main
from wsod_mm.datasets.minivoc.creatures import BODY, HEAD, paint_creature
from wsod_mm.datasets.minivoc.devkit import voc_palette
from wsod_mm.datasets.minivoc.scene import paint_scene

CONFIG = MiniVOCConfig(seed=3, num_train=10, num_val=4, num_test=4, side_px=(72, 96), num_clutter=(1, 3))


def _digest(root):
    files = sorted(p for p in root.rglob('*') if p.is_file())
    return {str(p.relative_to(root)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def _scenes(config, count=12):
    return [paint_scene(np.random.default_rng([config.seed, 0, i]), config) for i in range(count)]


@pytest.fixture(scope='module')
def devkit(tmp_path_factory):
    root = tmp_path_factory.mktemp('minivoc')
    generate_minivoc(root, CONFIG, workers=1, progress=False)
    return root


def test_files_do_not_depend_on_the_number_of_workers(devkit, tmp_path):
    generate_minivoc(tmp_path / 'two', CONFIG, workers=2, progress=False)
    assert _digest(tmp_path / 'two') == _digest(devkit)


def test_more_pictures_leave_the_earlier_ones_alone(devkit, tmp_path):
    folder = generate_minivoc(tmp_path / 'more', dataclasses.replace(CONFIG, num_train=11), 1, False)
    old = devkit / 'VOC2007' / 'JPEGImages'
    # the 11th training picture moves the numbers of the other splits by one
    for before, after in (
        ('000001', '000001'),
        ('000010', '000010'),
        ('000011', '000012'),
        ('000018', '000019'),
    ):
        assert (folder / 'JPEGImages' / f'{after}.jpg').read_bytes() == (old / f'{before}.jpg').read_bytes()


def test_another_seed_gives_other_pictures():
    one, two = (_scenes(dataclasses.replace(CONFIG, seed=seed), 1)[0] for seed in (3, 4))
    assert one.image.shape != two.image.shape or not np.array_equal(one.image, two.image)


def test_layout(devkit):
    folder = devkit / 'VOC2007'
    sets = {p.stem: p.read_text().split() for p in (folder / 'ImageSets' / 'Main').glob('t*l.txt')}
    read = lambda kind, name: (folder / 'ImageSets' / kind / f'{name}.txt').read_text().split()  # noqa: E731
    assert len(read('Main', 'train')) == 10 and len(read('Main', 'val')) == 4 and len(read('Main', 'test')) == 4
    assert sets['trainval'] == read('Main', 'train') + read('Main', 'val')
    assert read('Segmentation', 'test') == read('Main', 'test')
    everything = sorted(read('Main', 'trainval') + read('Main', 'test'))
    for kind, suffix in (
        ('JPEGImages', 'jpg'),
        ('Annotations', 'xml'),
        ('SegmentationClass', 'png'),
    ):
        assert sorted(p.stem for p in (folder / kind).glob(f'*.{suffix}')) == everything
    assert json.loads((devkit / 'minivoc.json').read_text())['complete'] is True


def test_class_lists_agree_with_the_xml(devkit):
    folder = devkit / 'VOC2007'
    seen = set()
    for species in SPECIES:
        for line in (folder / 'ImageSets' / 'Main' / f'{species.name}_trainval.txt').read_text().splitlines():
            name, state = line.split()
            found = [
                int(o.findtext('difficult'))
                for o in ET.parse(folder / 'Annotations' / f'{name}.xml').iter('object')
                if o.findtext('name') == species.name
            ]
            assert int(state) == (-1 if not found else int(min(found) == 0))
            seen.add(int(state))
    assert {-1, 1} <= seen


def test_xml_is_the_parts_file_counted_from_one(devkit):
    parts = load_parts(devkit)
    for name, objects in parts.items():
        tree = ET.parse(devkit / 'VOC2007' / 'Annotations' / f'{name}.xml')
        image = cv2.imread(str(devkit / 'VOC2007' / 'JPEGImages' / f'{name}.jpg'))
        assert [int(tree.findtext(f'size/{k}')) for k in ('height', 'width', 'depth')] == list(image.shape)
        boxes = [
            [int(o.findtext(f'bndbox/{k}')) for k in ('xmin', 'ymin', 'xmax', 'ymax')] for o in tree.iter('object')
        ]
        assert [[v - 1 for v in box] for box in boxes] == [o['box'] for o in objects]
        for x1, y1, x2, y2 in boxes:
            assert 1 <= x1 <= x2 <= image.shape[1] and 1 <= y1 <= y2 <= image.shape[0]
        for item in objects:
            for key in ('head_box', 'body_box'):
                if item[key] is not None:
                    inner, outer = item[key], item['box']
                    assert (
                        inner[0] >= outer[0] and inner[1] >= outer[1] and inner[2] <= outer[2] and inner[3] <= outer[3]
                    )


def test_masks_use_the_voc_palette(devkit):
    palette = voc_palette()
    assert palette[:15] == [0, 0, 0, 128, 0, 0, 0, 128, 0, 128, 128, 0, 0, 0, 128] and palette[-3:] == [224, 224, 192]
    path = next((devkit / 'VOC2007' / 'SegmentationClass').glob('*.png'))
    mask = Image.open(path)
    assert mask.mode == 'P' and mask.getpalette()[:30] == palette[:30]
    assert set(np.unique(np.asarray(mask))) <= {0, 255, *range(1, len(SPECIES) + 1)}


def test_boxes_agree_with_the_segmentation():
    config = dataclasses.replace(CONFIG, max_extra_objects=0, occluder_prob=0.0)
    for scene in _scenes(config, 6):
        (item,) = scene.objects
        rows, columns = np.nonzero(scene.segmentation)
        found = np.array([columns.min(), rows.min(), columns.max(), rows.max()])
        # the void border lies half inside and half outside
        assert np.abs(found - item.box).max() <= 2
        assert (scene.segmentation == item.label + 1).any() and (scene.segmentation == 255).any()


def test_every_picture_has_a_visible_object_and_some_are_difficult():
    scenes = _scenes(dataclasses.replace(CONFIG, occluder_prob=1.0), 20)
    assert all(any(not o.difficult for o in s.objects) for s in scenes)
    objects = [o for s in scenes for o in s.objects]
    assert any(o.difficult for o in objects) and any(o.occluded for o in objects)
    for item in objects:
        side = min(item.box[2] - item.box[0], item.box[3] - item.box[1]) + 1
        assert item.difficult == (item.visible < CONFIG.difficult_visible or side < CONFIG.difficult_side_px)


def test_occluders_and_truncation_can_be_switched_off():
    config = dataclasses.replace(
        CONFIG, occluder_prob=0.0, truncated_prob=0.0, max_extra_objects=0, main_scale=(0.3, 0.5)
    )
    for item in (o for s in _scenes(config) for o in s.objects):
        assert not item.occluded and not item.truncated and item.visible == 1.0


def test_scale_range_is_obeyed():
    config = dataclasses.replace(CONFIG, main_scale=(0.1, 0.8), max_extra_objects=0, occluder_prob=0, truncated_prob=0)
    ratio = []
    for scene in _scenes(config, 30):
        x1, y1, x2, y2 = scene.objects[0].box
        ratio.append(max(x2 - x1, y2 - y1) / max(scene.image.shape))
    # length is measured from tail to neck; head and tilt add to the box
    assert min(ratio) < 0.25 and max(ratio) > 0.6 and max(ratio) <= 1


def _creature(species=SPECIES[0], head='shown', **dials):
    config = dataclasses.replace(CONFIG, **{'body_hue': 0.5, **dials})
    return paint_creature(np.random.default_rng(5), species, 80.0, config, head)


def test_head_modes():
    shown, hidden, none = (_creature(head=mode) for mode in ('shown', 'hidden', 'none'))
    assert {BODY, HEAD} <= set(np.unique(shown.parts)) and {BODY, HEAD} <= set(np.unique(hidden.parts))
    assert HEAD not in none.parts
    blue = lambda s: (s.colour[..., 0] - s.colour[..., 2])[s.parts == HEAD].mean()  # noqa: E731
    assert blue(shown) > 50 > abs(blue(hidden)) + 10 or blue(shown) > blue(hidden) + 40


def test_body_dials_change_the_body_only_as_named():
    def blueness(sprite):
        """Mean of blue minus red in the half with the head and in the other half of the body."""
        difference = sprite.colour[..., 0] - sprite.colour[..., 2]
        columns = np.arange(difference.shape[1])[None].repeat(len(difference), 0)
        middle = difference.shape[1] / 2
        right = columns[sprite.parts == HEAD].mean() > middle
        near = (columns > middle) == right
        body = sprite.parts == BODY
        return difference[body & near].mean(), difference[body & ~near].mean()

    plain, painted, faded = (blueness(_creature(body_hue=h, body_fade=f)) for h, f in ((0, 0), (1, 0), (1, 1)))
    assert painted[0] > plain[0] + 40 and painted[1] > plain[1] + 40
    assert faded[1] < painted[1] - 30


def test_body_pattern_darkens_the_body_only_where_its_marks_are():
    none, full = (_creature(SPECIES[1], body_pattern=p, body_fade=0) for p in (0, 1))
    body = none.parts == BODY

    def darkened(sprite):
        return (none.colour - sprite.colour).mean(2)[body] > 10

    assert not np.array_equal(none.colour[body], full.colour[body])
    assert np.array_equal(none.colour[none.parts == HEAD], full.colour[none.parts == HEAD])
    assert 0.1 < darkened(full).mean() < 0.9


def test_hue_sharing_moves_the_colour_of_one_family():
    cat, parrot = SPECIES[1], SPECIES[5]
    assert cat.hue == parrot.hue and cat.body != parrot.body

    def redness(species, sharing):
        sprite = _creature(species, hue_sharing=sharing)
        return (sprite.colour[..., 2] - sprite.colour[..., 1])[sprite.parts == HEAD].mean()

    assert redness(cat, 0.0) == redness(cat, 1.0)
    assert redness(parrot, 1.0) > redness(parrot, 0.0) + 20


def test_complete_data_is_left_alone(devkit):
    before = {p: p.stat().st_mtime_ns for p in devkit.rglob('*')}
    generate_minivoc(devkit, CONFIG, 1, False)
    assert before == {p: p.stat().st_mtime_ns for p in devkit.rglob('*')}


def test_interrupted_run_is_finished(devkit, tmp_path, monkeypatch):
    from wsod_mm.datasets.minivoc import generate

    def stop(*arguments):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(generate, 'write_image_sets', stop)
        with pytest.raises(KeyboardInterrupt):
            generate_minivoc(tmp_path, CONFIG, 1, False)
    assert json.loads((tmp_path / 'minivoc.json').read_text())['complete'] is False
    with pytest.raises(FileNotFoundError, match='parts.json'):
        load_parts(tmp_path)
    next((tmp_path / 'VOC2007' / 'JPEGImages').iterdir()).unlink()
    generate_minivoc(tmp_path, CONFIG, 1, False)
    assert _digest(tmp_path) == _digest(devkit)


def test_other_parameters_are_refused(devkit):
    with pytest.raises(FileExistsError, match='body_hue=.* there, 0.25 wanted'):
        generate_minivoc(devkit, dataclasses.replace(CONFIG, body_hue=0.25), 1, False)
    with pytest.raises(FileExistsError, match='kind'):
        generate_companion(devkit, CONFIG, 1, 1, False)


def test_foreign_files_are_refused(tmp_path):
    (tmp_path / 'holiday.txt').write_text('mine')
    with pytest.raises(FileExistsError, match='not empty'):
        generate_minivoc(tmp_path, CONFIG, 1, False)
    (tmp_path / 'minivoc.json').write_text('[]')
    with pytest.raises(FileExistsError, match='not a manifest'):
        generate_minivoc(tmp_path, CONFIG, 1, False)


@pytest.mark.parametrize(
    'change',
    [
        dict(body_hue=1.5),
        dict(occluder_prob=-0.1),
        dict(side_px=(200, 120)),
        dict(side_px=(8, 20)),
        dict(num_train=-1),
        dict(supersample=0),
        dict(main_scale=(0, 0.5)),
        dict(seed=-1),
        dict(hue_sharing=2),
    ],
)
def test_bad_dials_are_named(change):
    with pytest.raises(ValueError, match=next(iter(change))):
        MiniVOCConfig(**change)


def test_impossible_scenes_end_with_an_error():
    config = dataclasses.replace(CONFIG, difficult_side_px=500, side_px=(32, 40))
    with pytest.raises(ValueError, match='difficult_side_px'):
        paint_scene(np.random.default_rng(0), config)


def test_companion_has_other_classes_and_one_folder_each(tmp_path):
    root = generate_companion(tmp_path / 'one', CONFIG, per_class=2, workers=1, progress=False)
    names = {p.name for p in root.iterdir() if p.is_dir()}
    assert names == {s.name for s in COMPANION_SPECIES} and not names & {s.name for s in SPECIES}
    assert all(len(list((root / name).glob('*.jpg'))) == 2 for name in names)
    again = generate_companion(tmp_path / 'two', CONFIG, per_class=2, workers=2, progress=False)
    assert _digest(root) == _digest(again)
    with pytest.raises(ValueError, match='per_class'):
        generate_companion(tmp_path / 'three', CONFIG, per_class=0)


def test_command_line(tmp_path, capsys):
    arguments = [
        '--num-trainval',
        '6',
        '--num-test',
        '2',
        '--side-px',
        '96',
        '100',
        '--workers',
        '1',
        '--quiet',
    ]
    assert main([str(tmp_path / 'a'), *arguments]) == 0
    assert 'VOC2007' in capsys.readouterr().out
    sets = tmp_path / 'a' / 'VOC2007' / 'ImageSets' / 'Main'
    assert [len((sets / f'{s}.txt').read_text().split()) for s in ('train', 'val', 'test')] == [
        4,
        2,
        2,
    ]
    for bad in (['--body-hue', '2'], ['--num-train', '3'], ['--seed', '1']):
        with pytest.raises(SystemExit) as stop:
            main([str(tmp_path / 'a'), *arguments, *bad])
        assert stop.value.code == 2
        assert 'error:' in capsys.readouterr().err
