package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/gosocketio/sio/core/client"
)

// crowd is who takes part in the demonstration.
type crowd []*person

// demo shows what a cluster is good for.
func demo(ctx context.Context, c *theCluster, out io.Writer) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	var people crowd
	defer func() { people.leave() }()
	for _, name := range []string{"ann", "bob", "cem"} {
		p, err := newPerson(ctx, c.url(), name)
		if err != nil {
			return err
		}
		people = append(people, p)
		fmt.Fprintf(out, "%s is at %s\n", name, p.node())
	}
	for _, show := range []func(context.Context, *theCluster, io.Writer) error{people.talk, people.update, people.crash} {
		if err := show(ctx, c, out); err != nil {
			return err
		}
	}
	fmt.Fprintln(out)
	return nil
}

func (people crowd) leave() {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for _, p := range people {
		p.socket.Close(ctx)
	}
}

// except returns somebody who is not at a node, so that its end is none of their
// business, if there is anybody.
func (people crowd) except(node string) *person {
	for _, p := range people {
		if p.node() != node {
			return p
		}
	}
	return people[0]
}

// talk shows that what one says is heard at all nodes.
func (people crowd) talk(ctx context.Context, _ *theCluster, out io.Writer) error {
	fmt.Fprintf(out, "\n%s says hello\n", people[0].name)
	if err := people[0].say(ctx, "hello"); err != nil {
		return err
	}
	for _, p := range people {
		if err := p.hears(ctx, out, "hello"); err != nil {
			return err
		}
	}
	n, err := client.Call[int](ctx, people[0].socket, "count", "everybody")
	fmt.Fprintf(out, "%s counts %d people, at all nodes together\n", people[0].node(), n)
	return err
}

// update shows what becomes of a client when its node ends as it should, and another
// takes its place.
func (people crowd) update(ctx context.Context, c *theCluster, out io.Writer) error {
	bob := people[1]
	old, before := c.node(bob.node()), bob.arrivals()
	speaker := people.except(old.name)
	fmt.Fprintf(out, "\n%s, where %s is, is restarted as for an update; %s says what %[2]s misses\n", old.name, bob.name, speaker.name)
	// First of all it is taken out of the load balancer: a client that is at another node
	// already would lose what it asks through this one when it goes.
	c.balancer.remove(old.addr)
	ended := make(chan error, 1)
	go func() { ended <- old.shutDown() }()
	err := speaker.say(ctx, "are you there?")
	if err := errors.Join(err, <-ended, c.restart(ctx, old)); err != nil {
		return err
	}
	return bob.returns(ctx, out, before, "are you there?")
}

// crash shows what becomes of a client whose node is no more from one moment to the
// next.
func (people crowd) crash(ctx context.Context, c *theCluster, out io.Writer) error {
	bob := people[1]
	old, before := c.node(bob.node()), bob.arrivals()
	fmt.Fprintf(out, "\n%s, where %s is now, is killed (kill -9)\n", old.name, bob.name)
	old.kill()
	if err := people.except(old.name).say(ctx, "still there?"); err != nil {
		return err
	}
	if err := bob.returns(ctx, out, before, "still there?"); err != nil {
		return err
	}
	return c.restart(ctx, old)
}

// person is a client, and what it has heard.
type person struct {
	name   string
	socket *client.Socket

	mu      sync.Mutex
	changed chan struct{} // closed and replaced at each change
	at      string        // its node
	count   int           // of nodes that have welcomed it so far
	heard   []said
}

func newPerson(ctx context.Context, url, name string) (*person, error) {
	socket, err := client.New(url, &client.Options{Reconnection: client.Reconnection{Delay: 100 * time.Millisecond}})
	if err != nil {
		return nil, err
	}
	p := &person{name: name, socket: socket, changed: make(chan struct{})}
	client.On(socket, "welcome", func(_ context.Context, node string) error {
		p.update(func() { p.at = node; p.count++ })
		return nil
	})
	client.On(socket, "said", func(_ context.Context, s said) error {
		p.update(func() { p.heard = append(p.heard, s) })
		return nil
	})
	if err = socket.Connect(ctx); err == nil {
		err = p.arrives(ctx, 0)
	}
	if err != nil {
		crowd{p}.leave()
		return nil, err
	}
	return p, nil
}

func (p *person) update(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f()
	close(p.changed)
	p.changed = make(chan struct{})
}

// wait waits until cond, which is called with the mutex held, is true.
func (p *person) wait(ctx context.Context, what string, cond func() bool) error {
	for {
		p.mu.Lock()
		ok, changed := cond(), p.changed
		p.mu.Unlock()
		if ok {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("%s waits for %s: %w", p.name, what, context.Cause(ctx))
		}
	}
}

// arrives waits until nodes have welcomed the client more often than before.
func (p *person) arrives(ctx context.Context, before int) error {
	return p.wait(ctx, "a node", func() bool { return p.count > before })
}

func (p *person) arrivals() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.count
}

// returns waits until the client is back at a node and has heard what was said
// meanwhile.
func (p *person) returns(ctx context.Context, out io.Writer, before int, text string) error {
	if err := p.arrives(ctx, before); err != nil {
		return err
	}
	fmt.Fprintf(out, "%s is at %s, and %s\n", p.name, p.node(), p.outcome())
	if !p.socket.Recovered() {
		return nil
	}
	return p.hears(ctx, out, text)
}

func (p *person) node() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.at
}

func (p *person) outcome() string {
	if p.socket.Recovered() {
		return "is still the same to it: nothing is missed"
	}
	return "is new to it, and knows: what was said meanwhile may be missed"
}

// say says something until a node has acknowledged it: if the node is gone before it
// could, nobody can tell whether it was heard.
func (p *person) say(ctx context.Context, text string) error {
	for {
		before := p.arrivals()
		_, err := client.Call[string](ctx, p.socket, "say", text)
		if err == nil || ctx.Err() != nil {
			return err
		}
		if err := p.arrives(ctx, before); err != nil {
			return err
		}
	}
}

// hears waits until the client has heard a text.
func (p *person) hears(ctx context.Context, out io.Writer, text string) error {
	var from string
	err := p.wait(ctx, fmt.Sprintf("%q", text), func() bool {
		for _, s := range p.heard {
			if s.Text == text {
				from = s.Node
				return true
			}
		}
		return false
	})
	if err == nil {
		fmt.Fprintf(out, "%s, at %s, hears %q from %s\n", p.name, p.node(), text, from)
	}
	return err
}
