#!/usr/bin/env bash
# What a server is like in the long run: whether its memory stays flat under a
# steady load, and what silent connections cost it.
#
#   ./steady.sh [options]
#     -a NAME=COMMAND   the server (sio=bin/sio); PORT is set for it
#     -m DUR            measured time of the steady load (10m; 0: leave it out)
#     -n N  -R RATE     its connections and messages a second (1000, 4000)
#     -i N              idle connections (20000; 0: leave them out)
#     -H DUR            how long they are watched (5m: a dozen heartbeats)
#     -o DIR            where results go (results-steady)
#
# Environment: SERVER_CPU=0 GEN_CPU=1 PORT=23999. Needs a limit of open files above
# the number of idle connections.
set -u
here=$(cd "$(dirname "$0")" && pwd)
cd "$here"

name=sio cmd=bin/sio flat=10m conns=1000 rate=4000 idle=20000 hold=5m out=results-steady
while getopts "a:m:n:R:i:H:o:h" opt; do
  case $opt in
    a) name=${OPTARG%%=*} cmd=${OPTARG#*=} ;; m) flat=$OPTARG ;; n) conns=$OPTARG ;; R) rate=$OPTARG ;;
    i) idle=$OPTARG ;; H) hold=$OPTARG ;; o) out=$OPTARG ;;
    h) sed -n '2,/^set -u/p' "$0" | sed '$d; s/^# \{0,1\}//'; exit 0 ;;
    *) exit 2 ;;
  esac
done
SERVER_CPU=${SERVER_CPU:-0} GEN_CPU=${GEN_CPU:-1} PORT=${PORT:-23999}
export PORT
mkdir -p "$out" bin
ulimit -n "$(ulimit -Hn)" 2>/dev/null
ulimit -n 50000 2>/dev/null || true
go build -o bin/sioload ./loadgen && go build -o bin/sio ./servers/sio || exit 1

on_server="" on_gen=""
if [ "$(nproc)" -ge 2 ]; then
  on_server="taskset -c $SERVER_CPU" on_gen="taskset -c $GEN_CPU"
fi

pid=""
stop() {
  [ -n "$pid" ] || return 0
  kill "$pid" 2>/dev/null
  wait "$pid" 2>/dev/null
  pid=""
}
trap stop EXIT
trap 'exit 130' INT TERM

run() { # ARGS of sioload: one run against a fresh server
  (exec $on_server bash -c "exec $cmd") >"$out/$name.log" 2>&1 &
  pid=$!
  $on_gen bin/sioload run -url "http://127.0.0.1:$PORT" -pid "$pid" -name "$name" "$@" >"$out/line"
  local failed=$?
  stop
  cat "$out/line" >>"$out/results.jsonl"
  sed -n 's/.*"scenario":"\([^"]*\)".*"note":"\([^"]*\)".*/\1: \2/p' "$out/line"
  return $failed
}

status=0
: >"$out/results.jsonl"
if [ "$flat" != 0 ]; then
  run -scenario echo_ack -n "$conns" -rate "$rate" -warmup 30s -duration "$flat" -sample 2s || status=1
fi
if [ "$idle" -gt 0 ]; then
  run -scenario idle -n "$idle" -settle 30s -hold "$hold" || status=1
fi
rm -f "$out/line"
bin/sioload report "$out/results.jsonl" >"$out/table.md"
exit $status
