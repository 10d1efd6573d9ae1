#!/usr/bin/env bash
# Runs the tests beside two busy loops, to show that none depends on how fast the machine is. Prints, for each run, how
# it ended and the processor time of its processes, without that of the loops; ends with 1 if a run failed.
# Usage: scripts/suite_under_load.sh [RUNS [PYTEST ARGUMENTS …]]   (by default: 5, -n 2)
set -uo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
runs=${1:-5}
arguments=("${@:2}")
[ ${#arguments[@]} -gt 0 ] || arguments=(-n 2)

loops=()
stop() { kill "${loops[@]}" 2>/dev/null; }
trap stop EXIT
for _ in 1 2; do
  (while :; do :; done) &
  loops+=($!)
done

failed=0
said=$(mktemp)
TIMEFORMAT="%U %S"
for run in $(seq "$runs"); do
  spent=$( { time pytest -q "${arguments[@]}" >"$said" 2>&1; echo "$?" >"$said.code"; } 2>&1 )
  code=$(<"$said.code")
  [ "$code" -eq 0 ] || { failed=1; grep -E "^(FAILED|ERROR)" "$said"; }
  minutes=$(awk '{ printf "%.1f", ($1 + $2) / 60 }' <<<"$spent")
  echo "run $run: exit $code, $minutes processor minutes: $(tail -n 1 "$said")"
done
rm -f "$said" "$said.code"
exit "$failed"
