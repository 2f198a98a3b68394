package socketio_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gosocketio/sio/core/socketio"
)

// The flows that the documents of the Socket.IO protocol, revisions 5 and 4, ask of
// any server (SU7, SU8), against a server that tells what the client gave as auth
// and sends back its messages.

// suite is one run of a flow. In revision 4, over Engine.IO 3, clients are
// connected to "/" without asking, replies to CONNECT have no payload, refusals are
// a string, and binary frames begin with the type of the packet.
type suite struct {
	*harness
	eio int
}

func runSuite(t *testing.T, flow func(*suite)) {
	for eio, revision := range map[int]int{4: 5, 3: 4} {
		t.Run(fmt.Sprint("revision ", revision), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &suite{serve(t, &socketio.Options{
					AllowEIO3: true, ConnectTimeout: time.Second,
					ErrorHandler: func(*socketio.Socket, string, error) {},
				}), eio}
				s.register(s.sio.Namespace)
				s.register(s.sio.Of("/custom"))
				flow(s)
				s.sio.Close()
			})
		})
	}
}

func (s *suite) register(n *socketio.Namespace) {
	n.OnConnect(func(_ context.Context, s *socketio.Socket) error {
		auth := map[string]string{}
		if err := s.Auth(&auth); err != nil {
			return err
		}
		return s.Emit("auth", auth)
	})
	echo := func(_ context.Context, e *socketio.Event) error {
		args := make([]any, e.Len())
		for i := range args {
			if err := e.Args().Decode(i, &args[i]); err != nil {
				return err
			}
		}
		if e.WantsReply() {
			return e.Reply(args...)
		}
		return e.Socket().Emit("message-back", args...)
	}
	n.Handle("message", socketio.HandlerFunc(echo))
	n.Handle("message-with-ack", socketio.HandlerFunc(echo))
}

// client opens a connection, and connects it to "/".
func (s *suite) client() *client {
	s.Helper()
	c := s.open(fmt.Sprint("EIO=", s.eio))
	s.joins(c, "/", "", "{}")
	return c
}

// joins connects c to a namespace; wantAuth is what the server is to have read.
func (s *suite) joins(c *client, namespace, auth, wantAuth string) {
	s.Helper()
	ns := ""
	if namespace != "/" {
		ns = namespace + ","
	}
	switch {
	case s.eio == 4:
		c.join(namespace, auth)
	case namespace == "/":
		c.want("40")
	default:
		c.send("40" + namespace + auth + ",")
		c.want("40" + ns)
	}
	c.want("42" + ns + `["auth",` + wantAuth + `]`)
}

func (s *suite) bytes(data string) string {
	if s.eio == 3 {
		data = "\x04" + data
	}
	return "b:" + data
}

func TestSuiteConnectSU7(t *testing.T) {
	runSuite(t, func(s *suite) {
		c := s.client()
		auth := map[int]string{4: `{"token":"abc"}`, 3: "?token=abc"}[s.eio]
		s.joins(c, "/custom", auth, `{"token":"abc"}`)
		s.joins(s.client(), "/custom", "", "{}")

		c.send("40/random")
		c.want(map[int]string{4: `44/random,{"message":"Invalid namespace"}`, 3: `44/random,"Invalid namespace"`}[s.eio])

		if s.eio == 4 {
			c = s.dial()
			s.joins(c, "/", `{"token":"123"}`, `{"token":"123"}`)
		}
	})
}

func TestSuiteBadConnectSU7(t *testing.T) {
	runSuite(t, func(s *suite) {
		c := s.open(fmt.Sprint("EIO=", s.eio))
		c.send("4abc")
		for got := c.next(); got != "closed"; got = c.next() {
			if !strings.HasPrefix(got, "4") { // what revision 4 sends without being asked
				s.Errorf("got %q", got)
			}
		}
		if s.eio == 3 {
			return
		}
		began := time.Now()
		s.dial().wantClosed()
		if d := time.Since(began); d != time.Second {
			s.Errorf("a client that does not connect was closed after %v", d)
		}
	})
}

func TestSuiteDisconnectSU7(t *testing.T) {
	runSuite(t, func(s *suite) {
		c := s.client()
		s.joins(c, "/custom", "", "{}")
		c.send("41", `42/custom,["message","to the custom namespace"]`)
		c.want(`42/custom,["message-back","to the custom namespace"]`)

		c = s.client()
		s.joins(c, "/custom", "", "{}")
		c.send("41/custom", `42["message","to the main namespace"]`)
		c.want(`42["message-back","to the main namespace"]`)
	})
}

func TestSuiteMessagesSU8(t *testing.T) {
	runSuite(t, func(s *suite) {
		c := s.client()
		c.send(`42["message",1,"2",{"3":[true]}]`)
		c.want(`42["message-back",1,"2",{"3":[true]}]`)
		const two = `{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}`
		c.send(`452-["message",`+two+`]`, s.bytes("\x01\x02\x03"), s.bytes("\x04\x05\x06"))
		c.want(`452-["message-back",`+two+`]`, s.bytes("\x01\x02\x03"), s.bytes("\x04\x05\x06"))
		c.send(`42456["message-with-ack",1,"2",{"3":[false]}]`)
		c.want(`43456[1,"2",{"3":[false]}]`)
		c.send(`452-789["message-with-ack",`+two+`]`, s.bytes("\x01\x02\x03"), s.bytes("\x04\x05\x06"))
		c.want(`462-789[`+two+`]`, s.bytes("\x01\x02\x03"), s.bytes("\x04\x05\x06"))
	})
}

func TestSuiteBadMessagesSU8(t *testing.T) {
	for _, packet := range []string{"4abc", "42{}", `42abc["message-with-ack",1,"2",{"3":[false]}]`} {
		runSuite(t, func(s *suite) {
			c := s.client()
			c.send(packet)
			c.wantClosed()
		})
	}
}
