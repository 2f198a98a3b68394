// Package mixedcluster has no program: its tests run nodes of ours and official
// servers in one cluster, with official clients.
package mixedcluster_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"testing"
)

var adapters = []string{"classic", "sharded", "streams"}

// binary is a value of two bytes, as it is told.
var binary = map[string]any{binaryKey: "AQI="}

// TestMixed has nodes of both kinds do all that nodes do for each other.
func TestMixed(t *testing.T) {
	for _, adapter := range adapters {
		t.Run(adapter, func(t *testing.T) {
			f := newFleet(t, adapter, "js", "go")
			f.connect(t)
			f.forget(t)
			for _, name := range []string{"js", "go"} {
				from := f.members[name]
				other := f.members[map[string]string{"js": "go", "go": "js"}[name]]
				t.Run("from "+name, func(t *testing.T) {
					t.Run("events", func(t *testing.T) { f.testEvents(t, from, other) })
					t.Run("namespaces", func(t *testing.T) { f.testNamespaces(t, from) })
					t.Run("rooms", func(t *testing.T) { f.testRooms(t, from, other) })
					t.Run("fetch", func(t *testing.T) { f.testFetch(t, from, other) })
					t.Run("questions to servers", func(t *testing.T) { f.testServers(t, from, other) })
					t.Run("questions to clients", func(t *testing.T) { f.testQuestions(t, from) })
					t.Run("disconnect", func(t *testing.T) { f.testDisconnect(t, from, other) })
				})
			}
		})
	}
}

// of returns the names of a member's clients.
func (m *member) of(numbers ...int) []string {
	var names []string
	for _, i := range numbers {
		names = append(names, fmt.Sprint(m.name, i))
	}
	return names
}

func (f *fleet) testEvents(t *testing.T, from, other *member) {
	all := []string{"go1", "go2", "js1", "js2"}
	for _, test := range []struct {
		name string
		f    fields
		text string
		want []string
	}{
		{"all", fields{"args": []any{1, "2", map[string]any{"a": []any{true, nil, 1.5, "é\u2028"}}}}, `["ev",1,"2",{"a":[true,null,1.5,"é\u2028"]}]`, all},
		{"no arguments", fields{}, `["ev"]`, all},
		{"room", fields{"rooms": []string{"r1"}}, `["ev"]`, []string{"go1", "js1"}},
		{"rooms, once each", fields{"rooms": []string{"r1", "all"}}, `["ev"]`, all},
		{"except a room", fields{"except": []string{"r1"}}, `["ev"]`, []string{"go2", "js2"}},
		{"room except a room", fields{"rooms": []string{"all"}, "except": []string{"r2"}}, `["ev"]`, []string{"go1", "js1"}},
		{"a socket of the other node", fields{"rooms": []string{f.id(t, other.name+"1")}}, `["ev"]`, other.of(1)},
		{"all but a socket", fields{"except": []string{f.id(t, other.name+"1")}}, `["ev"]`, append(other.of(2), from.of(1, 2)...)},
		{"empty room", fields{"rooms": []string{"nobody"}}, `["ev"]`, nil},
		{"binary", fields{"args": []any{binary, map[string]any{"deep": []any{binary}}}}, `["ev",{"$b":"AQI="},{"deep":[{"$b":"AQI="}]}]`, all},
		{"binary to a room", fields{"rooms": []string{"r2"}, "args": []any{binary}}, `["ev",{"$b":"AQI="}]`, []string{"go2", "js2"}},
		{"numbers", fields{"args": []any{0, -1, 255, 65536, -70000, 4294967296, 9007199254740991}}, `["ev",0,-1,255,65536,-70000,4294967296,9007199254740991]`, all},
		{"great numbers", fields{"args": []any{1e300}}, `["ev",1e300]`, all},
		{"volatile", fields{"volatile": true, "args": []any{"v"}}, `["ev","v"]`, all},
	} {
		f2 := fields{"name": "ev"}
		for k, v := range test.f {
			f2[k] = v
		}
		t.Log(test.name)
		if test.name == "great numbers" && f.adapter == "classic" && from.name == "js" {
			continue // the official classic adapter sends 0: its msgpack takes any whole number for 64 bits
		}
		from.do(t, "emit", f2)
		f.expect(t, from, test.text, test.want...)
	}
}

func (f *fleet) testNamespaces(t *testing.T, from *member) {
	names := []string{"chat go " + from.name, "chat js " + from.name}
	known := f.names
	for i, member := range []string{"go", "js"} {
		f.open(t, names[i], member, "/chat")
	}
	f.names = known
	f.forget(t)
	from.do(t, "emit", fields{"name": "ev", "nsp": "/chat"})
	f.expectIn(t, from, "/chat", names, `["ev"]`, names...)
	from.do(t, "emit", fields{"name": "ev"})
	f.expect(t, from, `["ev"]`, f.names...)
	for _, name := range names {
		f.clients.do(t, "close", fields{"client": name})
		f.clients.first(t, name+" disconnects", func(e event) bool { return e.What == "disconnect" && e.Client == name })
	}
	f.forget(t)
}

// testRooms: the clients of the other node join and leave.
func (f *fleet) testRooms(t *testing.T, from, other *member) {
	id := f.id(t, other.name+"1")
	for _, test := range []struct {
		op   string
		f    fields
		want []string // in room "x" afterwards
	}{
		{"join", fields{"join": []string{"x", "y"}}, f.names},
		{"leave", fields{"rooms": []string{"r1"}, "join": []string{"x"}}, []string{"go2", "js2"}},
		{"join", fields{"rooms": []string{id}, "join": []string{"x"}}, append(other.of(1), "go2", "js2")},
		{"leave", fields{"rooms": []string{"all"}, "except": []string{"r2"}, "join": []string{"x"}}, []string{"go2", "js2"}},
		{"leave", fields{"join": []string{"x", "y"}}, nil},
	} {
		from.do(t, test.op, test.f)
		f.settle(t) // an official server does it for its own clients only when Redis has told it, too
		from.do(t, "emit", fields{"name": "ev", "rooms": []string{"x"}})
		f.expect(t, from, `["ev"]`, test.want...)
	}
}

// described is a socket as fetchSockets tells.
type described struct {
	ID        string
	Rooms     []string
	Data      map[string]any
	Handshake map[string]any
}

// testFetch: what a node tells of its sockets is the same for nodes of both kinds.
func (f *fleet) testFetch(t *testing.T, from, other *member) {
	all := ask[[]described](t, from.program, "fetch", nil)
	var names []string
	for _, s := range all {
		name, _ := s.Data["name"].(string)
		names = append(names, name)
		if s.ID == "" || !slices.Contains(s.Rooms, "all") || !slices.Contains(s.Rooms, s.ID) {
			t.Errorf("%s is %+v", name, s)
		}
		checkHandshake(t, name, s.Handshake)
	}
	slices.Sort(names)
	if !slices.Equal(names, f.names) {
		t.Errorf("got %v, want %v", names, f.names)
	}
	one := ask[[]described](t, from.program, "fetch", fields{"rooms": []string{"r1"}, "except": []string{f.id(t, from.name+"1")}})
	if len(one) != 1 || one[0].Data["name"] != other.name+"1" {
		t.Fatalf("got %+v, want %s1", one, other.name)
	}
	own := ask[[]described](t, other.program, "fetch", fields{"rooms": []string{one[0].ID}})
	if len(own) != 1 || !reflect.DeepEqual(own[0], one[0]) {
		t.Errorf("the other node describes its socket as\n%+v, this one as\n%+v", own, one[0])
	}
}

// checkHandshake checks that a handshake has the fields of an official server's,
// with values of their kinds.
func checkHandshake(t *testing.T, name string, h map[string]any) {
	t.Helper()
	want := map[string]any{
		"headers": map[string]any{}, "time": "", "address": "", "xdomain": false, "secure": false, "issued": 0.0, "url": "",
		"query": map[string]any{}, "auth": map[string]any{},
	}
	for key, v := range want {
		if reflect.TypeOf(h[key]) != reflect.TypeOf(v) {
			t.Errorf("the handshake of %s has %s %v", name, key, h[key])
		}
	}
	if auth, _ := h["auth"].(map[string]any); auth["name"] != name {
		t.Errorf("the handshake of %s has auth %v", name, auth)
	}
	if query, _ := h["query"].(map[string]any); query["EIO"] != "4" {
		t.Errorf("the handshake of %s has query %v", name, query)
	}
}

func (f *fleet) testServers(t *testing.T, from, other *member) {
	f.forgetTold()
	from.do(t, "tell", fields{"args": []any{"w", 1}})
	got := other.first(t, "server-side event", what("told")).text()
	if got != `["w",1]` {
		t.Errorf("%s was told %s", other.name, got)
	}
	a := ask[answers](t, from.program, "ask", fields{"args": []any{5}})
	if want := fmt.Sprintf(`{"from":"%s","value":5}`, other.name); a.Error != "" || len(a.Answers) != 1 || !sameJSON(t, string(a.Answers[0]), want) {
		t.Errorf("got %s %q, want %s", a.texts(), a.Error, want)
	}
	if told := from.told(what("told")); len(told) > 0 {
		t.Errorf("the sender was told: %v", told)
	}
	a = ask[answers](t, from.program, "ask", fields{"name": "never", "args": []any{5}})
	if len(a.Answers) != 0 || a.Error == "" {
		t.Errorf("got %s %q, want no answer and an error", a.texts(), a.Error)
	}
}

func (f *fleet) forgetTold() {
	for _, m := range f.members {
		m.mu.Lock()
		m.events = slices.DeleteFunc(slices.Clone(m.events), what("told"))
		m.mu.Unlock()
	}
}

func (f *fleet) testQuestions(t *testing.T, from *member) {
	for _, test := range []struct {
		name string
		f    fields
		want []string
		miss bool
	}{
		{"all", fields{"name": "who"}, []string{`"go1"`, `"go2"`, `"js1"`, `"js2"`}, false},
		{"a room", fields{"name": "who", "rooms": []string{"r2"}}, []string{`"go2"`, `"js2"`}, false},
		{"a room but", fields{"name": "who", "rooms": []string{"all"}, "except": []string{"r2"}}, []string{`"go1"`, `"js1"`}, false},
		{"binary", fields{"name": "who", "rooms": []string{"r1"}, "args": []any{binary}}, []string{`{"$b":"AQI="}`, `{"$b":"AQI="}`}, false},
		{"an object", fields{"name": "who", "rooms": []string{"r1"}, "args": []any{map[string]any{"x": nil}}}, []string{`{"x":null}`, `{"x":null}`}, false},
		{"nobody", fields{"name": "who", "rooms": []string{"nobody"}}, []string{}, false},
		{"silence", fields{"name": "silent", "timeout": 300}, []string{}, true},
	} {
		f2 := fields{"timeout": 3000}
		for k, v := range test.f {
			f2[k] = v
		}
		a := ask[answers](t, from.program, "call", f2)
		if got := a.texts(); !slices.Equal(got, test.want) || (a.Error != "") != test.miss {
			t.Errorf("%s: got %v %q, want %v", test.name, got, a.Error, test.want)
		}
	}
	for _, client := range f.names {
		got := ask[json.RawMessage](t, from.program, "askSocket", fields{"name": "who", "rooms": []string{f.id(t, client)}, "timeout": 3000})
		if string(got) != `"`+client+`"` {
			t.Errorf("%s answers %s", client, got)
		}
	}
	f.forget(t)
}

// testDisconnect disconnects the second client of the other node. It comes back.
func (f *fleet) testDisconnect(t *testing.T, from, other *member) {
	client := other.name + "2"
	from.do(t, "emit", fields{"name": "last", "rooms": []string{f.id(t, client)}})
	from.do(t, "disconnect", fields{"rooms": []string{f.id(t, client)}, "close": true})
	e := f.clients.first(t, client+" is disconnected", func(e event) bool { return e.What == "disconnect" })
	if e.Client != client || e.Reason != "io server disconnect" {
		t.Errorf("got %+v, want %s to be disconnected by the server", e, client)
	}
	if got := f.events(client); !slices.Equal(got, []string{`["last"]`}) {
		t.Errorf("%s got %v before, want the last event", client, got)
	}
	f.forget(t)
	f.names = slices.DeleteFunc(f.names, func(name string) bool { return name == client })
	other.mu.Lock()
	other.events = slices.DeleteFunc(slices.Clone(other.events), func(e event) bool { return e.Socket == client })
	other.mu.Unlock()
	f.open(t, client, other.name, "", "r2", "all")
	other.first(t, client+" is back", func(e event) bool { return e.What == "connection" && e.Socket == client })
	slices.Sort(f.names)
	f.forget(t)
}
