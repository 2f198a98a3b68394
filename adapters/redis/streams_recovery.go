package sioredis

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/redis/go-redis/v9"

	"github.com/gosocketio/sio/core/cluster"
)

const (
	// maxPIDLength bounds the keys that clients can have looked up.
	maxPIDLength = 128
	// missedPage is how many entries are read at a time.
	missedPage = 1000
	// maxMissedBytes bounds what one client can have read into memory. A client that
	// missed more is not recovered.
	maxMissedBytes = 64 << 20
)

// wireSession is a session as it is kept, in msgpack and base64.
type wireSession struct {
	SID   string          `json:"sid"`
	PID   string          `json:"pid"`
	Rooms roomList        `json:"rooms"`
	Data  json.RawMessage `json:"data"`
}

func encodeSession(s *cluster.Session) (string, error) {
	text := appendString([]byte(`{"sid":`), s.ID)
	text = appendString(append(text, `,"pid":`...), s.PID)
	text = appendStrings(append(text, `,"rooms":`...), s.Rooms)
	text = appendObject(append(text, `,"data":`...), s.Data)
	packed, err := appendMsgpack(nil, append(text, '}'), nil)
	return base64.StdEncoding.EncodeToString(packed), err
}

// decodeSession reads a session. Binary values in its data become null: sessions
// have JSON.
func decodeSession(text string) (*cluster.Session, error) {
	packed, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, err
	}
	unpacked, _, err := msgpackToJSON(packed)
	if err != nil {
		return nil, err
	}
	var w wireSession
	if err := json.Unmarshal(unpacked, &w); err != nil {
		return nil, err
	}
	return &cluster.Session{ID: w.SID, PID: w.PID, Rooms: w.Rooms, Data: w.Data}, nil
}

// Save implements [cluster.Recoverer].
func (l *streamsLink) Save(ctx context.Context, s *cluster.Session) error {
	value, err := encodeSession(s)
	if err != nil {
		return fmt.Errorf("sioredis: encode session: %w", err)
	}
	return l.guard.do(ctx, func(ctx context.Context) error {
		return l.guard.client.Set(ctx, l.b.opts.SessionKeyPrefix+s.PID, value, l.b.opts.MaxDisconnection).Err()
	})
}

// Take implements [cluster.Recoverer].
func (l *streamsLink) Take(ctx context.Context, pid string) (*cluster.Session, error) {
	if pid == "" || len(pid) > maxPIDLength {
		return nil, cluster.ErrUnknownSession
	}
	key := l.b.opts.SessionKeyPrefix + pid
	var value string
	err := l.guard.do(ctx, func(ctx context.Context) error {
		// A transaction, since GETDEL came with Redis 6.2.
		var got *redis.StringCmd
		_, err := l.guard.client.TxPipelined(ctx, func(p redis.Pipeliner) error {
			got = p.Get(ctx, key)
			p.Del(ctx, key)
			return nil
		})
		value = got.Val()
		return err
	})
	if errors.Is(err, redis.Nil) {
		return nil, cluster.ErrUnknownSession
	}
	if err != nil {
		return nil, err
	}
	s, err := decodeSession(value)
	if err != nil || s.PID != pid || s.ID == "" {
		return nil, cluster.ErrUnknownSession
	}
	return s, nil
}

// Missed implements [cluster.Recoverer].
func (l *streamsLink) Missed(ctx context.Context, s *cluster.Session, offset string) ([]*cluster.Message, error) {
	from, ok := parseEntryID(offset)
	if !ok {
		return nil, cluster.ErrUnknownOffset
	}
	missed, pages, size := []*cluster.Message(nil), 0, 0
	for next := from; ; pages++ {
		entries, err := l.entries(ctx, next)
		if err != nil {
			return nil, err
		}
		if pages == 0 {
			if len(entries) == 0 || entries[0].ID != offset {
				return nil, cluster.ErrUnknownOffset
			}
			entries = entries[1:]
		}
		for i := range entries {
			if m := l.missedBy(s, &entries[i]); m != nil {
				missed = append(missed, m)
				size += sizeOf(m)
			}
		}
		if size > maxMissedBytes {
			return nil, cluster.ErrUnknownOffset
		}
		if len(entries) < missedPage-1 {
			break
		}
		last, _ := parseEntryID(entries[len(entries)-1].ID)
		next = last.next()
	}
	if pages > 0 && !l.kept(ctx, offset) {
		return nil, cluster.ErrUnknownOffset // the stream may have been trimmed meanwhile
	}
	ctx, cancel := context.WithTimeout(ctx, l.hub.timeout)
	defer cancel()
	if err := l.reader.reach(ctx, from); err != nil {
		return nil, fmt.Errorf("sioredis: this node lags behind: %w", err)
	}
	return missed, nil
}

// sizeOf is what a message takes in memory, about.
func sizeOf(m *cluster.Message) int {
	n := len(m.Payload.JSON)
	for _, a := range m.Payload.Attachments {
		n += len(a)
	}
	return n
}

// entries returns the entries from an id on.
func (l *streamsLink) entries(ctx context.Context, from entryID) (entries []redis.XMessage, err error) {
	err = l.guard.do(ctx, func(ctx context.Context) (err error) {
		entries, err = l.guard.client.XRangeN(ctx, l.stream, from.String(), "+", missedPage).Result()
		return err
	})
	return entries, err
}

// kept reports whether there is an entry with an id.
func (l *streamsLink) kept(ctx context.Context, id string) bool {
	var entries []redis.XMessage
	err := l.guard.do(ctx, func(ctx context.Context) (err error) {
		entries, err = l.guard.client.XRangeN(ctx, l.stream, id, id, 1).Result()
		return err
	})
	return err == nil && len(entries) == 1
}

// missedBy returns the message of an entry if it was for a session, and is to be
// replayed.
func (l *streamsLink) missedBy(s *cluster.Session, e *redis.XMessage) *cluster.Message {
	if e.Values["nsp"] != l.namespace || e.Values["type"] != broadcastType {
		return nil
	}
	m, err := decodeEntry(e)
	if err != nil || !m.Recoverable() || !m.Selector.Matches(s.Rooms) {
		return nil
	}
	return m
}

// broadcastType is the type of the entries of events.
const broadcastType = "3"

var _ interface {
	cluster.Link
	cluster.Batcher
	cluster.Counter
	cluster.Recoverer
	cluster.Echoer
} = (*streamsLink)(nil)
