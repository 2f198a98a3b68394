#!/usr/bin/env bash
# Builds the load generator and the contract servers, runs every scenario
# against every server ROUNDS times, the servers taking turns, and prints a
# markdown table of medians.
#
#   ./run.sh [options]
#     -r N              rounds (3)
#     -s "A B"          scenarios (all; see below)
#     -S "X Y"          servers (all in servers.conf and added ones)
#     -a NAME=COMMAND   add a server (may be repeated); PORT is set for it
#     -f FILE           servers from FILE instead of servers.conf
#     -o DIR            where results go (results)
#     -d DUR  -w DUR    measured time (8s) and warm-up (2s)
#     -i N              connections in the idle scenario (5000)
#     -I N              also an idle run with N connections in the first round (0: none)
#     -q                quick look: 1 round, 2s measured, 1s warm-up, 1000 idle
#     -n                do not build
#     -u                do not pin; default: server on SERVER_CPU, generator on GEN_CPU
#
# Environment: SERVER_CPU=0 GEN_CPU=1 PORT_BASE=23100 MAX_NOISE=0.2 RETRIES=2
# QUIET_LIMIT=45s PACED_RATE=4000 PACED_N=1000 UPGRADE_CONC=128.
# Before each run the script waits until both processors are really free (at
# most QUIET_LIMIT); a run during which other programs and other machines on
# the host (steal) took more than MAX_NOISE cores is repeated, up to RETRIES
# times, and the quietest one is kept (the others go to noisy.jsonl).
set -u
here=$(cd "$(dirname "$0")" && pwd)
cd "$here"

rounds=3 scenarios="echo_ack echo_ack_w1 echo_ack_paced echo_event echo_binary fanout polling_echo connect connect_upgrade idle"
only="" file=servers.conf out=results dur=8s warm=2s idle=5000 bigidle=0 build=1 pin=1
settle=10s added=()
while getopts "r:s:S:a:f:o:d:w:i:I:qnuh" opt; do
  case $opt in
    r) rounds=$OPTARG ;; s) scenarios=$OPTARG ;; S) only=$OPTARG ;;
    a) added+=("$OPTARG") ;; f) file=$OPTARG ;; o) out=$OPTARG ;;
    d) dur=$OPTARG ;; w) warm=$OPTARG ;; i) idle=$OPTARG ;; I) bigidle=$OPTARG ;;
    q) rounds=1 dur=2s warm=1s idle=1000 settle=3s ;;
    n) build=0 ;; u) pin=0 ;;
    h) sed -n '2,/^set -u/p' "$0" | sed '$d; s/^# \{0,1\}//'; exit 0 ;;
    *) exit 2 ;;
  esac
done
SERVER_CPU=${SERVER_CPU:-0} GEN_CPU=${GEN_CPU:-1} PORT_BASE=${PORT_BASE:-23100}
MAX_NOISE=${MAX_NOISE:-0.2} RETRIES=${RETRIES:-2} QUIET_LIMIT=${QUIET_LIMIT:-45s}
PACED_RATE=${PACED_RATE:-4000} PACED_N=${PACED_N:-1000} UPGRADE_CONC=${UPGRADE_CONC:-128}
mkdir -p "$out" "$out/logs" bin
ulimit -n "$(ulimit -Hn)" 2>/dev/null
ulimit -n 50000 2>/dev/null || true

if [ $build = 1 ]; then
  echo "building" >&2
  go build -o bin/sioload ./loadgen && go build -o bin/sio ./servers/sio || exit 1
  # The peers are modules of their own: what they require is none of this project's business.
  (cd servers/limits && GOWORK=off go build -o ../../bin/ ./cmd/...) || exit 1
  (cd servers/go-zishang && GOWORK=off go build -o ../../bin/go-zishang .) || echo "go-zishang did not build" >&2
  (cd servers/node && [ -d node_modules ] || npm ci --no-audit --no-fund >/dev/null 2>&1) || echo "npm ci failed in servers/node" >&2
  (cd servers/bun && { [ -d node_modules ] || npm ci --no-audit --no-fund >/dev/null 2>&1; }
   b=node_modules/bun/bin/bun.exe # npm may have left out bun's own install step, which only puts its program in place
   [ "$(stat -Lc %s "$b" 2>/dev/null || echo 0)" -gt 1000000 ] || (cd node_modules/bun && node install.js) >/dev/null 2>&1) || echo "bun is not there; skipped" >&2
  /usr/bin/python3 -c 'import socketio, aiohttp, uvloop' 2>/dev/null ||
    echo "for the python server: apt-get install python3-socketio python3-aiohttp python3-uvloop" >&2
fi

names=() cmds=()
add() { # NAME=COMMAND
  local name=${1%%=*} cmd=${1#*=} opt=0
  case $name in *'?') name=${name%'?'} opt=1 ;; esac
  if [ -n "$only" ]; then case " $only " in *" $name "*) ;; *) return ;; esac; fi
  if [ $opt = 1 ]; then
    case $name in
      python) /usr/bin/python3 -c 'import socketio, aiohttp, uvloop' 2>/dev/null || { echo "skipping $name" >&2; return; } ;;
      *) "${cmd%% *}" --version >/dev/null 2>&1 || { echo "skipping $name" >&2; return; } ;;
    esac
  fi
  names+=("$name") cmds+=("$cmd")
}
while IFS= read -r line; do
  case $line in '' | '#'*) ;; *) add "$line" ;; esac
done <"$file"
for a in ${added[@]+"${added[@]}"}; do
  case $a in *=*) add "$a" ;; *) echo "-a wants NAME=COMMAND" >&2; exit 2 ;; esac
done
[ ${#names[@]} -gt 0 ] || { echo "no servers" >&2; exit 2; }

on_server="" on_gen="" probe="-probe-cpu $SERVER_CPU"
if [ $pin = 1 ] && [ "$(nproc)" -ge 2 ]; then
  on_server="taskset -c $SERVER_CPU" on_gen="taskset -c $GEN_CPU"
fi

pid=""
stop() {
  [ -n "$pid" ] || return 0
  kill "$pid" 2>/dev/null
  for _ in $(seq 60); do kill -0 "$pid" 2>/dev/null || break; sleep 0.05; done
  kill -KILL "$pid" 2>/dev/null
  wait "$pid" 2>/dev/null
  pid=""
}
trap stop EXIT
trap 'exit 130' INT TERM

turn=0
once() { # NAME COMMAND SCENARIO ROUND [ARGS] -> one JSON line on stdout
  local name=$1 cmd=$2 scen=$3 round=$4 args=$5 port label=$3
  case $args in *-rate*) label=${scen}_paced ;; *-label*) label=${args##*-label } ;; esac
  bin/sioload quiet -cpus "$SERVER_CPU,$GEN_CPU" -limit "$QUIET_LIMIT" 2>>"$out/logs/sioload.log"
  turn=$((turn + 1))
  port=$((PORT_BASE + turn % 2000))
  (export PORT=$port; exec $on_server bash -c "exec $cmd") >"$out/logs/$name.log" 2>&1 &
  pid=$!
  timeout 420 $on_gen bin/sioload run -url "http://127.0.0.1:$port" -pid "$pid" -name "$name" -scenario "$scen" \
    -round "$round" -wait 20s -warmup "$warm" -duration "$dur" $probe $args >"$out/line" 2>>"$out/logs/sioload.log"
  stop
  [ -s "$out/line" ] || printf '{"scenario":"%s","server":"%s","round":%d,"other_cores":9,"pass":false,"errors":1,"error_texts":["no result: the server did not start, or the run took too long"]}\n' "$label" "$name" "$round" >"$out/line"
}
field() { sed -n "s/.*\"$1\":\([0-9.a-z]*\).*/\1/p"; }

run() { # NAME COMMAND SCENARIO ROUND ARGS
  local try best="" bo="" o
  for try in $(seq 0 "$RETRIES"); do
    once "$@"
    o=$(awk "BEGIN{print $(field other_cores <"$out/line")+0 + $(field steal_cores <"$out/line")+0}" 2>/dev/null); o=${o:-9}
    if [ -z "$best" ] || awk "BEGIN{exit !($o < $bo)}"; then
      [ -z "$best" ] || echo "$best" >>"$out/noisy.jsonl"
      best=$(cat "$out/line") bo=$o
    else
      cat "$out/line" >>"$out/noisy.jsonl"
    fi
    awk "BEGIN{exit !($bo > $MAX_NOISE)}" || break
  done
  echo "$best" >>"$out/results.jsonl"
  printf '%s  round %s  %-16s %-12s cpu %s us  %s/s  p50 %s us  noise %s  probe %s  pass %s\n' "$(date +%T)" "$4" "$(echo "$best" | sed -n 's/.*"scenario":"\([^"]*\)".*/\1/p')" "$1" \
    "$(echo "$best" | field cpu_us_per_op)" "$(echo "$best" | field per_s)" "$(echo "$best" | field p50_us)" "$bo" \
    "$(echo "$best" | field probe_us)" "$(echo "$best" | field pass)" >&2
}

: >"$out/results.jsonl"
: >"$out/noisy.jsonl"
for round in $(seq "$rounds"); do
  for scen in $scenarios; do
    for i in "${!names[@]}"; do
      case $scen in
        echo_ack_w1) run "${names[i]}" "${cmds[i]}" echo_ack "$round" "-window 1 -label echo_ack_w1" ;;
        echo_ack_paced) run "${names[i]}" "${cmds[i]}" echo_ack "$round" "-n $PACED_N -rate $PACED_RATE" ;;
        # connecting is slow enough that a JIT needs longer to warm up; and the
        # official server answers the last poll on a 100 ms timer, so 32 slots
        # would leave it idle most of the time in connect_upgrade
        connect_upgrade) run "${names[i]}" "${cmds[i]}" "$scen" "$round" "-concurrency $UPGRADE_CONC -warmup 6s" ;;
        connect) run "${names[i]}" "${cmds[i]}" "$scen" "$round" "-warmup 6s" ;;
        idle) run "${names[i]}" "${cmds[i]}" idle "$round" "-n $idle -settle $settle"
          if [ "$bigidle" -gt 0 ] && [ "$round" = 1 ]; then
            run "${names[i]}" "${cmds[i]}" idle "$round" "-n $bigidle -settle $settle"
          fi ;;
        *) run "${names[i]}" "${cmds[i]}" "$scen" "$round" "" ;;
      esac
    done
  done
done
rm -f "$out/line"
bin/sioload report "$out/results.jsonl" | tee "$out/table.md"
