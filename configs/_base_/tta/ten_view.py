# Ten views (5 scales x flip) whose scores of the same proposals are averaged; used with
# tools/test.py --tta.
tta_model = dict(type='WeakTTAModel')

# proposals are filtered before the views are made, so that every view holds the same ones
tta_pipeline = [
    dict(type='LoadWeakImage'),
    dict(type='LoadWeakProposals'),
    # CASD's public code caps the long side at 1000, where 864 and 1200 give the same image for most
    # of VOC
    dict(type='TestTimeAug', transforms=[
        [dict(type='ProposalBroadcaster', transforms=[
            dict(type='InclusiveRandomFlip', prob=prob)])
            for prob in (0.0, 1.0)],
        [dict(type='ProposalBroadcaster', transforms=[
            dict(type='ShortSideResize', short_sides=side, max_size=2000)])
            for side in (480, 576, 688, 864, 1200)],
        [dict(type='PackWeakInputs')]])]
