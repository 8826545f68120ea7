set -eu
run=$1 span=$2 end=$3 limit=$4
shift 4
while [ "$1" != -- ]; do
  # Only what was changed: a run as the document says needs no new compilation.
  [ "$2" = "$3" ] || set -- "$@" --set "$1=$2"
  shift 3
done
shift
[ -z "$span" ] || set -- "$@" --span "$span"
[ -z "$end" ] || set -- "$@" --interval-end "$end"
# Kubeflow's documents have no time limit for a task.
exec ${limit:+timeout --kill-after=60 "$limit"} penstock node --run-id "$run" "$@"
