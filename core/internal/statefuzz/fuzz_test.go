package statefuzz

import (
	"flag"
	"math/rand/v2"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/gosocketio/sio/core/internal/leakcheck"
	"github.com/gosocketio/sio/core/socketio"
)

var (
	programs = flag.Int("programs", 600, "how many random programs TestModel runs")
	seed     = flag.Uint64("seed", 0, "seed of TestModel; 0 is a random one")
)

func TestMain(m *testing.M) { leakcheck.Main(m) }

// patience is how long a program may take before it counts as deadlocked.
const patience = 30 * time.Second

// guard ends the process with all stacks if the program takes too long: a goroutine that
// waits for a mutex keeps synctest from noticing a deadlock.
func guard(p program) (stop func() bool) {
	return time.AfterFunc(2*patience, func() {
		buf := make([]byte, 1<<20)
		os.Stderr.Write(buf[:runtime.Stack(buf, true)])
		panic("the program takes too long:\n" + p.String())
	}).Stop
}

// FuzzSessions runs any program.
func FuzzSessions(f *testing.F) {
	for _, p := range scenarios {
		f.Add(p.encode())
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		p := decode(b)
		defer guard(p)()
		run(t, p)
	})
}

// TestScenarios runs the programs that the fuzzer begins with.
func TestScenarios(t *testing.T) {
	for name, p := range scenarios {
		t.Run(name, func(t *testing.T) {
			for e := range endings {
				p := decode(p.encode()) // what the fuzzer sees
				p.ending = byte(e)
				stop := guard(p)
				run(t, p)
				stop()
			}
		})
	}
}

// TestModel runs random programs.
func TestModel(t *testing.T) {
	if *seed == 0 {
		*seed = rand.Uint64()
	}
	r := rand.New(rand.NewPCG(*seed, 1))
	for i := range *programs {
		p := randomProgram(r)
		stop := guard(p)
		ok := t.Run("", func(t *testing.T) { run(t, p) })
		stop()
		if !ok {
			t.Fatalf("program %d of -seed %d", i, *seed)
		}
	}
}

// randomProgram opens clients first, so that the steps have somebody to be taken by.
func randomProgram(r *rand.Rand) program {
	p := program{ending: byte(r.IntN(int(endings)))}
	p.settings = settings{recovery: r.IntN(3) == 0, tight: r.IntN(8) == 0, compress: r.IntN(4) == 0, policy: socketio.QueuePolicy(r.IntN(int(policies)))}
	for slot := range 1 + r.IntN(slots) {
		p.steps = append(p.steps, step{op: opOpen, slot: slot, arg: r.IntN(64)}, step{op: opConnect, slot: slot, arg: r.IntN(5)})
	}
	for range r.IntN(60) {
		s := step{op: op(r.IntN(int(ops))), lazy: r.IntN(4) == 0, slot: r.IntN(slots), arg: r.IntN(64)}
		if r.IntN(2) == 0 && s.op < opRawText { // most of what happens is events
			s.op = opEvent
		}
		if table[s.op].data {
			s.data = randomData(r)
		}
		p.steps = append(p.steps, s)
	}
	return p
}

func randomData(r *rand.Rand) []byte {
	const alphabet = "0123456789-[]{},\"/ab\x1e\x00\x81\xff:"
	data := make([]byte, r.IntN(20))
	for i := range data {
		data[i] = alphabet[r.IntN(len(alphabet))]
	}
	return data
}
