package sioredis_test

import (
	"encoding/hex"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	sioredis "github.com/gosocketio/sio/adapters/redis"
	"github.com/gosocketio/sio/core/cluster"
)

// node is the name of a Node.js server, and requestID one of its requests.
const (
	node      = "jpGapn"
	requestID = "mJe6Qm"
)

func classic(t cluster.Type, m cluster.Message) *cluster.Message {
	m.Type, m.From = t, node
	if m.Namespace == "" {
		m.Namespace = "/"
	}
	return &m
}

// emitted makes a message one of the emitter.
func emitted(m *cluster.Message) *cluster.Message {
	m.From = cluster.EmitterID
	return m
}

// bytesOf reads hexadecimal digits in which NODE and REQUEST stand for the names.
func bytesOf(t testing.TB, s string) []byte {
	s = strings.ReplaceAll(s, "NODE", hex.EncodeToString([]byte(node)))
	return unhex(t, strings.ReplaceAll(s, "REQUEST", hex.EncodeToString([]byte(requestID))))
}

// The bytes are those that were captured of official servers.
func classicEvents() []classicCase {
	const id = "Hcqav8Z6eQMWA0G2AAAB"
	return []classicCase{
		{classic(cluster.Broadcast, cluster.Message{Payload: payload(`["ev",1,"2",{"a":[true,null]}]`)}), "socket.io#/#",
			"93a6NODE 83a474797065 02a464617461 94a2657601a13281a16192c3c0 a36e7370a12f 83a5726f6f6d7390a665786365707490a5666c61677380"},
		{classic(cluster.Broadcast, cluster.Message{Payload: payload(`["ev"]`), Selector: cluster.Selector{Rooms: []string{"room1"}}}), "socket.io#/#room1#",
			"93a6NODE 83a47479706502a46461746191a26576a36e7370a12f 83a5726f6f6d7391a5726f6f6d31a665786365707490a5666c61677380"},
		{classic(cluster.Broadcast, cluster.Message{
			Payload: payload(`["ev"]`), Selector: cluster.Selector{Rooms: []string{"r1", "r2"}, Except: []string{"r3"}}, Flags: cluster.Flags{Volatile: true},
		}), "socket.io#/#",
			"93a6NODE 83a47479706502a46461746191a26576a36e7370a12f 83a5726f6f6d7392a27231a27232a665786365707491a27233a5666c61677381a8766f6c6174696c65c3"},
		{classic(cluster.Broadcast, cluster.Message{Payload: payload(`["bin",{"_placeholder":true,"num":0}]`, []byte{1, 2, 3})}), "socket.io#/#",
			"93a6NODE 83a47479706502a46461746192a362696ec403010203a36e7370a12f 83a5726f6f6d7390a665786365707490a5666c61677380"},
		{classic(cluster.Broadcast, cluster.Message{Payload: payload(`["ev"]`), Selector: cluster.Selector{Except: []string{id}}}), "socket.io#/#",
			"93a6NODE 83a47479706502a46461746191a26576a36e7370a12f 83a5726f6f6d7390a665786365707491b4" + hex.EncodeToString([]byte(id)) + "a5666c61677380"},
		{classic(cluster.Broadcast, cluster.Message{Namespace: "/chat", Payload: payload(`["ev"]`)}), "socket.io#/chat#",
			"93a6NODE 83a47479706502a46461746191a26576a36e7370a52f63686174 83a5726f6f6d7390a665786365707490a5666c61677380"},
		{emitted(classic(cluster.Broadcast, cluster.Message{Payload: payload(`["ev"]`)})), "socket.io#/#",
			"93a7656d6974746572 83a47479706502a46461746191a26576a36e7370a12f 83a5726f6f6d7390a5666c61677380a665786365707490"},
	}
}

type classicCase struct {
	m       *cluster.Message
	channel string
	wire    string // JSON or hexadecimal digits
}

func (c *classicCase) bytes(t testing.TB) []byte {
	if c.wire[0] == '{' {
		return []byte(strings.ReplaceAll(strings.ReplaceAll(c.wire, "NODE", node), "REQUEST", requestID))
	}
	return bytesOf(t, c.wire)
}

func classicRequests() []classicCase {
	timed := func(d time.Duration, single bool) cluster.Flags {
		return cluster.Flags{Timeout: d, ExpectSingleResponse: single}
	}
	const channel = "socket.io-request#/#"
	return []classicCase{
		{classic(cluster.Broadcast, cluster.Message{RequestID: requestID, Payload: payload(`["ack"]`), Flags: timed(300*time.Millisecond, false)}), channel,
			"85a3756964a6NODE a9726571756573744964a6REQUEST a47479706507a67061636b657483a47479706502a46461746191a361636ba36e7370a12fa46f70747383a5726f6f6d7390a665786365707490a5666c61677381a774696d656f7574cd012c"},
		{classic(cluster.Broadcast, cluster.Message{
			RequestID: requestID, Payload: payload(`["ack"]`), Selector: cluster.Selector{Rooms: []string{"r"}}, Flags: timed(200*time.Millisecond, true),
		}), channel,
			"85a3756964a6NODE a9726571756573744964a6REQUEST a47479706507a67061636b657483a47479706502a46461746191a361636ba36e7370a12fa46f70747383a5726f6f6d7391a172a665786365707490a5666c61677382b465787065637453696e676c65526573706f6e7365c3a774696d656f7574ccc8"},
		{classic(cluster.SocketsJoin, cluster.Message{Selector: cluster.Selector{Rooms: []string{"room1"}, Except: []string{"r9"}}, Rooms: []string{"j1", "j2"}}), channel,
			`{"uid":"NODE","type":2,"opts":{"rooms":["room1"],"except":["r9"]},"rooms":["j1","j2"]}`},
		{classic(cluster.SocketsLeave, cluster.Message{Rooms: []string{"j1"}}), channel,
			`{"uid":"NODE","type":3,"opts":{"rooms":[],"except":[]},"rooms":["j1"]}`},
		{classic(cluster.DisconnectSockets, cluster.Message{Selector: cluster.Selector{Rooms: []string{"nobody"}}, Close: true}), channel,
			`{"uid":"NODE","type":4,"opts":{"rooms":["nobody"],"except":[]},"close":true}`},
		{classic(cluster.ServerSideEmit, cluster.Message{Payload: payload(`["hello","w",1]`)}), channel,
			`{"uid":"NODE","type":6,"data":["hello","w",1]}`},
		{classic(cluster.ServerSideEmit, cluster.Message{RequestID: requestID, Payload: payload(`["q",5]`)}), channel,
			`{"uid":"NODE","requestId":"REQUEST","type":6,"data":["q",5]}`},
		{classic(cluster.FetchSockets, cluster.Message{RequestID: requestID}), channel,
			`{"uid":"NODE","requestId":"REQUEST","type":5,"opts":{"rooms":[],"except":[]}}`},
		{emitted(classic(cluster.ServerSideEmit, cluster.Message{Payload: payload(`["hello"]`)})), channel,
			`{"uid":"emitter","type":6,"data":["hello"]}`},
	}
}

func classicResponses() []classicCase {
	const channel = "socket.io-response#/#"
	return []classicCase{
		{classic(cluster.BroadcastClientCount, cluster.Message{RequestID: requestID, Count: 1}), channel,
			`{"type":8,"requestId":"REQUEST","clientCount":1}`},
		{classic(cluster.BroadcastAck, cluster.Message{RequestID: requestID, Payload: payload(`["B!"]`)}), channel,
			"83a47479706509a9726571756573744964a6REQUEST a67061636b6574a24221"},
		{classic(cluster.BroadcastAck, cluster.Message{RequestID: requestID, Payload: payload(`[{"_placeholder":true,"num":0}]`, []byte{7})}), channel,
			"83a47479706509a9726571756573744964a6REQUEST a67061636b6574c40107"},
		{classic(cluster.ServerSideEmitResponse, cluster.Message{RequestID: requestID, Payload: payload(`[{"r":5}]`)}), channel,
			`{"type":6,"requestId":"REQUEST","data":{"r":5}}`},
		{classic(cluster.FetchSocketsResponse, cluster.Message{RequestID: requestID, Sockets: []cluster.SocketInfo{
			{ID: "s1", Handshake: json.RawMessage(`{"issued":1795334001947}`), Rooms: []string{"s1"}, Data: json.RawMessage(`{"name":"x"}`)},
		}}), channel, `{"requestId":"REQUEST","sockets":[{"id":"s1","handshake":{"issued":1795334001947},"rooms":["s1"],"data":{"name":"x"}}]}`},
	}
}

// checkClassic encodes and decodes. What cannot be seen in the format, forget takes
// out of the message.
func checkClassic(t *testing.T, test classicCase, decode func([]byte) (*cluster.Message, error), forget func(*cluster.Message)) {
	t.Helper()
	want := test.bytes(t)
	channel, got, err := sioredis.EncodeClassic("socket.io", test.m)
	if err != nil || channel != test.channel || string(got) != string(want) {
		t.Errorf("%s:\n got %q on %s, %v\nwant %q on %s", test.m.Type, got, channel, err, want, test.channel)
	}
	back, err := decode(want)
	if err != nil {
		t.Fatalf("%s: %v", test.m.Type, err)
	}
	m := normal(test.m)
	forget(m)
	if back = normal(back); !reflect.DeepEqual(back, m) {
		t.Errorf("%s: got back %+v, want %+v", test.m.Type, back, m)
	}
}

func TestClassicEvents(t *testing.T) {
	for _, test := range classicEvents() {
		checkClassic(t, test, sioredis.DecodeClassicEvent, func(*cluster.Message) {})
	}
}

func TestClassicRequests(t *testing.T) {
	for _, test := range classicRequests() {
		checkClassic(t, test, sioredis.DecodeClassicRequest, func(m *cluster.Message) {
			if m.Type != cluster.Broadcast {
				m.Namespace = "" // that of the channel
			}
		})
	}
}

func TestClassicResponses(t *testing.T) {
	for _, test := range classicResponses() {
		checkClassic(t, test, sioredis.DecodeClassicResponse, func(m *cluster.Message) { m.From, m.Namespace = "", "" })
	}
}

// What the emitter sends has no uid, and official servers ask for the ids of sockets.
func TestClassicForeign(t *testing.T) {
	for text, want := range map[string]cluster.Message{
		`{"type":2,"opts":{"rooms":[1],"except":[]},"rooms":["a",2.5]}`: {
			Type: cluster.SocketsJoin, Selector: cluster.Selector{Rooms: []string{"1"}}, Rooms: []string{"a", "2.5"},
		},
		`{"uid":"n","requestId":"r","type":0,"rooms":["x"]}`: {
			Type: cluster.FetchSockets, From: "n", RequestID: "sockets r", Selector: cluster.Selector{Rooms: []string{"x"}}, Rooms: []string{"x"},
		},
	} {
		got, err := sioredis.DecodeClassicRequest([]byte(text))
		if err != nil || !reflect.DeepEqual(normal(got), &want) {
			t.Errorf("%s: got %+v, %v, want %+v", text, got, err, want)
		}
	}
	answer := &cluster.Message{Type: cluster.FetchSocketsResponse, Namespace: "/", RequestID: "sockets r", Sockets: []cluster.SocketInfo{{ID: "a"}, {ID: "b"}}}
	_, got, err := sioredis.EncodeClassic("socket.io", answer)
	if want := `{"requestId":"r","sockets":["a","b"]}`; err != nil || string(got) != want {
		t.Errorf("got %s, %v, want %s", got, err, want)
	}
}

// An object that looks like the placeholder of a binary value would have the client
// end its connection.
func TestForgedPlaceholder(t *testing.T) {
	forged := "82ac5f706c616365686f6c646572c3a36e756d05"
	if got, _, err := sioredis.MsgpackToJSON(unhex(t, "92"+forged+"c40101")); err == nil {
		t.Errorf("got %s, want an error", got)
	}
	if _, _, err := sioredis.MsgpackToJSON(unhex(t, "91"+forged)); err != nil {
		t.Errorf("without binary values it is an object like others, got %v", err)
	}
}

func FuzzClassic(f *testing.F) {
	for _, cases := range [][]classicCase{classicEvents(), classicRequests(), classicResponses()} {
		for _, c := range cases {
			f.Add(c.bytes(f))
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, decode := range []func([]byte) (*cluster.Message, error){
			sioredis.DecodeClassicEvent, sioredis.DecodeClassicRequest, sioredis.DecodeClassicResponse,
		} {
			m, err := decode(data)
			if err != nil {
				continue
			}
			checkEvent(t, m)
			if _, _, err := sioredis.EncodeClassic("k", m); err != nil && m.Type == cluster.Broadcast && m.RequestID == "" && data[0] != '{' {
				t.Fatalf("%x was decoded as %+v, which cannot be encoded: %v", data, m, err)
			}
		}
	})
}
