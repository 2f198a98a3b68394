//go:build linux

package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"slices"
	"sort"
	"strings"
)

// probeRef is the probe's processor time, in us, to which processor costs are
// scaled: a cost measured while the probe took 11 us counts 10/11 of itself.
// A fixed number, so that results of different days can be put side by side.
const probeRef = 10.0

var titles = map[string][2]string{
	"echo_ack":       {"echo_ack: event answered by an ack, closed loop", "message"},
	"echo_ack_w1":    {"echo_ack_w1: as echo_ack, one message in flight per client", "message"},
	"echo_event":     {"echo_event: event answered by an event, closed loop", "message"},
	"echo_binary":    {"echo_binary: 4 KiB attachment there and back, closed loop", "message"},
	"echo_ack_paced": {"echo_ack_paced: open loop, fixed rate; latency from when each message was due", "message"},
	"fanout":         {"fanout: one publisher, everyone in the room", "delivery"},
	"connect":        {"connect: WebSocket handshake, namespace connect, close", "connection"},
	"connect_upgrade": {"connect_upgrade: polling handshake, upgrade to WebSocket, one ack, close",
		"connection"},
	"polling_echo": {"polling_echo: ack round trips over HTTP long-polling", "message"},
	"idle":         {"idle: memory of idle WebSocket connections", "connection"},
}

type series struct{ rs []result }

func (s *series) of(f func(*result) float64) (med, lo, hi float64) {
	var v []float64
	for i := range s.rs {
		v = append(v, f(&s.rs[i]))
	}
	if len(v) == 0 {
		return
	}
	return median(v), slices.Min(v), slices.Max(v)
}

// idlePercent is for runs with -hold; the others do not know it.
func (s *series) idlePercent() string {
	held := &series{}
	for _, r := range s.rs {
		if r.HoldS > 0 {
			held.rs = append(held.rs, r)
		}
	}
	if len(held.rs) == 0 {
		return "–"
	}
	m, _, _ := held.of(func(r *result) float64 { return r.IdlePercent })
	return num(m)
}

func scaled(r *result) float64 {
	if r.ProbeUs > 0 {
		return r.CPUus * probeRef / r.ProbeUs
	}
	return r.CPUus
}

func report(args []string) {
	fs := flag.NewFlagSet("report", flag.ExitOnError)
	base := fs.String("base", "node", "server that ratios are given against")
	limit := fs.String("limit", "raw-gorilla", "server that is the limit line")
	noise := fs.Float64("max-noise", 1, "leave out runs during which more cores than this went elsewhere, where a quieter run of the same is there")
	fs.Parse(args)
	if fs.NArg() == 0 {
		die("usage: sioload report [-base NAME] [-limit NAME] RESULTS.jsonl ...")
	}
	var order []string                          // servers, as first seen
	var scens []string                          // scenario keys, as first seen
	all := map[string]map[string]*series{}      // scenario -> server -> passed runs
	failed := map[string]map[string][]*result{} // scenario -> server -> failed runs
	total := 0
	for _, name := range fs.Args() {
		f, err := os.Open(name)
		if err != nil {
			die("%v", err)
		}
		sc := bufio.NewScanner(f)
		sc.Buffer(nil, 1<<20)
		for sc.Scan() {
			var r result
			if json.Unmarshal(sc.Bytes(), &r) != nil || r.Scenario == "" {
				continue
			}
			total++
			key := r.Scenario
			if _, ok := titles[key]; !ok {
				titles[key] = [2]string{key, "operation"}
			}
			if key == "idle" {
				key = fmt.Sprintf("idle %d", r.Clients)
			}
			if !slices.Contains(order, r.Server) {
				order = append(order, r.Server)
			}
			if !slices.Contains(scens, key) {
				scens = append(scens, key)
				all[key] = map[string]*series{}
				failed[key] = map[string][]*result{}
			}
			if r.Pass {
				if all[key][r.Server] == nil {
					all[key][r.Server] = &series{}
				}
				all[key][r.Server].rs = append(all[key][r.Server].rs, r)
			} else {
				failed[key][r.Server] = append(failed[key][r.Server], &r)
			}
		}
		f.Close()
	}
	sortScens(scens)
	dropped := 0
	for _, k := range scens {
		for _, s := range all[k] {
			kept := slices.DeleteFunc(slices.Clone(s.rs), func(r result) bool { return r.OtherCores+r.StealCores > *noise })
			if len(kept) > 0 {
				dropped += len(s.rs) - len(kept)
				s.rs = kept
			}
		}
	}

	isIdle := func(k string) bool { return strings.HasPrefix(k, "idle") }
	main := func(k string, s *series) (float64, float64, float64) {
		if isIdle(k) {
			return s.of(func(r *result) float64 { return r.RSSPerConn })
		}
		return s.of(scaled)
	}

	fmt.Printf("## Summary\n\nServer processor time per operation in µs (user + system, scaled to probe = %.0f µs), idle: RSS in KiB per connection. Medians; in brackets the ratio to `%s`. Lower is better; **bold** is the best server that is a Socket.IO implementation (not `raw-*`).\n\n", probeRef, *limit)
	fmt.Print("| server |")
	for _, k := range scens {
		fmt.Printf(" %s |", k)
	}
	fmt.Print("\n|---|")
	for range scens {
		fmt.Print("--:|")
	}
	fmt.Println()
	best := map[string]float64{}
	for _, k := range scens {
		for srv, s := range all[k] {
			if m, _, _ := main(k, s); !strings.HasPrefix(srv, "raw-") && len(failed[k][srv]) <= len(s.rs) {
				if b, ok := best[k]; !ok || m < b {
					best[k] = m
				}
			}
		}
	}
	for _, srv := range order {
		fmt.Printf("| %s |", srv)
		for _, k := range scens {
			s := all[k][srv]
			if s == nil {
				if len(failed[k][srv]) > 0 {
					fmt.Print(" failed |")
				} else {
					fmt.Print(" – |")
				}
				continue
			}
			m, _, _ := main(k, s)
			cell := num(m)
			if m == best[k] {
				cell = "**" + cell + "**"
			}
			if l := all[k][*limit]; l != nil {
				lm, _, _ := main(k, l)
				cell += fmt.Sprintf(" (%s×)", num(m/lm))
			}
			if len(failed[k][srv]) > 0 {
				cell += " !"
			}
			fmt.Printf(" %s |", cell)
		}
		fmt.Println()
	}
	fmt.Println()

	for _, k := range scens {
		t := titles[strings.Fields(k)[0]]
		fmt.Printf("## %s\n\n", strings.Replace(t[0], strings.Fields(k)[0], k, 1))
		if isIdle(k) {
			fmt.Printf("| server | RSS KiB/conn | spread | PSS KiB/conn | × %s | × %s | RSS before → after, MiB | CPU µs to open one | opened/s | idle, %% of a core | runs |\n|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n", *base, *limit)
		} else {
			fmt.Printf("| server | CPU µs/%s | spread | unscaled | user : sys | × %s | × %s | %ss/s | spread | p50 ms | p99 ms | server cores | generator busy | RSS MiB | runs |\n|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n", t[1], *base, *limit, plural(t[1]))
		}
		ratio := func(m float64, name string) string {
			if s := all[k][name]; s != nil {
				b, _, _ := main(k, s)
				return fmt.Sprintf("%.2f", m/b)
			}
			return "–"
		}
		for _, srv := range order {
			s := all[k][srv]
			if s == nil {
				continue
			}
			m, lo, hi := main(k, s)
			runs := fmt.Sprint(len(s.rs))
			if n := len(failed[k][srv]); n > 0 {
				runs += fmt.Sprintf(" (+%d failed)", n)
			}
			per, plo, phi := s.of(func(r *result) float64 { return r.PerS })
			cpu, _, _ := s.of(scaled)
			if isIdle(k) {
				pss, _, _ := s.of(func(r *result) float64 { return r.PSSPerConn })
				b, _, _ := s.of(func(r *result) float64 { return r.RSSBefore / 1024 })
				a, _, _ := s.of(func(r *result) float64 { return r.RSSAfter / 1024 })
				fmt.Printf("| %s | %.1f | %.1f–%.1f | %.1f | %s | %s | %.0f → %.0f | %s | %.0f | %s | %s |\n", srv, m, lo, hi, pss, ratio(m, *base), ratio(m, *limit), b, a, num(cpu), per, s.idlePercent(), runs)
				continue
			}
			raw, _, _ := s.of(func(r *result) float64 { return r.CPUus })
			usr, _, _ := s.of(func(r *result) float64 { return 100 * r.UserUs / max(r.CPUus, 1e-9) })
			p50, _, _ := s.of(func(r *result) float64 { return r.P50us / 1e3 })
			p99, _, _ := s.of(func(r *result) float64 { return r.P99us / 1e3 })
			cores, _, _ := s.of(func(r *result) float64 { return r.ServerUtil })
			busy, _, _ := s.of(func(r *result) float64 { return r.GenBusy })
			rss, _, _ := s.of(func(r *result) float64 { return r.RSSAfter / 1024 })
			bound := ""
			for i := range s.rs {
				if s.rs[i].GenBound {
					bound = " (bound)"
				}
			}
			fmt.Printf("| %s | %s | %s–%s | %s | %.0f : %.0f | %s | %s | %s | %s–%s | %s | %s | %.2f | %.2f%s | %.0f | %s |\n",
				srv, num(m), num(lo), num(hi), num(raw), usr, 100-usr, ratio(m, *base), ratio(m, *limit),
				big(per), big(plo), big(phi), num(p50), num(p99), cores, busy, bound, rss, runs)
		}
		var names []string
		for srv := range failed[k] {
			names = append(names, srv)
		}
		sort.Strings(names)
		for _, srv := range names {
			r := failed[k][srv][0]
			text := "no text"
			if len(r.ErrorTexts) > 0 {
				text = strings.ReplaceAll(r.ErrorTexts[0], "|", "/")
			}
			fmt.Printf("\n`%s` failed %d time(s): %d errors, the first: %s", srv, len(failed[k][srv]), r.Errors, text)
		}
		if len(names) > 0 {
			fmt.Println()
		}
		fmt.Println()
	}

	var other, probe []float64
	for _, k := range scens {
		for _, s := range all[k] {
			for i := range s.rs {
				other = append(other, s.rs[i].OtherCores+s.rs[i].StealCores)
				if s.rs[i].ProbeUs > 0 {
					probe = append(probe, s.rs[i].ProbeUs)
				}
			}
		}
	}
	if len(other) > 0 {
		slices.Sort(other)
		fmt.Printf("%d runs, %d of them left out as too noisy. Processor time that went to other programs and other machines on the host meanwhile: median %.2f cores, highest %.2f.", total, dropped, median(other), other[len(other)-1])
	}
	if len(probe) > 0 {
		slices.Sort(probe)
		fmt.Printf(" Probe (the machine's momentary speed): median %.2f µs, %.2f–%.2f.", median(probe), probe[0], probe[len(probe)-1])
	}
	fmt.Println()
}

func sortScens(k []string) {
	rank := func(s string) int {
		f := strings.Fields(s)
		for i, n := range []string{"echo_ack", "echo_ack_w1", "echo_ack_paced", "echo_event", "echo_binary", "fanout", "polling_echo", "connect", "connect_upgrade", "idle"} {
			if f[0] == n {
				r := i * 1000000
				if len(f) > 1 {
					var c int
					fmt.Sscan(f[1], &c)
					r += c
				}
				return r
			}
		}
		return 1 << 30
	}
	sort.SliceStable(k, func(i, j int) bool { return rank(k[i]) < rank(k[j]) })
}

func plural(s string) string { return strings.TrimSuffix(strings.Replace(s+"s", "ys", "ies", 1), "s") }

// num prints three significant digits.
func num(v float64) string {
	switch {
	case v >= 100:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.2f", v)
}

// big prints a rate.
func big(v float64) string {
	if v >= 10000 {
		return fmt.Sprintf("%.1fk", v/1000)
	}
	return fmt.Sprintf("%.0f", v)
}
