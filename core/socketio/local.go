package socketio

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"runtime/debug"
	"sync"

	"github.com/gosocketio/sio/core/cluster"
	"github.com/gosocketio/sio/core/parser"
)

// local is what a namespace does for the other nodes of the cluster.
type local struct{ n *Namespace }

var _ cluster.Local = local{}

// Deliver implements cluster.Local.
func (l local) Deliver(sel cluster.Selector, f cluster.Flags, payload cluster.Payload, offset string) {
	if l.n.server.opts.Recovery == nil {
		offset = ""
	}
	event, args, err := eventArgs(payload)
	if err != nil {
		l.bad(err)
		return
	}
	out, err := l.n.eventOut(payload, f, offset)
	if err != nil {
		l.bad(err)
		return
	}
	l.n.fanOut(sel, out, event, args, offset)
}

func (l local) bad(err error) {
	if l.n.server.logged.due("bus: " + err.Error()) {
		l.n.server.opts.Logger.Warn("socketio: an event of another node could not be sent; reported once a minute for each cause",
			"namespace", l.n.name, "error", err)
	}
}

// remoteQuestion is the pendingAck for an event that another node asks about.
type remoteQuestion struct {
	tell func(client string, args cluster.Payload)
}

func (q remoteQuestion) answer(id string, args parser.Args) {
	if payload, err := payloadOf(args); err == nil {
		q.tell(id, payload)
	}
}

func (q remoteQuestion) fail(error) {}

// DeliverAck implements cluster.Local.
func (l local) DeliverAck(ctx context.Context, sel cluster.Selector, f cluster.Flags, payload cluster.Payload, answer func(string, cluster.Payload)) (clients []string) {
	event, args, err := eventArgs(payload)
	if err != nil {
		l.bad(err)
		return nil
	}
	id := l.n.ackID.Add(1)
	enc, err := l.n.frame(parser.Header{Type: parser.Event, Namespace: l.n.name, ID: id, HasID: true}, payload)
	if err != nil {
		l.bad(err)
		return nil
	}
	out := flags{noCompress: f.NoCompress}.outgoing(enc)
	asked := l.n.selectLocal(sel)
	for _, s := range asked {
		if s.expect(id, remoteQuestion{answer}) != nil {
			continue
		}
		s.sawOutgoing(event, args)
		if !s.deliverInOrder(out) {
			s.forget(id)
			continue
		}
		clients = append(clients, s.id)
	}
	context.AfterFunc(ctx, func() {
		for _, s := range asked {
			s.forget(id)
		}
	})
	return clients
}

// Sockets implements cluster.Local.
func (l local) Sockets(sel cluster.Selector) []cluster.SocketInfo {
	var infos []cluster.SocketInfo
	for _, s := range l.n.selectLocal(sel) {
		handshake, err := json.Marshal(s.Handshake())
		if err != nil {
			l.bad(err)
			continue
		}
		data, _ := s.encodeData() // what cannot be encoded is left out
		infos = append(infos, cluster.SocketInfo{ID: s.id, Handshake: handshake, Rooms: s.Rooms(), Data: data})
	}
	return infos
}

// JoinRooms implements cluster.Local.
func (l local) JoinRooms(sel cluster.Selector, rooms []string) {
	for _, s := range l.n.selectLocal(sel) {
		s.joinQuietly(rooms)
	}
}

// LeaveRooms implements cluster.Local.
func (l local) LeaveRooms(sel cluster.Selector, rooms []string) {
	for _, s := range l.n.selectLocal(sel) {
		s.Leave(rooms...)
	}
}

// Disconnect implements cluster.Local.
func (l local) Disconnect(sel cluster.Selector, closeConn bool) {
	for _, s := range l.n.selectLocal(sel) {
		s.Disconnect(closeConn)
	}
}

// ServerSide implements cluster.Local. The handler runs on a goroutine of its own.
func (l local) ServerSide(payload cluster.Payload, reply func(cluster.Payload)) {
	args, err := decodePayload(payload)
	if err != nil || args.Len() == 0 {
		return
	}
	var event string
	if args.Decode(0, &event) != nil {
		return
	}
	args.Values = args.Values[1:]
	if event == forwardingEvent {
		l.n.server.learnPeer(args, reply)
		return
	}
	h := l.n.serverSideHandler(event)
	if h == nil || !l.n.server.hold() {
		return
	}
	go func() {
		defer l.n.server.letGo()
		l.n.runServerSide(event, h, args, reply)
	}()
}

func (n *Namespace) serverSideHandler(event string) ServerSideHandler {
	if h := n.load().serverSide[event]; h != nil {
		return h
	}
	return n.parentTable().serverSide[event]
}

func (n *Namespace) runServerSide(event string, h ServerSideHandler, args parser.Args, reply func(cluster.Payload)) {
	defer func() {
		if p := recover(); p != nil {
			n.server.opts.Logger.Error("socketio: panic in a server-side handler", "namespace", n.name, "event", event, "panic", p, "stack", string(debug.Stack()))
		}
	}()
	var once sync.Once
	answer := func(values ...any) error {
		payload, err := encodeValues(values...)
		if err != nil || reply == nil {
			return err
		}
		err = ErrAlreadyReplied
		once.Do(func() { reply(payload); err = nil })
		return err
	}
	h(context.Background(), args, answer)
}

// reservedServerSide are the names that servers use themselves, in other languages
// or in this.
var reservedServerSide = map[string]bool{"connect": true, "connection": true, "new_namespace": true, forwardingEvent: true}

// HandleServerSide registers a handler for what other nodes of the cluster send
// by ServerSideEmit and ServerSideCallAll. It runs on a goroutine of its own. It
// panics if the event has a handler already, or a reserved name.
func (r *connectRegistry) HandleServerSide(event string, h ServerSideHandler) {
	if reservedServerSide[event] {
		panic(fmt.Sprintf("socketio: %q is a reserved event name", event))
	}
	mustNotBeNil(h == nil, "HandleServerSide")
	r.change(func(t *table) {
		if t.serverSide[event] != nil {
			panic(fmt.Sprintf("socketio: server-side event %q has a handler already", event))
		}
		handlers := maps.Clone(t.serverSide)
		if handlers == nil {
			handlers = make(map[string]ServerSideHandler, 1)
		}
		handlers[event] = h
		t.serverSide = handlers
	})
}

// ServerSideEmit sends an event to the servers of the other nodes of the cluster,
// not to clients. It does not block. It returns an error if the name is reserved or
// the arguments cannot be encoded, and those errors of Broadcaster.Emit that concern
// the bus.
func (n *Namespace) ServerSideEmit(event string, args ...any) error {
	payload, node, err := n.serverSide(event, args)
	if err != nil || node == nil {
		return err
	}
	return node.Post(&cluster.Message{Type: cluster.ServerSideEmit, Payload: payload})
}

func (n *Namespace) serverSide(event string, args []any) (cluster.Payload, *cluster.Node, error) {
	if reservedServerSide[event] {
		return cluster.Payload{}, nil, fmt.Errorf("socketio: %q is a reserved event name", event)
	}
	payload, err := encodePayload(event, args)
	return payload, n.cluster(), err
}

// ServerSideCallAll sends an event to the servers of the other nodes and yields
// the first value of their answers as they come. It ends when all nodes have
// answered, or ctx has ended; if answers are missing then, the last value is a
// [*MissingError]. The iteration must not be repeated.
func ServerSideCallAll[R any](ctx context.Context, n *Namespace, event string, args ...any) iter.Seq2[R, error] {
	return func(yield func(R, error) bool) {
		var result R
		payload, node, err := n.serverSide(event, args)
		if err != nil {
			yield(result, err)
			return
		}
		if node == nil {
			return
		}
		call := node.ServerSideCall(ctx, payload)
		defer call.Close()
		for _, answer := range call.Answers() {
			var result R
			args, err := decodePayload(answer)
			if err == nil {
				err = args.DecodeOne(&result)
			}
			if !yield(result, err) {
				return
			}
		}
		if err := call.Err(); err != nil {
			yield(result, missing(err))
		}
	}
}
