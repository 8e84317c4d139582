# PCL (caffe): 50k solver steps of two images whose gradients are summed, lr / 10 after 40k. MMEngine counts every image
# as an iteration, hence the doubled numbers.
_base_ = ['oicr_70k.py']
train_cfg = dict(max_iters=100000)
