//go:build linux

// Command sioload loads a Socket.IO v5 / Engine.IO v4 server and says what it
// cost the server.
//
//	sioload run -url http://127.0.0.1:3000 -pid 1234 -scenario echo_ack
//	sioload report results.jsonl
//	sioload quiet    (wait until nothing else uses the processors)
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"net"
	"net/url"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const scenarioNames = "echo_ack echo_event echo_binary fanout connect connect_upgrade polling_echo idle"

func main() {
	if len(os.Args) > 1 && os.Args[1] == "report" {
		report(os.Args[2:])
		return
	}
	if len(os.Args) > 1 && os.Args[1] == "quiet" {
		quiet(os.Args[2:])
		return
	}
	args := os.Args[1:]
	if len(args) > 0 && args[0] == "run" {
		args = args[1:]
	}
	fs := flag.NewFlagSet("sioload", flag.ExitOnError)
	var (
		rawURL   = fs.String("url", "http://127.0.0.1:3000", "the server, on a loopback address")
		pid      = fs.Int("pid", 0, "the server's process id (its children are counted too)")
		scen     = fs.String("scenario", "echo_ack", "comma-separated, or all: "+scenarioNames)
		name     = fs.String("name", "server", "name of the server in the output")
		label    = fs.String("label", "", "name of the scenario in the output (default: its own)")
		roundNo  = fs.Int("round", 0, "round number in the output")
		warm     = fs.Duration("warmup", 2*time.Second, "load before the measured time")
		dur      = fs.Duration("duration", 8*time.Second, "measured time")
		n        = fs.Int("n", 0, "clients (default: the scenario's own)")
		w        = fs.Int("window", 0, "messages (echo) or publishes (fanout) in flight")
		conc     = fs.Int("concurrency", 32, "connections under way at once (connect, connect_upgrade, idle)")
		rate     = fs.Float64("rate", 0, "open loop: messages (echo) or publishes (fanout) a second; latency from when each was due")
		settle   = fs.Duration("settle", 10*time.Second, "idle: least time to settle")
		hold     = fs.Duration("hold", 0, "idle: also measure CPU for this long")
		sample   = fs.Duration("sample", 0, "also look at the server's RSS this often in the measured time, and say how it grows")
		srcs     = fs.Int("sources", 64, "loopback source addresses to spread the connections over (0: leave it to the kernel)")
		spin     = fs.Bool("spin", false, "never sleep in epoll (steadier where the generator has a core of its own)")
		wait     = fs.Duration("wait", 10*time.Second, "wait this long for the server to listen")
		probeCPU = fs.Int("probe-cpu", -1, "watch the momentary speed of this processor (the server's) during the measured time")
		openMax  = fs.Duration("open-limit", 90*time.Second, "longest time for opening all connections")
	)
	fs.Parse(args)

	u, err := url.Parse(*rawURL)
	if err != nil || u.Scheme != "http" {
		die("bad -url: want http://ADDRESS:PORT")
	}
	ip := net.ParseIP(u.Hostname()).To4()
	port, _ := strconv.Atoi(u.Port())
	if ip == nil || ip[0] != 127 || port == 0 {
		die("-url must name an address in 127.0.0.0/8 and a port")
	}
	var lim syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &lim) == nil && lim.Cur < lim.Max {
		lim.Cur = lim.Max
		syscall.Setrlimit(syscall.RLIMIT_NOFILE, &lim)
		syscall.Getrlimit(syscall.RLIMIT_NOFILE, &lim)
	}
	if !listening(u.Host, *wait) {
		die("nothing listens on %s", u.Host)
	}
	debug.SetGCPercent(400)
	runtime.GOMAXPROCS(max(4, runtime.GOMAXPROCS(0))) // the event loop never gives its own up
	runtime.LockOSThread()

	list := *scen
	if list == "all" {
		list = strings.ReplaceAll(scenarioNames, " ", ",")
	}
	failed := false
	for _, sc := range strings.Split(list, ",") {
		lp, err := newLoop([4]byte(ip), port, u.Host, *srcs, *spin)
		if err != nil {
			die("%v", err)
		}
		g := &gen{lp: lp, pid: *pid, warm: *warm, dur: *dur, openLimit: *openMax, rate: *rate}
		g.memory.every = *sample
		r := &g.res
		r.Scenario, r.Server, r.Round = sc, *name, *roundNo
		r.Time = time.Now().UTC().Format(time.RFC3339)
		if *rate > 0 {
			r.Scenario += "_paced"
			r.Rate = *rate
		}
		if *label != "" {
			r.Scenario = *label
		}
		pick := func(v, def int) int {
			if v > 0 {
				return v
			}
			return def
		}
		g.before()
		g.probeCPU = *probeCPU
		switch sc {
		case "echo_ack", "echo_event", "echo_binary":
			e := &echoScen{g: g, n: pick(*n, 100), w: pick(*w, 8)}
			e.kind = map[string]int{"echo_ack": ekAck, "echo_event": ekEvent, "echo_binary": ekBinary}[sc]
			r.Clients, r.Window, r.Unit = e.n, e.w, "messages"
			e.run()
		case "fanout":
			f := &fanoutScen{g: g, n: pick(*n, 1000), w: pick(*w, 4)}
			r.Clients, r.Window, r.Unit = f.n, f.w, "deliveries"
			f.run()
		case "connect", "connect_upgrade":
			s := &connectScen{g: g, conc: *conc, upgrade: sc == "connect_upgrade"}
			r.Clients, r.Unit = s.conc, "connections"
			s.run()
		case "polling_echo":
			s := &pollScen{g: g, n: pick(*n, 50)}
			r.Clients, r.Window, r.Unit = s.n, 1, "messages"
			s.run()
		case "idle":
			s := &idleScen{g: g, n: pick(*n, 5000), conc: *conc, settle: *settle, hold: *hold}
			for _, l := range []int{int(lim.Cur), fdLimitOf(*pid)} {
				if *pid == 0 && l > 1<<29 {
					continue
				}
				if s.n > l-200 {
					r.Note += fmt.Sprintf("%d asked for, open files are limited to %d; ", s.n, l)
					s.n = l - 200
				}
			}
			r.Clients = s.n
			s.run()
		default:
			die("no scenario %q; there are: %s", sc, scenarioNames)
		}
		r.Pass = r.Errors == 0
		if !r.Pass {
			failed = true
		}
		b, _ := json.Marshal(r)
		fmt.Println(string(b))
		for _, c := range lp.conns {
			c.kill()
		}
		syscall.Close(lp.ep)
	}
	if failed {
		os.Exit(1)
	}
}

func listening(host string, d time.Duration) bool {
	end := time.Now().Add(d)
	for {
		c, err := net.DialTimeout("tcp", host, time.Second)
		if err == nil {
			c.Close()
			return true
		}
		if time.Now().After(end) {
			return false
		}
		time.Sleep(30 * time.Millisecond)
	}
}
