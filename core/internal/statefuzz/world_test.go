package statefuzz

import (
	"context"
	"fmt"
	"log"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gosocketio/sio/core/internal/memnet"
	"github.com/gosocketio/sio/core/socketio"
)

// world is a server, its clients, and what the model knows about them. One goroutine
// runs the program; it is the only one that the model belongs to.
type world struct {
	t    *testing.T
	prog program
	at   int // the step that runs
	lazy bool

	sio    *socketio.Server
	dyn    *socketio.DynamicNamespace
	http   *http.Server
	net    *network
	ledger *ledger
	alarm  *alarm
	before []string // namespaces

	slots      [slots]*peer
	peers      []*peer // of all times
	generation int
	number     int  // of the last thing that the server, or a client, sent
	unsettled  bool // the last step may still have consequences
	settling   bool
	questions  []*question
}

// run runs a program in a bubble of synctest.
func run(t *testing.T, p program) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, p)
		defer w.tearDown()
		for i, s := range p.steps {
			w.at, w.lazy = i, s.lazy
			if !s.lazy && w.unsettled {
				w.settle()
			}
			table[s.op].run(w, s)
			w.unsettled = w.unsettled || s.lazy
			if !s.lazy {
				w.settle()
			}
		}
		w.at = len(p.steps)
		w.finish()
	})
}

func start(t *testing.T, p program) *world {
	w := &world{t: t, prog: p, ledger: new(ledger), alarm: new(alarm), net: &network{ln: memnet.Listen()}}
	w.sio, w.dyn = newServer(p.settings, w.ledger, w.alarm)
	w.before = w.sio.Namespaces()
	if p.settings.compress {
		w.net.offer = offerDeflate
	}
	w.http = &http.Server{Handler: w.sio, ErrorLog: log.New(w.alarm, "", 0)}
	w.net.wait.Go(func() { w.http.Serve(w.net.ln) })
	return w
}

// fail ends the test, with what has led to it.
func (w *world) fail(format string, args ...any) {
	w.t.Helper()
	w.t.Fatalf("step %d: %s\n%s\ninput: %q", w.at, fmt.Sprintf(format, args...), w.prog, w.prog.encode())
}

// turn is more than a handler can keep the reader of its client's websocket.
const turn = 5 * time.Millisecond

// settle waits until nothing happens any more but by the clock.
func (w *world) settle() {
	if w.settling { // a client that answers in settle waits for its last POST
		synctest.Wait()
		return
	}
	w.settling = true
	synctest.Wait()
	time.Sleep(turn) // behind a handler that takes longer the server reads on
	for range 1000 {
		synctest.Wait()
		some := false
		for _, p := range w.peers {
			p.checkIdle()
			some = p.collect() || some
		}
		if !some {
			break
		}
	}
	w.settling = false
	w.unsettled = false
	w.check()
}

// check compares the server with the model, whenever it has settled.
func (w *world) check() {
	w.t.Helper()
	if faults := w.ledger.takeFaults(); len(faults) > 0 {
		w.fail("%s", strings.Join(faults, "\n"))
	}
	if text := w.alarm.String(); text != "" {
		w.fail("the server has logged: %s", text)
	}
	for _, p := range w.peers {
		if p.sound() && p.sid != "" {
			w.checkPeer(p)
		}
	}
}

func (w *world) checkPeer(p *peer) {
	w.t.Helper()
	if _, there := w.sio.Engine().Session(p.sid); !there {
		w.fail("%s: the session has ended", p.tag)
	}
	for _, m := range p.members {
		if m.sound() {
			w.checkMember(m)
		}
	}
}

func (w *world) checkMember(m *member) {
	w.t.Helper()
	seen := m.witness()
	if seen == nil {
		m.fail("OnConnect did not run")
		return
	}
	s := seen.sock
	if !s.Connected() {
		m.fail("the socket is not connected")
	}
	if there, _ := s.Namespace().Socket(m.id); there != s {
		m.fail("the socket is not in its namespace")
	}
	rooms := s.Rooms()
	if len(rooms) != len(m.rooms)+1 || !slices.Contains(rooms, m.id) {
		m.fail("the socket is in rooms %q, not in %v", rooms, m.rooms)
	}
	for _, room := range rooms {
		if room != m.id && !m.rooms[room] {
			m.fail("the socket is in rooms %q, not in %v", rooms, m.rooms)
		}
	}
}

// tick is how often clients get to do something while time passes.
const tick = 4 * time.Second

// pass lets time pass.
func (w *world) pass(seconds int) {
	for ; seconds > 0; seconds -= int(tick / time.Second) {
		for _, p := range w.peers {
			p.live()
			if p.muted {
				p.doubt = true
				p.silent += int(tick / time.Second)
			}
		}
		w.settle()
		time.Sleep(tick)
		w.settle()
	}
}

// live has a client do what keeps it alive, and what it has begun.
func (p *peer) live() {
	if !p.usable() || p.muted {
		return
	}
	p.finishPost()
	if p.probe != nil { // it may be too late for the upgrade
		p.probe.cut()
	}
	p.beginPoll()
	if p.proto == 3 {
		p.ping()
	}
}

// maxSilence is when a silent client has been given up, in seconds: a ping interval and
// twice a timeout, since the first packet after a ping counts for a pong.
const maxSilence = 25 + 2*20 + 20

func (w *world) checkSilent() {
	for _, p := range w.peers {
		if _, there := w.sio.Engine().Session(p.sid); p.muted && there && p.silent > maxSilence {
			w.fail("%s: the session lives although its client has been silent for %d s", p.tag, p.silent)
		}
	}
}

// idleTime is how long a client may be in no namespace, less a second.
const idleTime = 44 * time.Second

// checkIdle notes whose time for a first CONNECT may be over.
func (p *peer) checkIdle() {
	if time.Since(p.since) < idleTime {
		return
	}
	for _, m := range p.members {
		if m.state == inside || m.state == outside {
			return
		}
	}
	p.doubt = true
}

// recover takes over what the model knows of the membership that m continues.
func (w *world) recover(m *member) {
	for _, p := range slices.Backward(w.peers) {
		for _, old := range p.members {
			if old != m && old.id == m.id && old.ns == m.ns && m.pid != "" {
				m.takeOver(old)
				return
			}
		}
	}
}

func (m *member) takeOver(old *member) {
	for key := range m.got {
		if old.got[key] {
			m.fail("got %q once more when it was recovered", key)
		}
	}
	maps.Copy(m.got, old.got)
	m.rooms, m.open = old.rooms, true
}

// question is one that the server has asked a client.
type question struct {
	m        *member
	number   int
	due      time.Time
	answered bool // in time
	done     bool // set by the asker, with the ledger's lock held
	err      error
}

// answered notes that a client has answered a question.
func (w *world) answered(m *member, number int) {
	for _, q := range w.questions {
		if q.m == m && q.number == number && m.sound() && m.peer.rest == "" && time.Now().Before(q.due) {
			q.answered = true
		}
	}
}

// ask asks a client on behalf of the application.
func (w *world) ask(m *member, s *socketio.Socket) {
	const patience = 20 * time.Second
	w.number++
	q := &question{m: m, number: w.number, due: time.Now().Add(patience)}
	w.questions = append(w.questions, q)
	m.expect(keyOf("question", q.number), false)
	w.net.wait.Go(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		args, err := s.Ask(ctx, "question", m.peer.tag, q.number)
		var tag string
		var number int
		if err == nil {
			err = args.Scan(&tag, &number)
			if err != nil || tag != m.peer.tag || number != q.number {
				w.ledger.fault("question %d to %s was answered by %d of %s: %v", q.number, m.peer.tag, number, tag, err)
			}
		}
		w.ledger.mu.Lock()
		defer w.ledger.mu.Unlock()
		q.done, q.err = true, err
	})
}

// checkQuestions is for the end, when all have been answered or given up.
func (w *world) checkQuestions() {
	w.ledger.mu.Lock()
	defer w.ledger.mu.Unlock()
	for _, q := range w.questions {
		if !q.done {
			w.fail("question %d has no end", q.number)
		}
		if q.answered && q.err != nil {
			w.fail("question %d was answered, but Ask returned %v", q.number, q.err)
		}
	}
}
