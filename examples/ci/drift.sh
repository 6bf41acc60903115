#!/bin/sh
# Do files and rows agree? `drift.sh TABLE` asks again when a host does not answer, and leaves drift.json.
set -eu
table=${1:?which table of recon.toml?}

for pause in ${PAUSES_S:-10 60 300} last; do
  status=0
  recon check "$table" --json > drift.json || status=$?
  case $status in 11 | 13) [ "$pause" = last ] || { sleep "$pause"; continue; } ;; esac
  break
done

case $status in
  0) echo "$table: files and rows agree" ;;
  4) echo "$table: files and rows differ, see drift.json" >&2 ;;
  5) echo "$table: many are gone at once, see drift.json" >&2 ;;
  11 | 13) echo "$table: busy or not reachable, nothing is known" >&2 ;;
  *) echo "$table: the check failed ($status)" >&2 ;;
esac
exit "$status"
