package main

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/gin-gonic/gin"

	siogin "github.com/gosocketio/sio/adapters/gin"
	"github.com/gosocketio/sio/core/socketio"
)

// recoverable is how long a page may be away and still get the events that it
// missed. After that it asks for the messages that it missed.
const recoverable = 2 * time.Minute

// Values of a socket. A page that comes back in time gets them back.
var (
	userKey = socketio.NewKey[string]("user")
	roomKey = socketio.NewKey[string]("room") // the one that is open
)

// inRoom, ofUser and ofSession name the Socket.IO rooms: who looks at a chat room,
// all devices of a user, all windows of a browser. Only the server puts sockets into them.
func inRoom(room string) string  { return "room:" + room }
func ofUser(user string) string  { return "user:" + user }
func ofSession(id string) string { return "session:" + id }

// chat joins the sockets, the store and who is where.
type chat struct {
	sio     *socketio.Server
	store   *store
	present crowd

	// publishing is held from the storing of a message to its sending, which
	// only appends to queues, so that messages are sent in the order of their numbers.
	publishing sync.Mutex
}

func newChat(store *store) *chat {
	sio := socketio.NewServer(&socketio.Options{
		Recovery: &socketio.Recovery{
			MaxDisconnection: recoverable,
			RunMiddleware:    true, // a page whose user has logged out meanwhile stays out
		},
	})
	c := &chat{sio: sio, store: store}
	sio.Use(admit)
	sio.OnConnect(c.arrive)
	sio.OnDisconnect(func(s *socketio.Socket, _ socketio.Reason) { c.move(s, "", "") })
	openRoom.On(sio, c.open)
	createRoom.On(sio, c.create)
	postDraft.On(sio, c.post)
	getPicture.On(sio, func(_ context.Context, _ *socketio.Socket, p pictureRequest) ([]byte, error) {
		return store.picture(p.Room, p.Seq)
	})
	markRead.On(sio, c.read)
	typing.On(sio, c.typing)

	admin := sio.Of("/admin")
	admin.Use(admit)
	admin.Use(adminOnly)
	kickUser.On(admin, c.kick)
	return c
}

// admit lets in who is logged in. The values of the HTTP request that opened the
// connection, which the login middleware has set, are those of the socket's context.
func admit(ctx context.Context, s *socketio.Socket) error {
	user, ok := siogin.Value[string](ctx, "user")
	if !ok {
		return socketio.Reject("You are not logged in.", map[string]string{"code": "login"})
	}
	if before, recovered := userKey.Get(s); recovered && before != user {
		return socketio.Reject("You have logged in under another name.", map[string]string{"code": "login"})
	}
	userKey.Set(s, user)
	session, _ := siogin.Value[string](ctx, "session")
	s.Join(ofUser(user), ofSession(session))
	return nil
}

func (c *chat) arrive(_ context.Context, s *socketio.Socket) error {
	user, _ := userKey.Get(s)
	room, _ := roomKey.Get(s) // after a recovery
	c.move(s, user, room)
	return welcomed.Emit(s, welcome{user, c.store.epoch, c.store.list(user)})
}

// open shows a room to a socket: what was said, and from now on what is said.
func (c *chat) open(_ context.Context, s *socketio.Socket, req openRequest) (openAnswer, error) {
	if err := c.store.check(req.Room); err != nil {
		return openAnswer{}, err
	}
	if before, ok := roomKey.Get(s); ok {
		s.Leave(inRoom(before))
	}
	// Join first: a message that comes in between is then told twice, not never.
	s.Join(inRoom(req.Room))
	roomKey.Set(s, req.Room)
	user, _ := userKey.Get(s)
	c.move(s, user, req.Room)
	return c.store.since(req.Room, req.After)
}

// move notes where a socket is, and tells those in the rooms that this changes.
func (c *chat) move(s *socketio.Socket, user, room string) {
	for _, p := range c.present.move(s, user, room) {
		gathered.Emit(c.sio.To(inRoom(p.Room)), p)
	}
}

func (c *chat) create(_ context.Context, _ *socketio.Socket, name string) (none socketio.None, err error) {
	if err := c.store.create(name); err != nil {
		return none, err
	}
	return none, created.Emit(c.sio, roomInfo{Name: name})
}

func (c *chat) post(_ context.Context, s *socketio.Socket, d draft) (receipt, error) {
	user, _ := userKey.Get(s)
	m, err := c.publish(user, d)
	return receipt{m.Seq, m.At}, err
}

// publish stores a message and sends it to everybody. One that is stored already,
// because its sender missed the acknowledgement, is not sent again.
func (c *chat) publish(user string, d draft) (message, error) {
	c.publishing.Lock()
	defer c.publishing.Unlock()
	m, fresh, err := c.store.add(user, d)
	if err != nil || !fresh {
		return m, err
	}
	room := inRoom(d.Room)
	return m, errors.Join(
		posted.Emit(c.sio.To(room), m),
		stirred.Emit(c.sio.Except(room), mark{Room: d.Room, Seq: m.Seq}))
}

func (c *chat) read(_ context.Context, s *socketio.Socket, m mark) error {
	user, _ := userKey.Get(s)
	if !c.store.read(user, m.Room, m.Seq) {
		return nil
	}
	m.User = user
	return marked.Emit(c.sio.To(inRoom(m.Room), ofUser(user)), m)
}

// typing is passed on to those who can take it at once: it is soon outdated.
func (c *chat) typing(_ context.Context, s *socketio.Socket, _ typist) error {
	room, ok := roomKey.Get(s)
	if !ok {
		return nil
	}
	user, _ := userKey.Get(s)
	return typing.Emit(s.To(inRoom(room)).Except(ofUser(user)).Volatile(), typist{room, user})
}

// adminOnly is why the namespace /admin refuses most.
func adminOnly(_ context.Context, s *socketio.Socket) error {
	if user, _ := userKey.Get(s); user != adminName {
		return socketio.Reject("Only admin may remove people.", map[string]string{"code": "forbidden"})
	}
	return nil
}

func (c *chat) kick(_ context.Context, _ *socketio.Socket, k kick) (none socketio.None, err error) {
	if !c.present.has(k.User) {
		return none, &socketio.Error{Message: k.User + " is not here."}
	}
	k.Reason = strings.TrimSpace(k.Reason)
	devices := c.sio.In(ofUser(k.User))
	return none, errors.Join(kicked.Emit(devices, k), devices.DisconnectSockets(true))
}

// loggedOut ends the connections that the session of a request has opened.
func (c *chat) loggedOut(ctx *gin.Context) {
	if id := ctx.GetString("session"); id != "" {
		c.sio.In(ofSession(id)).DisconnectSockets(true)
	}
}

// postMessage is POST /api/rooms/:room/messages: any program with a session or a
// token writes, and the pages see it at once.
func (c *chat) postMessage(ctx *gin.Context) {
	var d draft
	if !bind(ctx, &d) {
		return
	}
	d.Room = ctx.Param("room")
	m, err := c.publish(ctx.GetString("user"), d)
	var public *socketio.Error
	switch {
	case err == nil:
		ctx.JSON(http.StatusCreated, m)
	case errors.Is(err, errNoRoom):
		refuse(ctx, http.StatusNotFound, errNoRoom.Message)
	case errors.As(err, &public):
		refuse(ctx, http.StatusBadRequest, public.Message)
	default:
		ctx.Error(err)
		refuse(ctx, http.StatusInternalServerError, "The message could not be stored.")
	}
}
