package cluster

import (
	"context"
	"errors"
	"strconv"
	"strings"
)

var (
	// ErrClosed is returned once a node or a link has been closed.
	ErrClosed = errors.New("cluster: closed")
	// ErrUnknownSession is returned if there is no session to restore.
	ErrUnknownSession = errors.New("cluster: unknown session")
	// ErrUnknownOffset is returned if it cannot be told what a session missed.
	ErrUnknownOffset = errors.New("cluster: unknown offset")
	// ErrQueueFull is returned if a node does not take messages as fast as they are
	// published.
	ErrQueueFull = errors.New("cluster: queue full")
	// ErrNotJoined is returned as long as a node has not reached the bus.
	ErrNotJoined = errors.New("cluster: not joined yet")

	errStale = errors.New("cluster: the bus is slow, the message waited for too long")
)

// MissingError reports that answers are missing. What did arrive comes with it.
type MissingError struct {
	Nodes     []string // names of the nodes that did not answer, as far as they are known; sorted
	NodeCount int      // how many nodes did not answer
	Clients   []string // ids of the sockets that were asked and did not answer, as far as they are known; sorted
	// ClientCount is how many sockets were asked and did not answer. Those of the
	// nodes that did not answer are not among them.
	ClientCount int
	// Err is why it was not waited longer: the error or cause of the context,
	// [context.DeadlineExceeded] after the timeout, [ErrClosed], or the error of
	// the bus. Nil if those who are missing are gone.
	Err error
}

// Error describes what is missing, in the words of the Node.js server where it has
// some.
func (e *MissingError) Error() string {
	var b strings.Builder
	switch {
	case errors.Is(e.Err, context.DeadlineExceeded):
		b.WriteString("timeout reached: ")
	case e.Err != nil:
		b.WriteString(e.Err.Error() + ": ")
	}
	b.WriteString("missing ")
	b.WriteString(strconv.Itoa(e.NodeCount + e.ClientCount))
	b.WriteString(" responses")
	writeNames(&b, "nodes", e.Nodes)
	writeNames(&b, "clients", e.Clients)
	return b.String()
}

// writeNames adds names to a text, but not so many that nobody reads it.
func writeNames(b *strings.Builder, what string, names []string) {
	const most = 8
	if len(names) == 0 {
		return
	}
	b.WriteString(" (" + what + " " + strings.Join(names[:min(len(names), most)], ", "))
	if len(names) > most {
		b.WriteString(", …")
	}
	b.WriteString(")")
}

// Unwrap returns Err.
func (e *MissingError) Unwrap() error { return e.Err }
