package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/gosocketio/sio/core/siotest"
)

func TestMain(m *testing.M) {
	if v := os.Getenv(childEnv); v != "" {
		childMain(v)
		return
	}
	siotest.Main(m)
}

// TestSoak runs the program for some seconds.
func TestSoak(t *testing.T) {
	if testing.Short() {
		t.Skip("takes 20 s")
	}
	var out bytes.Buffer
	p := plan{duration: 12 * time.Second, cycle: 2 * time.Second, line: time.Second, recovery: time.Second, size: 0.2}
	findings, err := soak(t.Context(), p, &out)
	if err != nil || len(findings) > 0 {
		t.Errorf("error %v, findings:\n%s", err, strings.Join(findings, "\n"))
	}
	for _, want := range []string{"drained", "drain 1", "no findings"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the report does not say %q", want)
		}
	}
	t.Log(out.String())
}

// TestFindings: what the program is there to find.
func TestFindings(t *testing.T) {
	n := &node{written: map[string]int{}}
	for _, note := range []Note{{"a", 1, false}, {"b", 1, true}, {"b", 1, true}, {"a", 2, false}, {"b", 2, true}, {"a", 2, false}, {"a", 4, false}} {
		n.write(context.Background(), nil, note)
	}
	if got := fmt.Sprint(n.findings); len(n.findings) != 2 || !strings.Contains(got, "note 2 of a came once more") || !strings.Contains(got, "lost") {
		t.Errorf("findings about notes: %q", n.findings)
	}
	s := &soaking{r: newReport()}
	rest := status{Namespaces: namespacesAtRest, Goroutines: 10, Files: 10, Heap: 1 << 20}
	if left := s.left(rest, 5); left != "" {
		t.Errorf("at first: %s", left)
	}
	s.drains, s.own = []status{rest}, []int{5}
	for name, change := range map[string]func(*status){
		"sessions":   func(now *status) { now.Sessions = 1 },
		"OnConnect":  func(now *status) { now.Opened = 1 },
		"namespaces": func(now *status) { now.Namespaces++ },
		"goroutines": func(now *status) { now.Goroutines += spareGoroutines + 1 },
		"files":      func(now *status) { now.Files += spareFiles + 1 },
		"bytes":      func(now *status) { now.Heap += 2*spareHeap + 1 },
	} {
		now := rest
		change(&now)
		if left := s.left(now, 5); !strings.Contains(left, name) {
			t.Errorf("%s: %q", name, left)
		}
	}
	if left := s.left(rest, 5+spareGoroutines+1); !strings.Contains(left, "clients") {
		t.Errorf("goroutines of clients: %q", left)
	}
}
