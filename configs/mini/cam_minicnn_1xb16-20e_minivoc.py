# CAM on MiniVOC: images with one class, MaxBoxAccV2 and PxAP
_base_ = [
    '../_base_/models/cam_minicnn.py', '../_base_/datasets/minivoc_wsol.py', '../_base_/schedules/wsol_mini_20e.py',
    '../_base_/default_runtime.py'
]
