package statefuzz

// op is what a step does.
type op byte

const (
	opOpen op = iota
	opPoll
	opConnect
	opLeave
	opEvent
	opBurst
	opFragments
	opPostSlowly
	opFinishPost
	opProbe
	opUpgrade
	opCutProbe
	opSecondUpgrade
	opMute
	opAnswering
	opCut
	opGoodbye
	opEarly
	opFalseAck
	opOverlap
	opHostile
	opRequest
	opStray
	opRawText
	opRawBinary
	opRawBody
	opRawBytes

	opEmit
	opVolatile
	opBroadcast
	opToRoom
	opExcept
	opJoin
	opLeaveRoom
	opDisconnect
	opDisconnectRoom
	opAsk
	opAskAll
	opFetch
	opEndSession
	opWait

	ops
)

// table says what each op is. It is filled at start, since what it refers to refers to
// it.
var table [ops]struct {
	name string
	data bool // data follow
	run  func(*world, step)
}

func init() {
	set := func(o op, name string, run func(*world, step)) { table[o].name, table[o].run = name, run }
	// What clients do.
	set(opOpen, "open", stepOpen)
	set(opPoll, "poll", onPeer(stepPoll))
	set(opConnect, "connect", onPeer(stepConnect))
	set(opLeave, "leave", onMember(stepLeave))
	set(opEvent, "event", onMember(stepEvent))
	set(opBurst, "burst", onMember(stepBurst))
	set(opFragments, "fragments", onMember(stepFragments))
	set(opPostSlowly, "postSlowly", onMember(stepPostSlowly))
	set(opFinishPost, "finishPost", onPeer(stepFinishPost))
	set(opProbe, "probe", onPeer(stepProbe))
	set(opUpgrade, "upgrade", onPeer(stepUpgrade))
	set(opCutProbe, "cutProbe", onPeer(stepCutProbe))
	set(opSecondUpgrade, "secondUpgrade", onPeer(stepSecondUpgrade))
	set(opMute, "mute", onPeer(stepMute))
	set(opAnswering, "answering", onPeer(stepAnswering))
	set(opCut, "cut", onPeer(stepCut))
	set(opGoodbye, "goodbye", onPeer(stepGoodbye))
	set(opEarly, "early", onPeer(stepEarly))
	set(opFalseAck, "falseAck", onMember(stepFalseAck))
	set(opOverlap, "overlap", onPeer(stepOverlap))
	set(opHostile, "hostile", onPeer(stepHostile))
	set(opRequest, "request", stepRequest)
	set(opStray, "stray", onPeer(stepStray))
	set(opRawText, "rawText", onPeer(stepRawText))
	set(opRawBinary, "rawBinary", onPeer(stepRawBinary))
	set(opRawBody, "rawBody", onPeer(stepRawBody))
	set(opRawBytes, "rawBytes", onPeer(stepRawBytes))
	for _, o := range []op{opRawText, opRawBinary, opRawBody, opRawBytes} {
		table[o].data = true
	}
	// What the application does.
	set(opEmit, "emit", onMember(stepEmit))
	set(opVolatile, "volatile", onMember(stepVolatile))
	set(opBroadcast, "broadcast", stepBroadcast)
	set(opToRoom, "toRoom", stepToRoom)
	set(opExcept, "except", stepExcept)
	set(opJoin, "join", onMember(stepJoin))
	set(opLeaveRoom, "leaveRoom", onMember(stepLeaveRoom))
	set(opDisconnect, "disconnect", onMember(stepDisconnect))
	set(opDisconnectRoom, "disconnectRoom", stepDisconnectRoom)
	set(opAsk, "ask", onMember(stepAsk))
	set(opAskAll, "askAll", stepAskAll)
	set(opFetch, "fetch", stepFetch)
	set(opEndSession, "endSession", onPeer(stepEndSession))
	set(opWait, "wait", stepWait)
}

// onPeer is a step of a client that has a session; without one nothing happens.
func onPeer(f func(*world, *peer, int, []byte)) func(*world, step) {
	return func(w *world, s step) {
		if p := w.slots[s.slot]; p.usable() {
			f(w, p, s.arg, s.data)
		}
	}
}

// nearby are the namespaces that the low bits of an argument name; the last value stands
// for the namespace that the client has asked for last.
var nearby = []string{nsRoot, nsA, nsX}

// onMember is a step of a client in a namespace, which the low bits of the argument
// name. One that has asked to be admitted waits for the answer.
func onMember(f func(*world, *member, int)) func(*world, step) {
	return func(w *world, s step) {
		p := w.slots[s.slot]
		if !p.usable() {
			return
		}
		m := p.pick(s.arg & 3)
		if m != nil && m.state == asking {
			w.await(m)
		}
		if m != nil && m.state == inside && p.usable() && m.witness() != nil {
			f(w, m, s.arg>>2)
		}
	}
}

func (p *peer) pick(i int) *member {
	switch {
	case i < len(nearby):
		return p.member(nearby[i])
	case len(p.members) > 0:
		return p.members[len(p.members)-1]
	}
	return nil
}

// await waits for the answer to a CONNECT, as far as that goes without the clock.
func (w *world) await(m *member) {
	for range 4 {
		if m.peer.usable() && !m.peer.muted {
			m.peer.beginPoll()
		}
		w.settle()
		if m.state != asking {
			return
		}
	}
}
