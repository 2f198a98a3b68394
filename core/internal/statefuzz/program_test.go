package statefuzz

import (
	"fmt"
	"strings"

	"github.com/gosocketio/sio/core/socketio"
)

// maxSteps bounds a program: what goes wrong does so within a few steps.
const maxSteps = 96

// program is the input of the fuzzer, taken apart: two bytes of settings, then steps.
// A step is two bytes, which mutate well:
//
//	lazy (1 bit)  op (7 bits)    argument (6 bits)  slot (2 bits)
//
// Those that take data have a byte with its length behind them, and the data.
type program struct {
	settings settings
	ending   byte
	steps    []step
}

// settings are how the server is configured.
type settings struct {
	recovery bool // connection state recovery is on
	tight    bool // small limits: nothing is promised but safety
	policy   socketio.QueuePolicy
	compress bool // small messages are compressed, on both transports
}

// step is one thing that a client, or the application, does.
type step struct {
	op   op
	lazy bool // the next step does not wait for what comes of this one
	slot int  // which client
	arg  int  // what exactly, 0 to 63
	data []byte
}

const (
	policies = socketio.QueueDropOldest + 1

	slots   = 4
	lazyBit = 0x80
	maxData = 48
)

// decode takes any bytes for a program.
func decode(b []byte) program {
	var p program
	if len(b) > 0 {
		p.settings = settings{recovery: b[0]&1 != 0, tight: b[0]&6 == 6, compress: b[0]&8 != 0, policy: socketio.QueuePolicy(b[0]>>6) % policies}
		b = b[1:]
	}
	if len(b) > 0 {
		p.ending, b = b[0], b[1:]
	}
	for len(b) >= 2 && len(p.steps) < maxSteps {
		s := step{op: op(b[0]&^lazyBit) % ops, lazy: b[0]&lazyBit != 0, slot: int(b[1] & 3), arg: int(b[1] >> 2)}
		b = b[2:]
		if table[s.op].data {
			s.data, b = cutData(b)
		}
		p.steps = append(p.steps, s)
	}
	return p
}

func cutData(b []byte) (data, rest []byte) {
	if len(b) == 0 {
		return nil, nil
	}
	n := min(int(b[0])%(maxData+1), len(b)-1)
	return b[1 : 1+n], b[1+n:]
}

// encode is the opposite of decode, for programs written by hand.
func (p program) encode() []byte {
	first := byte(p.settings.policy) << 6
	for bits, on := range map[byte]bool{1: p.settings.recovery, 6: p.settings.tight, 8: p.settings.compress} {
		if on {
			first |= bits
		}
	}
	b := []byte{first, p.ending}
	for _, s := range p.steps {
		head := byte(s.op)
		if s.lazy {
			head |= lazyBit
		}
		b = append(b, head, byte(s.arg<<2|s.slot))
		if table[s.op].data {
			b = append(b, byte(len(s.data)))
			b = append(b, s.data...)
		}
	}
	return b
}

// String writes a step as it is reported.
func (s step) String() string {
	text := fmt.Sprintf("%s(%d, %d)", table[s.op].name, s.slot, s.arg)
	if s.data != nil {
		text = fmt.Sprintf("%s %q", text, s.data)
	}
	if s.lazy {
		text += " lazily"
	}
	return text
}

func (p program) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "settings %+v, ending %s", p.settings, endingOf(p.ending))
	for i, s := range p.steps {
		fmt.Fprintf(&b, "\n%3d %s", i, s)
	}
	return b.String()
}

// ending is how the server ends.
type ending byte

const (
	endShutdown ending = iota // clients read on
	endClose
	endDeserted // all clients have gone before
	endHasty    // a Shutdown that has little time, and clients that do not read
	endings
)

func endingOf(b byte) ending { return ending(b) % endings }

func (e ending) String() string {
	return [...]string{"shutdown", "close", "deserted", "hasty"}[e]
}
