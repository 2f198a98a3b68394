package sionats

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/gosocketio/sio/core/cluster"
)

// recoveringLink is a link with connection state recovery.
type recoveringLink struct{ *link }

// maxPID is how long a private id may be; ours are much shorter. It comes from clients.
const maxPID = 128

// savedSession is a session in the bucket, as JSON.
type savedSession struct {
	ID    string   `json:"id"`
	Rooms []string `json:"rooms,omitempty"`
	Data  []byte   `json:"data,omitempty"`
}

// key is that of a session in the bucket.
func (l recoveringLink) key(pid string) string { return token(l.namespace) + "." + token(pid) }

// Echoes implements [cluster.Echoer].
func (l recoveringLink) Echoes() bool { return true }

// Save implements [cluster.Recoverer].
func (l recoveringLink) Save(ctx context.Context, s *cluster.Session) error {
	value, err := json.Marshal(savedSession{s.ID, s.Rooms, s.Data})
	if err != nil {
		return fmt.Errorf("sionats: encode session: %w", err)
	}
	return l.ask(ctx, func(ctx context.Context) error {
		_, err := l.conn.log.sessions.Put(ctx, l.key(s.PID), value)
		return err
	})
}

// ask does something with JetStream.
func (l recoveringLink) ask(ctx context.Context, run func(context.Context) error) error {
	if l.isClosed() {
		return cluster.ErrClosed
	}
	if err := l.conn.guard.state(); err != nil {
		return err
	}
	return l.conn.log.guard.do(ctx, run)
}

// Take implements [cluster.Recoverer]. Who deletes the entry has the session.
func (l recoveringLink) Take(ctx context.Context, pid string) (*cluster.Session, error) {
	if pid == "" || len(pid) > maxPID {
		return nil, cluster.ErrUnknownSession
	}
	key := l.key(pid)
	var value []byte
	err := l.ask(ctx, func(ctx context.Context) (err error) {
		sessions := l.conn.log.sessions
		for {
			entry, err := sessions.Get(ctx, key)
			if err != nil {
				return err
			}
			value = entry.Value()
			err = sessions.Delete(ctx, key, jetstream.LastRevision(entry.Revision()))
			if !errors.Is(err, jetstream.ErrKeyRevisionMismatch) {
				return err
			}
			// Somebody has taken it, or saved it anew.
		}
	})
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return nil, cluster.ErrUnknownSession
	}
	if err != nil {
		return nil, err
	}
	var s savedSession
	if err := json.Unmarshal(value, &s); err != nil || s.ID == "" {
		return nil, cluster.ErrUnknownSession
	}
	return &cluster.Session{ID: s.ID, PID: pid, Rooms: s.Rooms, Data: s.Data}, nil
}

// Missed implements [cluster.Recoverer]. It asks nobody, but waits until this node has
// got as far as the client, and as what it has published itself.
func (l recoveringLink) Missed(ctx context.Context, s *cluster.Session, offset string) ([]*cluster.Message, error) {
	epoch, seq, ok := parseOffset(offset)
	if !ok {
		return nil, cluster.ErrUnknownOffset
	}
	limited, cancel := context.WithTimeout(ctx, l.backend.opts.Timeout)
	defer cancel()
	recent := l.member.recent
	recent.wait(limited, max(seq, l.conn.log.latest.Load()))
	if ctx.Err() != nil {
		return nil, fmt.Errorf("sionats: %w", context.Cause(ctx))
	}
	entries, ok := recent.after(epoch, seq)
	if !ok {
		return nil, cluster.ErrUnknownOffset
	}
	var missed []*cluster.Message
	for _, e := range entries {
		if e.m.Namespace == l.namespace && e.m.Selector.Matches(s.Rooms) {
			missed = append(missed, e.m)
		}
	}
	return missed, nil
}

var _ interface {
	cluster.Link
	cluster.Batcher
	cluster.Recoverer
	cluster.Echoer
} = recoveringLink{}
