package statefuzz

import (
	"slices"

	"github.com/gosocketio/sio/core/socketio"
)

// Arguments of opOpen.
const (
	polling   = 0
	websocket = 1
	version3  = 6
	base64    = 8
	anew      = 16 // even if there is a session
	idle      = 32 // it polls only when it is told to
)

// Kinds of events, see eventNames.
const (
	evPlain = iota
	evEcho
	evBinary
	evSlow
	evShout
	evAsk
	evFail
	evTwice
	evQuiet  = 8 // added: no acknowledgement is asked for
	evNobody = 14
)

// to is the argument of a step that names any namespace.
func to(namespace string, arg int) int {
	return slices.Index(namespaces, namespace) + arg*len(namespaces)
}

// in is the argument of a step of a member; another namespace than those of nearby has
// to be the last that was asked for.
func in(namespace string, arg int) int {
	i := slices.Index(nearby, namespace)
	if i < 0 {
		i = len(nearby)
	}
	return i | arg<<2
}

// do is a step of the first client, by a step of another one, at once or lazily.
func do(o op, arg int) step                { return step{op: o, arg: arg} }
func by(slot int, o op, arg int) step      { return step{op: o, slot: slot, arg: arg} }
func raw(o op, arg int, data string) step  { return step{op: o, arg: arg, data: []byte(data)} }
func lazily(s step) step                   { s.lazy = true; return s }
func script(steps ...step) program         { return program{steps: steps} }
func with(set settings, p program) program { p.settings = set; return p }

// greet opens a session and connects it.
func greet(slot, how int, namespace string) []step {
	return []step{by(slot, opOpen, how), by(slot, opConnect, to(namespace, 0))}
}

func after(first []step, steps ...step) program { return script(append(first, steps...)...) }

// scenarios are programs written by hand, which the fuzzer begins with.
var scenarios = map[string]program{
	"websocket": after(greet(0, websocket, nsRoot),
		do(opEvent, in(nsRoot, evPlain)), do(opEvent, in(nsRoot, evEcho)), do(opEvent, in(nsRoot, evBinary)), do(opFragments, in(nsRoot, 2)),
		do(opEmit, in(nsRoot, 0)), do(opEmit, in(nsRoot, 2)), do(opAsk, in(nsRoot, 0)), do(opLeave, in(nsRoot, 0))),
	"polling": after(greet(0, polling, nsA),
		do(opEvent, in(nsA, evPlain)), do(opEvent, in(nsA, evBinary)), do(opEmit, in(nsA, 0)), do(opEmit, in(nsA, 2)),
		do(opBurst, in(nsA, 6)), do(opAsk, in(nsA, 0)), do(opWait, 50), do(opEvent, in(nsA, evFail)), do(opEvent, in(nsA, evTwice)),
		do(opEvent, in(nsA, evEcho+evQuiet)), do(opEvent, in(nsA, evNobody))),
	"upgrade": after(greet(0, polling, nsRoot),
		lazily(do(opBurst, in(nsRoot, 3))), do(opProbe, 0), lazily(do(opEmit, in(nsRoot, 3))), lazily(do(opEvent, in(nsRoot, evEcho))),
		do(opUpgrade, 0), lazily(do(opEmit, in(nsRoot, 0))), do(opEvent, in(nsRoot, evEcho)), do(opSecondUpgrade, 0), do(opWait, 60)),
	"upgrade over a POST": after(greet(0, polling|idle, nsRoot),
		do(opPostSlowly, in(nsRoot, 4)), do(opEmit, in(nsRoot, 0)), do(opProbe, 0), do(opUpgrade, 0), do(opEvent, in(nsRoot, evEcho)),
		do(opFinishPost, 0), do(opEvent, in(nsRoot, evPlain))),
	"broken upgrades": after(greet(0, polling, nsRoot),
		do(opProbe, 0), do(opCutProbe, 0), do(opProbe, 0), do(opSecondUpgrade, 0), do(opWait, 20), raw(opRawBytes, 1, "\x81x"),
		raw(opRawBytes, 1, "\x815"), do(opEvent, in(nsRoot, evPlain)), do(opUpgrade, 0), do(opEvent, in(nsRoot, evPlain))),
	"version 3": after(greet(0, websocket|version3, nsA),
		do(opEvent, in(nsRoot, evEcho)), do(opEvent, in(nsA, evBinary)), do(opEmit, in(nsA, 2)), by(1, opOpen, polling|version3),
		by(1, opEvent, in(nsRoot, evBinary)), by(1, opEmit, in(nsRoot, 2)), by(1, opUpgrade, 0), by(1, opEvent, in(nsRoot, evEcho)),
		by(2, opOpen, polling|version3|base64), by(2, opEmit, in(nsRoot, 2)), do(opWait, 60), do(opLeave, in(nsA, 0)), do(opConnect, to(nsA, 0))),
	"rooms": after(append(greet(0, websocket, nsX), append(greet(1, polling, nsX), greet(2, websocket, nsX)...)...),
		do(opJoin, in(nsX, 0)), by(1, opJoin, in(nsX, 0)), by(2, opJoin, in(nsX, 1)), do(opToRoom, 2), by(1, opToRoom, 2), do(opExcept, 2),
		do(opLeaveRoom, in(nsX, 0)), do(opToRoom, 2), do(opBroadcast, 2), do(opAskAll, 2), do(opFetch, 2), by(2, opEvent, in(nsX, evShout)),
		do(opDisconnectRoom, 2), do(opFetch, 2)),
	"refused": after(greet(0, websocket, nsRefused),
		do(opConnect, to(nsBroken, 0)), do(opConnect, to(nsNone, 0)), lazily(do(opConnect, to(nsSlow, 0))), do(opWait, 4),
		do(opEvent, in(nsSlow, evPlain)), do(opEarly, to(nsA, 0))),
	"comes and goes": after(greet(0, websocket, nsY), do(opLeave, in(nsY, 0)), do(opConnect, to(nsY, 0)), lazily(do(opLeave, in(nsY, 0))),
		lazily(do(opConnect, to(nsY, 0))), do(opEvent, in(nsY, evSlow)), do(opCut, 0), do(opOpen, polling), do(opConnect, to(nsY, 0)), do(opCut, 1)),
	"silence":      after(greet(0, websocket, nsRoot), do(opMute, 0), by(1, opOpen, polling|idle), by(1, opMute, 0), do(opWait, 63), do(opWait, 63)),
	"never joined": script(do(opOpen, websocket), by(1, opOpen, polling), do(opWait, 60)),
	"recovery": with(settings{recovery: true}, after(append(greet(0, websocket, nsRoot), greet(1, websocket, nsRoot)...),
		do(opJoin, in(nsRoot, 0)), do(opBroadcast, 0), do(opCut, 0), do(opBroadcast, 0), do(opToRoom, 0), do(opOpen, websocket),
		do(opConnect, to(nsRoot, 1)), do(opEmit, in(nsRoot, 0)), do(opBroadcast, 0), do(opCut, 0), do(opOpen, polling), do(opConnect, to(nsRoot, 1)))),
	"tight": with(settings{tight: true}, after(append(greet(0, websocket, nsRoot), greet(1, polling|idle, nsRoot)...),
		lazily(do(opBurst, in(nsRoot, 3))), lazily(do(opBurst, in(nsRoot, 7))), lazily(do(opBroadcast, 0)), lazily(do(opBroadcast, 0)),
		do(opBroadcast, 0), do(opBroadcast, 0), do(opBroadcast, 0), by(1, opPoll, 0), do(opEmit, in(nsRoot, 0)), do(opConnect, to(nsA, 0)), do(opConnect, to(nsX, 0)))),
	"waiting": with(settings{tight: true, policy: socketio.QueueReject}, after(greet(0, polling|idle, nsRoot), by(1, opOpen, websocket), by(1, opStray, 0),
		do(opStray, 1), do(opEmit, in(nsRoot, 0)), do(opEmit, in(nsRoot, 0)), do(opEmit, in(nsRoot, 0)), do(opEmit, in(nsRoot, 0)),
		do(opEmit, in(nsRoot, 3)), do(opEmit, in(nsRoot, 3)), do(opPoll, 0), do(opEmit, in(nsRoot, 3)))),
	"compressed": with(settings{compress: true}, after(append(greet(0, websocket, nsRoot), greet(1, polling, nsRoot)...),
		do(opEmit, in(nsRoot, 0)), by(1, opEmit, in(nsRoot, 2)), do(opBroadcast, 0))),
	"endings": after(append(greet(0, websocket, nsRoot), append(greet(1, polling, nsRoot), greet(2, websocket, nsRoot)...)...),
		lazily(do(opEvent, in(nsRoot, evSlow))), lazily(do(opLeave, in(nsRoot, 0))), by(1, opEvent, in(nsRoot, evFatal)), by(1, opDisconnect, in(nsRoot, 0)),
		by(2, opGoodbye, 1), by(3, opOpen, polling), by(3, opConnect, to(nsRoot, 0)), by(3, opOverlap, 0), by(2, opOpen, polling),
		by(2, opConnect, to(nsRoot, 0)), by(2, opCut, 0), by(2, opOpen, polling), by(2, opConnect, to(nsRoot, 0)), by(2, opCut, 1), by(2, opOpen, websocket),
		by(2, opConnect, to(nsA, 0)), by(2, opEndSession, 0), by(1, opOpen, anew|polling), by(1, opConnect, to(nsRoot, 0)), by(1, opEndSession, 1)),
	"hostile": after(greet(0, websocket, nsRoot), do(opHostile, 3), do(opOpen, polling), do(opConnect, to(nsRoot, 0)), do(opHostile, 40),
		do(opOpen, websocket), do(opConnect, to(nsRoot, 0)), do(opHostile, 43), do(opFalseAck, in(nsRoot, 0)), do(opRequest, 4), do(opRequest, 21)),
	"answers": after(greet(0, websocket, nsRoot), do(opAnswering, 1), do(opAsk, in(nsRoot, 0)), do(opAnswering, 2), do(opAsk, in(nsRoot, 0)),
		do(opAnswering, 3), do(opAsk, in(nsRoot, 0)), do(opAskAll, 0), do(opAnswering, 0), do(opEvent, in(nsRoot, evAsk)), do(opFalseAck, in(nsRoot, 1)), do(opWait, 12)),
	"raw": script(do(opOpen, websocket), do(opConnect, to(nsRoot, 0)), raw(opRawText, 0, `2["plain","",1]`), raw(opRawText, 0, `52-["x",{"_placeholder":true,"num":1},{"_placeholder":true,"num":0}]`),
		raw(opRawBinary, 0, "one"), raw(opRawBinary, 0, "two"), raw(opRawBytes, 1, "\x01a"), raw(opRawBytes, 1, "\x80b"), raw(opRawBytes, 0, "\x88\x80\x00\x00\x00\x00")),
	"raw bodies": script(do(opOpen, polling), do(opConnect, to(nsRoot, 0)), raw(opRawBody, 1, "42[\"plain\"]\x1e42[\"x\"]\x1ebAAEC"), raw(opRawBody, 0, "40/a,\x1e41/a,"),
		raw(opRawBody, 2, "4"), do(opOpen, polling|version3), raw(opRawBody, 0, `13:42["plain",1]`), raw(opRawBody, 2, "\x00\x02\xff40\x01\x03\xff\x04ab")),
}
