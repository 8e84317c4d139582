#!/usr/bin/env bash
# MI-AOD in the background on one GPU, as the script.sh of the public code: tools/miaod.sh GPU_ID [options].
# Options go to tools/active_learning.py, for instance --resume. Log: log_nohup/nohup_GPU_ID.log in the current folder.
# Environment: PORT (default 30000 + 100 x GPU_ID), CONFIG, PYTHON.
set -e
if [ $# -lt 1 ] || ! [[ $1 =~ ^[0-9]+$ ]]; then
    echo "usage: $0 GPU_ID [options of tools/active_learning.py]" >&2
    exit 2
fi
ID=$((10#$1))
HERE=$(cd "$(dirname "$0")" && pwd)
CONFIG=${CONFIG:-$HERE/../configs/mi_aod/miaod_retinanet-r50-fpn_1xb2-13e_voc0712.py}
PORT=${PORT:-$((30000 + 100 * ID))}
LOG=log_nohup/nohup_$ID.log

mkdir -p log_nohup
rm -f "$LOG"
CUDA_VISIBLE_DEVICES=$ID PYTHONPATH="$HERE/..${PYTHONPATH:+:$PYTHONPATH}" \
    nohup "${PYTHON:-python}" -m torch.distributed.run --nproc_per_node=1 --master_port="$PORT" \
    "$HERE/active_learning.py" "$CONFIG" --launcher pytorch "${@:2}" >"$LOG" 2>&1 </dev/null &
echo "GPU $ID, port $PORT, process $!: tail -f $LOG"
