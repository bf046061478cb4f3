#!/usr/bin/env bash
# All figures of docs/gpu.md on one GPU:   bash benchmarks/gpu_figures.sh OUT [study]
# In the folder OUT each has a log, and a JSON file with its repeats. The most wanted comes first and none takes more
# than its time, so that whoever has ten minutes has most of them. `study`: the CARN study at its full length alone.
# PYTHON is the interpreter (default: python3).
set -uo pipefail
out=${1:?bash benchmarks/gpu_figures.sh OUT [study]}
python=${PYTHON:-python3}
mkdir -p "$out"
export PYTHONDONTWRITEBYTECODE=1

take() { # NAME SECONDS WORD …
  local name=$1 seconds=$2 began=$SECONDS
  timeout --kill-after=10 "$seconds" "$python" -m "${@:3}" > "$out/$name.log" 2>&1
  echo "$name: status $?, $((SECONDS - began)) s"
  tail -n 4 "$out/$name.log"
}

figure() { # NAME SECONDS BENCHMARK WORD …
  take "$1" "$2" "benchmarks.$3" --json "$out/$1.json" "${@:4}"
}

if [ "${2:-}" = study ]; then
  take study 1200 srbench -m sweep=carn_study "runs_dir=$out/runs" "reports_dir=$out/reports"
  exit
fi
take tests 170 pytest -m gpu -o filterwarnings= -p no:cacheprovider
figure main 60 startup --repeats 1 main
figure large 100 gpu mdrn_64_96 safmn_64_128 mesrgan_16_128
figure evaluation 50 gpu evaluation
figure at_once_16 50 gpu mossnet_16_128 --runs 16
figure at_once_8 50 gpu carn_16_64 --runs 8
figure start 60 startup --repeats 2 grid run
figure small 90 gpu carn_16_64 carn_m_16_128 mossnet_16_128 fsrcnn_16_64
figure compiled 60 gpu carn_16_64 --compile
