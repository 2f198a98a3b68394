package socketio

import (
	"context"

	"github.com/gosocketio/sio/core/engineio"
	"github.com/gosocketio/sio/core/parser"
)

// Layers returns what the layers below get of the options.
func (o *Options) Layers() (*engineio.Options, *parser.JSON) { return o.engine(), o.parser() }

// Keyring is what session ids and forwarded requests are tagged with.
type Keyring = keyring

// NewKeyring returns a keyring with a secret.
func NewKeyring(secret string) Keyring { return keyring{[]byte(secret)} }

// Owner stands for a node.
func (k Keyring) Owner(node string) owner { return k.owner(node) }

// Tag returns the id of a session of a node.
func (k Keyring) Tag(id string, o owner) string { return k.tag(id, o) }

// OwnerOf returns whose a session is.
func (k Keyring) OwnerOf(sid string) (owner, bool) { return k.ownerOf(sid) }

// SealHop returns what says that a request was forwarded.
func (k Keyring) SealHop(to owner, sid, remote string) string { return k.sealHop(to, sid, remote) }

// OpenHop is the opposite.
func (k Keyring) OpenHop(value, sid string) (owner, string, bool) { return k.openHop(value, sid) }

// ForwardHeader is the header that carries it.
const ForwardHeader = forwardHeader

// Sequence is what keeps events in order that wait for the bus.
type Sequence = sequence

// MaxSteps is how many steps wait, at most.
const MaxSteps = maxSteps

// Do runs f in its turn.
func (q *Sequence) Do(f func()) { q.do(f) }

// Reserve takes a place and returns what fills it.
func (q *Sequence) Reserve() (fill func(func())) { return q.reserve().fill }

// Wait waits for all that waits.
func (q *Sequence) Wait(ctx context.Context) { q.wait(ctx) }

// RoomCount returns how many rooms the sockets of this node are in, besides their own.
func (n *Namespace) RoomCount() int { return n.index.Size() }
