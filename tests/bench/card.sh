#!/bin/sh
# All that only an NVIDIA card can show, in one go: correctness first, then the benchmarks, each with its figures in OUT.
#
#     sh tests/bench/card.sh OUT [STYLEGAN] [BENDING]
#
# STYLEGAN is a checkout of stylegan2-ada-pytorch or stylegan3 (its own operators need nvcc and ninja), BENDING one of
# network-bending (needs OpenCV); without them those comparisons are left out. PYTHON chooses the interpreter. One step
# that fails does not stop the next; the last lines say what became of each. About eight minutes.
set -u
out=${1:?say where the figures go}
stylegan=${2:-}
bending=${3:-}
python=${PYTHON:-.venv/bin/python}
mkdir -p "$out"
: > "$out/summary.txt"

step() { # name, seconds, command of python
    name=$1 limit=$2
    shift 2
    echo "== $name"
    timeout "$limit" "$python" "$@" > "$out/$name.txt" 2>&1
    echo "$name: exit $?" >> "$out/summary.txt"
    tail -n 25 "$out/$name.txt"
}

bench() { # name, seconds, arguments of perform bench
    name=$1 limit=$2
    shift 2
    step "$name" "$limit" -m perform.cli bench "$@" --device cuda --json "$out/$name.json"
}

step tests 120 -m pytest -q -x tests/models/test_forms_cuda.py tests/models/test_captured.py tests/models/test_fused.py
step model 60 -c "from pathlib import Path; from perform.bench.load import config_f; print(config_f(Path('$out')))"
full="$out/config-f-1024.safetensors"
if [ -n "$stylegan" ]; then
    bench against-stylegan2-1024 150 generator --against "$stylegan" --widths 32768/512 --resolution 1024 --seconds 30
    bench against-stylegan2-256 90 generator --against "$stylegan" --widths 4096/128,16384/512 --resolution 256 --seconds 20
fi
bench texture 40 texture --seconds 9
bench blend 60 blend --model "$full" --seconds 12
bench bend 60 bend --model "$full" --seconds 30
if [ -n "$bending" ]; then bench against-network-bending 90 bend --against "$bending"; fi
bench decode 40 decode --model "$full" --seconds 10
bench rewrite 40 rewrite --model "$full" --seconds 10
bench load 60 load --size 1920x1080
bench show 60 show --model "$full" --size 1920x1080 --seconds 15
rm -f "$full"
cat "$out/summary.txt"
