package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"
)

// TestNodeDies has a node vanish: its clients go to the other one, whose own notice
// nothing.
func TestNodeDies(t *testing.T) {
	eachProxy(t, func(t *testing.T, p *proxy) {
		s := newSite(t, p, config{})
		moving, staying := s.populate(t)
		s.nodes[0].kill()
		s.checkMoved(t, moving, staying)
	})
}

// TestDeploy ends a node as a deployment does, and starts it again.
func TestDeploy(t *testing.T) {
	eachProxy(t, func(t *testing.T, p *proxy) {
		s := newSite(t, p, config{})
		moving, staying := s.populate(t)
		if err := s.nodes[0].stop(); err != nil {
			t.Errorf("the node's end: %v", err)
		}
		s.checkMoved(t, moving, staying)

		s.nodes[0] = startNode(t, config{name: "a"}, s.nodes[0].addr, 0)
		eventually(t, "the node is back, but gets no clients", func() error {
			if who := visit(t, s.plain, "polling").whoami(t); who.Node != "a" {
				return fmt.Errorf("a new client is at node %s", who.Node)
			}
			return nil
		})
		for _, v := range staying {
			v.undisturbed(t)
		}
	})
}

// populate connects clients of each kind until both nodes have some of each kind.
func (s *site) populate(t *testing.T) (atA, atB []*visitor) {
	t.Helper()
	for mode := range modes {
		var a, b bool
		for !a || !b {
			v := visit(t, s.plain, mode)
			if who := v.whoami(t); who.Node == "a" {
				a, atA = true, append(atA, v)
			} else {
				b, atB = true, append(atB, v)
			}
			if len(atA)+len(atB) > 100 {
				t.Fatalf("%d clients at node a, %d at node b", len(atA), len(atB))
			}
		}
	}
	return atA, atB
}

// checkMoved waits until all clients are at node b.
func (s *site) checkMoved(t *testing.T, moving, staying []*visitor) {
	t.Helper()
	for _, v := range moving {
		v.wait(t, "disconnect")
		v.wait(t, "connect")
		if who := v.whoami(t); who.Node != "b" {
			t.Errorf("%s: has moved to node %s", v.name, who.Node)
		}
	}
	for _, v := range staying {
		v.echo(t, "still here")
		v.undisturbed(t)
	}
}

// TestDrain has a node that was told to end and serves on for a while: HAProxy, which
// asks whether nodes are ready, sends new clients to the other one, and those that it
// has stay until the end.
func TestDrain(t *testing.T) {
	s := newSite(t, proxies[1], config{})
	moving, staying := s.populate(t)
	s.nodes[0].draining.Store(true)
	if status := get(t, "http://"+s.nodes[0].addr+"/readyz"); status != http.StatusNotFound {
		t.Errorf("/readyz of a node that drains: status %d", status)
	}
	eventually(t, "a node that is not ready gets clients", func() error {
		for range 4 {
			if who := visit(t, s.plain, "websocket").whoami(t); who.Node != "b" {
				return errors.New("a new client is at node a")
			}
		}
		return nil
	})
	for _, v := range append(moving, staying...) {
		v.echo(t, "still here")
		v.undisturbed(t)
	}
	s.nodes[0].stop()
	s.checkMoved(t, moving, staying)
}

// TestServeDrains has the program itself wait.
func TestServeDrains(t *testing.T) {
	needLoopback(t)
	const drain = 200 * time.Millisecond
	n := startNode(t, config{name: "a"}, nodesHost+":0", drain)
	if status := get(t, "http://"+n.addr+"/readyz"); status != http.StatusOK {
		t.Errorf("/readyz: status %d", status)
	}
	v := visit(t, "http://"+n.addr, "websocket")
	began := time.Now()
	if err := n.stop(); err != nil {
		t.Error(err)
	}
	if took := time.Since(began); took < drain {
		t.Errorf("the node has ended after %v, and was to drain for %v", took, drain)
	}
	v.wait(t, "disconnect")
}

func get(t *testing.T, url string) (status int) {
	t.Helper()
	res, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	io.Copy(io.Discard, res.Body)
	return res.StatusCode
}
