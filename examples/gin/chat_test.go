package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/gosocketio/sio/core/client"
)

func TestConversation(t *testing.T) {
	w := newWorld(t, "")
	ada, bob := w.visit(w.login("ada")), w.visit(w.login("bob"))
	hello := next(t, ada.welcomes)
	if hello.User != "ada" || hello.Epoch == "" || len(hello.Rooms) != len(firstRooms) || hello.Rooms[0] != (roomInfo{Name: "general"}) {
		t.Errorf("welcome: %+v", hello)
	}
	ada.open("general", 0)
	if p := next(t, ada.present); !slices.Equal(p.Users, []string{"ada"}) {
		t.Errorf("present: %+v", p)
	}
	bob.open("general", 0)
	if p := next(t, ada.present); !slices.Equal(p.Users, []string{"ada", "bob"}) {
		t.Errorf("present: %+v", p)
	}

	if err := bob.Emit(typing.Name, typist{Room: "random", User: "somebody else"}); err != nil {
		t.Fatal(err)
	}
	if got := next(t, ada.typists); got != (typist{"general", "bob"}) {
		t.Errorf("typing: %+v", got)
	}
	r := bob.post(draft{ID: "1", Room: "general", Text: "hello"})
	for _, p := range []*person{ada, bob} {
		want := message{ID: "1", Room: "general", Seq: 1, From: "bob", Text: "hello", At: r.At}
		if m := next(t, p.messages); m != want || r.Seq != 1 {
			t.Errorf("message %+v, receipt %+v; want %+v", m, r, want)
		}
	}
	if err := ada.Emit(markRead.Name, mark{Room: "general", Seq: 1}); err != nil {
		t.Fatal(err)
	}
	if m := next(t, bob.reads); m != (mark{"general", 1, "ada"}) {
		t.Errorf("read: %+v", m)
	}
	if err := bob.Manager().Close(timely(t)); err != nil {
		t.Fatal(err)
	}
	if p := next(t, ada.present); !slices.Equal(p.Users, []string{"ada"}) {
		t.Errorf("present: %+v", p)
	}
}

// Who is elsewhere hears of activity, and gets the messages when they open the room.
func TestElsewhere(t *testing.T) {
	w := newWorld(t, "")
	ada, bob := w.visit(w.login("ada")), w.visit(w.login("bob"))
	ada.open("general", 0)
	bob.open("general", 0)
	bob.open("random", 0)
	for i := range 3 {
		ada.post(draft{ID: fmt.Sprint(i), Room: "general", Text: fmt.Sprint("text ", i)})
		if m := next(t, bob.activity); m != (mark{Room: "general", Seq: int64(i + 1)}) {
			t.Errorf("activity: %+v", m)
		}
	}
	answer := bob.open("general", 1)
	if len(answer.Messages) != 2 || answer.Messages[0].Text != "text 1" || answer.Gap {
		t.Errorf("opened: %+v", answer)
	}
	select {
	case m := <-bob.messages:
		t.Errorf("a message of a room that was not open: %+v", m)
	default:
	}
}

// A draft that is sent again, because its acknowledgement was lost, is shown once.
func TestSentAgain(t *testing.T) {
	w := newWorld(t, "")
	ada, bob := w.visit(w.login("ada")), w.visit(w.login("bob"))
	bob.open("general", 0)
	first := ada.post(draft{ID: "1", Room: "general", Text: "once"})
	if again := ada.post(draft{ID: "1", Room: "general", Text: "once"}); again != first {
		t.Errorf("another receipt: %+v, want %+v", again, first)
	}
	ada.post(draft{ID: "2", Room: "general", Text: "end"})
	if one, two := next(t, bob.messages), next(t, bob.messages); one.Text != "once" || two.Text != "end" {
		t.Errorf("messages: %q, %q", one.Text, two.Text)
	}
}

func TestPicture(t *testing.T) {
	w := newWorld(t, "")
	ada, bob := w.visit(w.login("ada")), w.visit(w.login("bob"))
	bob.open("pictures", 0)
	large := picturePNG(t, 300, 200)
	ada.post(draft{ID: "1", Room: "pictures", Picture: large})
	m := next(t, bob.messages)
	if m.Picture == nil || *m.Picture != (picture{"image/png", 300, 200}) {
		t.Fatalf("message: %+v", m)
	}
	data, refusal := call[[]byte](bob, getPicture.Name, pictureRequest{"pictures", m.Seq})
	if !slices.Equal(data, large) {
		t.Errorf("%d bytes, want %d; %s", len(data), len(large), refusal)
	}
}

func TestCreateRoom(t *testing.T) {
	w := newWorld(t, "")
	ada, bob := w.visit(w.login("ada")), w.visit(w.login("bob"))
	if _, refusal := call[client.None](ada, createRoom.Name, "tea-time"); refusal != "" {
		t.Fatal(refusal)
	}
	if r := next(t, bob.rooms); r != (roomInfo{Name: "tea-time"}) {
		t.Errorf("room: %+v", r)
	}
	bob.post(draft{ID: "1", Room: "tea-time", Text: "first"})
}

func TestRefusals(t *testing.T) {
	w := newWorld(t, "")
	ada := w.visit(w.login("ada"))
	for _, c := range []struct {
		event string
		arg   any
		want  string
	}{
		{openRoom.Name, openRequest{Room: "nowhere"}, errNoRoom.Message},
		{openRoom.Name, openRequest{Room: "user:bob"}, errNoRoom.Message},
		{createRoom.Name, "general", errRoomTaken.Message},
		{createRoom.Name, "room:general", errRoomName.Message},
		{postDraft.Name, draft{ID: "1", Room: "nowhere", Text: "a"}, errNoRoom.Message},
		{postDraft.Name, draft{ID: "1", Room: "general"}, errEmpty.Message},
		{postDraft.Name, draft{ID: "1", Room: "general", Text: strings.Repeat("a", maxText+1)}, errTooLong.Message},
		{postDraft.Name, draft{ID: "1", Room: "general", Picture: []byte("<html>")}, errNoPicture.Message},
		{postDraft.Name, draft{ID: "1", Room: "general", Picture: make([]byte, maxPictureBytes+1)}, errPictureBig.Message},
		{getPicture.Name, pictureRequest{"general", 1}, errForgotten.Message},
	} {
		if _, refusal := call[json.RawMessage](ada, c.event, c.arg); refusal != c.want {
			t.Errorf("%s %.60v: %q, want %q", c.event, c.arg, refusal, c.want)
		}
	}
	ada.post(draft{ID: "1", Room: "general", Text: "nothing of that did any harm"})
}

func TestNobodyIsRefused(t *testing.T) {
	w := newWorld(t, "")
	forged := (&auth{key: []byte("another")}).sign(newSession("ada"))
	for name, header := range map[string]http.Header{
		"nobody": nil,
		"forged": {"Cookie": {cookieName + "=" + forged}},
		"bearer": {"Authorization": {"Bearer " + forged}, "Cookie": w.login("ada")["Cookie"]},
	} {
		err := w.socket(header).Connect(timely(t))
		var refused *client.ConnectError
		if !errors.As(err, &refused) || refused.Message != "You are not logged in." || string(refused.Data) != `{"code":"login"}` {
			t.Errorf("%s: %v", name, err)
		}
		for _, path := range []string{"/api/rooms/general/messages", "/api/token"} {
			if status, answer := w.request("POST", path, `{"text":"hello"}`, header); status != http.StatusUnauthorized {
				t.Errorf("%s: POST %s: %d %s", name, path, status, answer)
			}
		}
	}
}

// Logging out ends the sockets of that session, and of no other.
func TestLogout(t *testing.T) {
	w := newWorld(t, "")
	here, there := w.login("ada"), w.login("ada")
	window, tab, phone := w.visit(here), w.visit(here), w.visit(there)
	if status, answer := w.request("POST", "/api/logout", "", here); status != http.StatusNoContent {
		t.Fatalf("logout: %d %s", status, answer)
	}
	for _, p := range []*person{window, tab} {
		if reason := next(t, p.gone); reason != client.ServerDisconnect {
			t.Errorf("disconnected: %s", reason)
		}
	}
	phone.post(draft{ID: "1", Room: "general", Text: "still here"})
}

func TestREST(t *testing.T) {
	w := newWorld(t, "")
	cookie := w.login("ada")
	bob := w.visit(w.login("bob"))
	bob.open("general", 0)
	_, answer := w.request("POST", "/api/token", "", cookie)
	var token struct{ Token string }
	if err := json.Unmarshal([]byte(answer), &token); err != nil || token.Token == "" {
		t.Fatalf("token: %s, %v", answer, err)
	}
	for i, header := range []http.Header{cookie, {"Authorization": {"Bearer " + token.Token}}} {
		status, answer := w.request("POST", "/api/rooms/general/messages", `{"id":"`+fmt.Sprint(i)+`","text":"hello"}`, header)
		m := next(t, bob.messages)
		if want, _ := json.Marshal(m); status != http.StatusCreated || answer != string(want) || m.From != "ada" || m.Text != "hello" {
			t.Errorf("%d %s; the socket got %+v", status, answer, m)
		}
	}
	for _, c := range []struct {
		path, body string
		status     int
		answer     string
	}{
		{"nowhere", `{"text":"hello"}`, 404, errNoRoom.Message},
		{"..%2fgeneral", `{"text":"hello"}`, 404, ""},
		{"general", `{}`, 400, errEmpty.Message},
		{"general", `{"room":"random"}`, 400, errEmpty.Message},
		{"general", `{"text":"` + strings.Repeat("a", maxText+1) + `"}`, 400, errTooLong.Message},
		{"general", `text=hello`, 400, "not the JSON"},
		{"general", `{"text":"` + strings.Repeat("a", maxBody) + `"}`, 413, "too much"},
		{"general", `{"picture":"PHN2Zz4="}`, 400, errNoPicture.Message},
	} {
		if status, answer := w.request("POST", "/api/rooms/"+c.path+"/messages", c.body, cookie); status != c.status || !strings.Contains(answer, c.answer) {
			t.Errorf("%s %.40s: %d %s, want %d %s", c.path, c.body, status, answer, c.status, c.answer)
		}
	}
}

func TestKick(t *testing.T) {
	w := newWorld(t, "")
	ada, admin := w.visit(w.login("ada")), w.visit(w.login("admin"))
	var refused *client.ConnectError
	if err := ada.Of("/admin").Connect(timely(t)); !errors.As(err, &refused) || refused.Message != "Only admin may remove people." {
		t.Errorf("ada as admin: %v", err)
	}
	if err := w.socket(nil).Of("/admin").Connect(timely(t)); !errors.As(err, &refused) || refused.Message != "You are not logged in." {
		t.Errorf("nobody as admin: %v", err)
	}
	office := &person{T: t, Socket: admin.Of("/admin")}
	if err := office.Connect(timely(t)); err != nil {
		t.Fatal(err)
	}
	if _, refusal := call[json.RawMessage](office, kickUser.Name, kick{User: "nobody"}); refusal != "nobody is not here." {
		t.Errorf("removing nobody: %q", refusal)
	}
	if _, refusal := call[client.None](office, kickUser.Name, kick{"ada", " too loud "}); refusal != "" {
		t.Errorf("removing ada: %s", refusal)
	}
	if k := next(t, ada.kicks); k != (kick{"ada", "too loud"}) {
		t.Errorf("kicked: %+v", k)
	}
	if reason := next(t, ada.gone); reason != client.ServerDisconnect {
		t.Errorf("disconnected: %s", reason)
	}
}
