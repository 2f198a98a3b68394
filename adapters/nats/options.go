package sionats

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/gosocketio/sio/adapters/nats/internal/wire"
)

// ErrUnavailable is what methods fail with while NATS cannot be reached or does not
// answer.
var ErrUnavailable = errors.New("NATS is not reachable")

// ErrTooLarge is what a message fails with that has more than 64 MiB.
var ErrTooLarge = wire.ErrTooLarge

// ErrSlow is what OnError is told when messages had to be dropped, since they came
// faster than the node handled them.
var ErrSlow = errors.New("messages come faster than they are handled, some are lost")

// Options configure a [Backend] and an [Emitter]. The zero value of each field stands
// for its default. All nodes and emitters of a cluster must have the same Prefix, and
// all or none have Recovery.
type Options struct {
	// Prefix begins the subjects: one or more tokens of NATS, with dots between them
	// and without wildcards and blanks. [New] panics if it is none. Default: "sio".
	Prefix string
	// Timeout is how long NATS may take to answer, and to accept a connection. After it
	// did not, all fails at once with [ErrUnavailable] until it does. Default: 2 s.
	Timeout time.Duration
	// PendingMessages and PendingBytes are how many messages may wait for a node, in
	// all its namespaces; beyond, they are dropped and OnError is told [ErrSlow].
	// What JetStream delivers is not dropped, but waits there. Default: 65,536 and
	// 64 MiB.
	PendingMessages, PendingBytes int
	// Recovery turns on connection state recovery across nodes, by JetStream. Default:
	// off.
	Recovery *Recovery
	// OnError is told what no method can return: that NATS is away, messages that are
	// dropped, and messages that cannot be read. It must not block. Default: log a
	// warning.
	OnError func(error)
}

// Recovery are the options of connection state recovery. The zero value of each field
// stands for its default. The stream and the bucket are made when a node joins that
// does not find them; otherwise they are used as they are, whatever the fields say
// that describe them.
type Recovery struct {
	// Stream is the name of the stream that events are kept in. Default: the Prefix,
	// with dashes for its dots.
	Stream string
	// Bucket is the name of the key-value bucket that sessions are kept in. Default:
	// that of the stream, followed by "-sessions".
	Bucket string
	// MaxAge is how long events and sessions are kept; it should be the
	// MaxDisconnection of socketio.Recovery. Default: 2 minutes.
	MaxAge time.Duration
	// MaxMessages and MaxBytes are how much the stream keeps, and each node in memory,
	// over all namespaces. A client that was away for longer than they reach back is
	// not recovered. Default: 100,000 and 64 MiB.
	MaxMessages, MaxBytes int
	// Storage is where the stream and the bucket are. What is in memory is lost when
	// NATS restarts, and clients that were away then are not recovered. Default: files.
	Storage jetstream.StorageType
	// Replicas is on how many servers of a NATS cluster they are: 1 to 5. Default: 1.
	Replicas int
}

func (o *Options) withDefaults() Options {
	var opts Options
	if o != nil {
		opts = *o
	}
	orDefault(&opts.Prefix, "sio")
	if !validPrefix(opts.Prefix) {
		panic(fmt.Sprintf("sionats: %q cannot begin a subject", opts.Prefix))
	}
	orDefault(&opts.Timeout, 2*time.Second)
	orDefault(&opts.PendingMessages, 1<<16)
	orDefault(&opts.PendingBytes, 64<<20)
	if opts.OnError == nil {
		opts.OnError = func(err error) { slog.Default().Warn(err.Error()) }
	}
	if opts.Recovery != nil {
		r := opts.Recovery.withDefaults(opts.Prefix)
		opts.Recovery = &r
	}
	return opts
}

func (r Recovery) withDefaults(prefix string) Recovery {
	orDefault(&r.Stream, strings.ReplaceAll(prefix, ".", "-"))
	orDefault(&r.Bucket, r.Stream+"-sessions")
	orDefault(&r.MaxAge, 2*time.Minute)
	orDefault(&r.MaxMessages, 100_000)
	orDefault(&r.MaxBytes, 64<<20)
	orDefault(&r.Replicas, 1)
	return r
}

// orDefault sets an option that is not set.
func orDefault[T ~int | ~int64 | ~string](v *T, def T) {
	var zero T
	if *v <= zero {
		*v = def
	}
}
