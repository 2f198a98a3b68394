package main

import (
	"strings"
	"testing"
	"time"
)

// TestClients has clients of each kind, over both ports.
func TestClients(t *testing.T) {
	eachProxy(t, func(t *testing.T, p *proxy) {
		s := newSite(t, p, config{})
		for _, url := range []string{s.plain, s.tls} {
			for mode := range modes {
				v := visit(t, url, mode)
				who := v.whoami(t)
				if want := address.IP.String(); who.Address != want {
					t.Errorf("%s, %s: the node sees address %s, want %s (C-31)", url, mode, who.Address, want)
				}
				v.echo(t, "hello")
				v.echo(t, strings.Repeat("long ", 100_000)) // longer than what proxies buffer in memory
				v.undisturbed(t)
			}
		}
	})
}

// TestSticky has more polling clients than could stay with their nodes by chance.
func TestSticky(t *testing.T) {
	eachProxy(t, func(t *testing.T, p *proxy) {
		s := newSite(t, p, config{})
		nodes := make(map[string]int)
		for range 8 {
			v := visit(t, s.plain, "polling")
			first := v.whoami(t)
			for range 10 {
				if who := v.whoami(t); who != first {
					t.Fatalf("node %v answers to a client of node %v", who, first)
				}
			}
			v.undisturbed(t)
			nodes[first.Node]++
		}
		if len(nodes) != 2 {
			t.Errorf("clients of the nodes: %v, want some for both", nodes)
		}
	})
}

// TestIdle has clients that say nothing for longer than the proxy would let them, but
// for the pings. That the proxy would cut them shows in a site without.
func TestIdle(t *testing.T) {
	if testing.Short() {
		t.Skip("takes ten seconds")
	}
	eachProxy(t, func(t *testing.T, p *proxy) {
		t.Run("pings", func(t *testing.T) {
			t.Parallel()
			s := newSite(t, p, config{pingInterval: idleLimit / 3})
			var visitors []*visitor
			for mode := range modes {
				visitors = append(visitors, visit(t, s.plain, mode), visit(t, s.tls, mode))
			}
			time.Sleep(10 * time.Second) // what is to be survived
			for _, v := range visitors {
				v.echo(t, "still here")
				v.undisturbed(t)
			}
		})
		t.Run("none", func(t *testing.T) {
			t.Parallel()
			s := newSite(t, p, config{pingInterval: time.Hour})
			var visitors []*visitor
			for mode := range modes {
				visitors = append(visitors, visit(t, s.plain, mode))
			}
			for _, v := range visitors {
				v.wait(t, "disconnect")
			}
		})
	})
}

// TestPollsAreNotHeldBack asks and answers over polling: what a client waits for comes
// in a poll that is open meanwhile.
func TestPollsAreNotHeldBack(t *testing.T) {
	eachProxy(t, func(t *testing.T, p *proxy) {
		const rounds = 50
		s := newSite(t, p, config{})
		v := visit(t, s.plain, "polling")
		began := time.Now()
		for range rounds {
			v.echo(t, "x")
		}
		t.Logf("%v per question and answer", time.Since(began)/rounds)
		v.undisturbed(t)
	})
}
