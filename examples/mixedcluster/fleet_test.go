package mixedcluster_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gosocketio/sio/adapters/redis/redistest"
)

// member is a node of the cluster, and where it listens.
type member struct {
	*program
	url string
}

// fleet is a cluster of nodes of both kinds, with official clients.
type fleet struct {
	adapter string
	bus     string            // its URL
	redis   *redistest.Server // nil with NATS
	clients *program
	members map[string]*member // by name: js…, go…
	names   []string           // of the clients
	marks   int
}

// newFleet starts the nodes that are named: "js…" are official servers, "go…" ours.
func newFleet(t testing.TB, adapter string, names ...string) *fleet {
	t.Helper()
	f := &fleet{adapter: adapter, members: map[string]*member{}}
	if onNATS(adapter) {
		f.bus = startNATS(t)
	} else {
		f.redis = redistest.Start(t)
		f.bus = f.redis.URL
	}
	f.clients = script(t, "clients.js")
	for _, name := range names {
		f.members[name] = f.startMember(t, name)
	}
	for _, m := range f.members {
		m.url = fmt.Sprintf("http://127.0.0.1:%d", m.first(t, "listening", what("listening")).Port)
	}
	f.settle(t)
	return f
}

func (f *fleet) startMember(t testing.TB, name string) *member {
	t.Helper()
	if strings.HasPrefix(name, "js") {
		m := &member{program: script(t, "server.js", f.adapter, f.bus, name)}
		m.name = name
		return m
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, f.bus, name)
	cmd.Env = append(os.Environ(), nodeEnv+"="+f.adapter)
	return &member{program: run(t, name, cmd)}
}

// answers is what came of a question to many.
type answers struct {
	Answers []json.RawMessage
	Error   string
}

// settle waits until every member gets an answer of all others.
func (f *fleet) settle(t testing.TB) {
	t.Helper()
	for name, m := range f.members {
		for end := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
			if a := ask[answers](t, m.program, "ask", fields{"args": []any{1}}); len(a.Answers) == len(f.members)-1 && a.Error == "" {
				break
			}
			if time.Now().After(end) {
				t.Fatalf("%s does not find the other nodes", name)
			}
		}
	}
}

// connect opens two clients on each member: js1 and js2 on "js", and so on. They are
// in the rooms r1 and r2, and all in "all".
func (f *fleet) connect(t testing.TB) {
	t.Helper()
	for name := range f.members {
		for i := 1; i <= 2; i++ {
			f.open(t, fmt.Sprint(name, i), name, "", fmt.Sprint("r", i), "all")
		}
	}
	slices.Sort(f.names)
}

func (f *fleet) open(t testing.TB, client, member, nsp string, rooms ...string) (id string) {
	t.Helper()
	f.clients.do(t, "open", fields{"client": client, "url": f.members[member].url, "nsp": nsp, "rooms": rooms})
	f.names = append(f.names, client)
	e := f.clients.first(t, client+" connects", func(e event) bool { return e.What == "connect" && e.Client == client })
	return e.ID
}

// id returns the id of a client's socket.
func (f *fleet) id(t testing.TB, client string) string {
	t.Helper()
	for _, m := range f.members {
		for _, e := range m.told(what("connection")) {
			if e.Socket == client {
				return e.ID
			}
		}
	}
	t.Fatalf("no member knows %s", client)
	return ""
}

// offset is what connection state recovery adds to each event.
var offset = regexp.MustCompile(`,"[0-9]+-[0-9]+"\]$`)

// events returns what a client got so far.
func (f *fleet) events(client string) []string {
	var list []string
	for _, e := range f.clients.told(func(e event) bool { return e.What == "event" && e.Client == client }) {
		list = append(list, offset.ReplaceAllString(e.text(), "]"))
	}
	return list
}

// forget forgets what the clients told so far. That is all that happened before: what is
// on its way here comes before the answer.
func (f *fleet) forget(t testing.TB) {
	t.Helper()
	f.clients.do(t, "received", nil)
	f.clients.forget()
}

// expect checks that each of the clients got an event that a member sent, and nobody
// got anything else.
func (f *fleet) expect(t testing.TB, from *member, text string, clients ...string) {
	t.Helper()
	f.expectIn(t, from, "", f.names, text, clients...)
}

func (f *fleet) expectIn(t testing.TB, from *member, nsp string, all []string, text string, clients ...string) {
	t.Helper()
	f.marks++
	mark := fmt.Sprintf(`["mark",%d]`, f.marks)
	from.do(t, "emit", fields{"name": "mark", "args": []any{f.marks}, "nsp": nsp})
	for _, client := range all {
		var got []string
		f.clients.wait(t, "mark at "+client+" after "+text, func([]event) bool {
			got = f.events(client)
			return slices.Contains(got, mark) && (!slices.Contains(clients, client) || len(got) > 1)
		})
		var want []string
		if slices.Contains(clients, client) {
			want = []string{text}
		}
		got = slices.DeleteFunc(got, func(text string) bool { return text == mark })
		if len(got) != len(want) || len(want) == 1 && !sameJSON(t, got[0], want[0]) {
			t.Errorf("%s got %v from %s, want %v", client, got, from.name, want)
		}
	}
	f.forget(t)
}

func sameJSON(t testing.TB, a, b string) bool {
	t.Helper()
	var x, y any
	if err := json.Unmarshal([]byte(a), &x); err != nil {
		t.Fatalf("%s: %v", a, err)
	}
	if err := json.Unmarshal([]byte(b), &y); err != nil {
		t.Fatalf("%s: %v", b, err)
	}
	return reflect.DeepEqual(x, y)
}

// texts returns answers as sorted texts.
func (a answers) texts() []string {
	list := make([]string, len(a.Answers))
	for i, answer := range a.Answers {
		list[i] = string(answer)
	}
	slices.Sort(list)
	return list
}
