#!/bin/sh
# Distil for some minutes on a machine with a GPU that can reach nothing: everything it needs is taken along.
#
#     workshop/distillation/on_gpu.sh PACK OUT [MINUTES] [more settings of python -m workshop.distillation]
#
# PACK     crops, written before by: python -m workshop.distillation.packing pack --crops DIR --to PACK
# OUT      gets densenet121.safetensors, densenet121.json, README.md, run/ with recipe.json and log.csv, and console.log
# MINUTES  of training, 8 if not given; the learning rate reaches zero at their end
#
# WHEELS   a folder of wheels to install beforehand: the teacher's two packages (see `distillation` in
#          pyproject.toml), and what is missing there, such as pydantic, pydantic_core, annotated_types,
#          typing_inspection and platformdirs
# DEVICE   cuda if not given; with cpu everything is the same, only slower
# PRECISION  bf16 if not given
# BATCH    views in a step, 256 if not given: below that a fast GPU waits for the next step
# PYTHON   python3 if not given
# PROGRAM  what is called instead of `python -m workshop.distillation`
set -eu

pack=$1
out=$2
minutes=${3:-8}
shift "$(($# > 3 ? 3 : $#))"
python=${PYTHON:-python3}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$out"
PYTHONPATH=$(cd "$(dirname "$0")/../.." && pwd)${PYTHONPATH:+:$PYTHONPATH}
if [ -n "${WHEELS:-}" ]; then
    "$python" -m pip install -q --no-index --no-deps --no-compile --target "$work/site" "$WHEELS"/*.whl
    PYTHONPATH=$work/site:$PYTHONPATH
fi
export PYTHONPATH PYTHONUNBUFFERED=1

"$python" -m workshop.distillation.packing unpack --from "$pack" --crops "$work/run/crops"
# What was reached so far is exported even if the training ends badly.
status=0
${PROGRAM:-"$python" -m workshop.distillation} --work "$work/run" --fit-minutes "$minutes" --save-minutes 1 \
    --device "${DEVICE:-cuda}" --precision "${PRECISION:-bf16}" --batch-size "${BATCH:-256}" --hold-crops "$@" \
    >"$out/console.log" 2>&1 || status=$?
if [ "$status" -ne 0 ]; then
    ${PROGRAM:-"$python" -m workshop.distillation} --work "$work/run" --export >>"$out/console.log" 2>&1 || true
fi
tail -n 3 "$out/console.log"
for file in "$work"/run/weights/*.safetensors "$work"/run/weights/*.json "$work"/run/weights/README.md; do
    if [ -f "$file" ]; then cp "$file" "$out/"; fi
done
# The records stand beside the weights as everywhere, so that a run that begins with them knows where they come from.
if [ -d "$work/run/weights/run" ]; then cp -r "$work/run/weights/run" "$out/"; fi
exit "$status"
