package client_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/gosocketio/sio/core/client"
)

// A socket that is closed before the server has answered leaves nothing behind on a
// connection that others use.
func TestCloseBeforeAnswer(t *testing.T) {
	for _, leave := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			sc := scripted(t)
			s, p := sc.open()
			chat := s.Of("/chat")
			chat.Open()
			p.want("40/chat,")
			if leave {
				chat.Disconnect()
			}
			if err := chat.Close(t.Context()); err != nil {
				t.Error(err)
			}
			p.send(`40/chat,{"sid":"late"}`)
			p.want("41/chat,")
			chat = s.Of("/chat")
			told := record(chat)
			chat.Open()
			p.want("40/chat,")
			p.send(`40/chat,{"sid":"again"}`)
			told.want(t, "connect")
			if chat.ID() != "again" {
				t.Errorf("the id is %q", chat.ID())
			}
		})
	}
}

// The next socket of the namespace does not take that answer for its own.
func TestOfBeforeAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sc := scripted(t)
		s, p := sc.open()
		chat := s.Of("/chat")
		chat.Open()
		p.want("40/chat,")
		if err := chat.Close(t.Context()); err != nil {
			t.Error(err)
		}
		chat = s.Of("/chat")
		told := record(chat)
		chat.Open()
		synctest.Wait()
		p.send(`40/chat,{"sid":"first"}`)
		told.want(t, "connect")
		chat.Emit("x")
		p.want(`42/chat,["x"]`) // there was no other CONNECT
		chat.Disconnect()
		p.want("41/chat,")
	})
}

// An answer that comes late, to a socket that was closed, is not one to the next
// socket of the namespace.
func TestLateAcknowledgement(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sc := scripted(t)
		s, p := sc.open()
		join := func() *client.Socket {
			chat := s.Of("/chat")
			told := record(chat)
			chat.Open()
			p.want("40/chat,")
			p.send(`40/chat,{"sid":"x"}`)
			told.want(t, "connect")
			return chat
		}
		chat := join()
		go chat.Ask(t.Context(), "first")
		first := p.next()
		if err := chat.Close(t.Context()); err != nil {
			t.Error(err)
		}
		p.want("41/chat,")
		chat = join()
		answer := make(chan string, 1)
		go func() {
			v, err := client.Call[string](t.Context(), chat, "second")
			answer <- fmt.Sprint(v, err)
		}()
		second := p.next()
		p.send(ackOf(first, "wrong"), ackOf(second, "right"))
		want(t, answer, "right<nil>")
	})
}

// ackOf returns the acknowledgement of an event.
func ackOf(event, value string) string {
	head, _, _ := strings.Cut(event, "[")
	return strings.Replace(head, "42", "43", 1) + fmt.Sprintf("[%q]", value)
}

// Packets that join and leave keep their order when the connection takes nothing.
func TestLeaveAndJoinWithFullQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sc := scripted(t)
		s, p := sc.open(func(o *client.Options) { o.MaxBufferMessages = 1 })
		var chats []*client.Socket
		for i := range 50 {
			chat := s.Of(fmt.Sprint("/", i))
			told := record(chat)
			chat.Open()
			p.want(fmt.Sprintf("40/%d,", i))
			p.send(fmt.Sprintf(`40/%d,{"sid":"x"}`, i))
			told.want(t, "connect")
			chats = append(chats, chat)
		}
		resume := p.stop()
		big := strings.Repeat("x", 1<<20)
		s.Emit(big)
		synctest.Wait()
		var sent []string
		for i, chat := range chats {
			chat.Disconnect()
			chat.Open()
			sent = append(sent, fmt.Sprintf("41/%d,", i), fmt.Sprintf("40/%d,", i))
		}
		resume()
		p.want(`42["` + big + `"]`)
		p.want(sent...)
	})
}
