// Command soak has a server serve for a long time, under all that networks and clients can
// do to it, and looks for what is lost, doubled or left over:
//
//	go run ./examples/soak -minutes 30
//
// The server is a process of its own. Its clients are
//
//   - writers on good lines, which must never be disconnected, and whose notes are handled
//     exactly once and in order;
//   - writers on bad lines, behind a proxy that cuts, resets, stalls, slows down and
//     forgets connections: they send each note until it is acknowledged, and it is handled
//     at least once and in order;
//   - visitors, which come, are refused in one namespace, write in another, and leave;
//   - storms of connections that are reset while they are being made;
//   - attackers, which flood, send garbage, open sessions and stay silent, do not read.
//
// All writers read the news that the server broadcasts to rooms: without a gap and none
// twice, for as long as their session lives or is recovered. Every few minutes all clients
// leave, and the server must be as it was when they left for the first time: no sessions,
// and as many goroutines, open files and bytes as then.
//
// What should not be is a finding: it is printed at the end, and the exit status is 1.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"time"
)

var quiet = slog.New(slog.DiscardHandler)

func main() {
	if v := os.Getenv(childEnv); v != "" {
		childMain(v)
		return
	}
	minutes := flag.Float64("minutes", 1, "how long to run, in `minutes`")
	cycle := flag.Duration("drain", 0, "`time` between two drains; by default a sixth of all, but at most 5 min")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	duration := time.Duration(*minutes * float64(time.Minute))
	if *cycle <= 0 {
		*cycle = min(duration/6, 5*time.Minute)
	}
	findings, err := soak(ctx, plan{duration: duration, cycle: *cycle, line: 10 * time.Second, recovery: 10 * time.Second, size: 1}, os.Stdout)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	if err != nil || len(findings) > 0 {
		os.Exit(1)
	}
}

// childMain is the process of the server.
func childMain(recovery string) {
	signal.Ignore(os.Interrupt) // it is the parent's
	d, err := time.ParseDuration(recovery)
	if err == nil {
		err = serve(d, os.Stdin, os.Stdout)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// plan says how long it takes, and how much is going on.
type plan struct {
	duration time.Duration
	cycle    time.Duration // from one drain to the next
	line     time.Duration // between two lines of the report
	recovery time.Duration // how long clients may be away
	size     float64       // 1 is what a core can do
}

// soak runs a server and its clients, and returns the findings.
func soak(ctx context.Context, p plan, out io.Writer) ([]string, error) {
	server, err := startChild(p.recovery)
	if err != nil {
		return nil, err
	}
	s := &soaking{plan: p, server: server, r: newReport(), out: out}
	last, err := s.run(ctx)
	cpu := server.end()
	s.take(last)
	s.r.table(out, last, s.drains, cpu)
	return s.r.found(), err
}
