package sioredis_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	sioredis "github.com/gosocketio/sio/adapters/redis"
	"github.com/gosocketio/sio/core/cluster"
)

const uid = "9b08a70ca22e0790"

func message(t cluster.Type, m cluster.Message) *cluster.Message {
	m.Type, m.From, m.Namespace = t, uid, "/"
	return &m
}

func payload(text string, attachments ...[]byte) cluster.Payload {
	return cluster.Payload{JSON: []byte(text), Attachments: attachments}
}

const request = "a48d355531452a64"

// messages are what the Node.js adapters were seen to send, in JSON.
var messages = []struct {
	m    *cluster.Message
	json string
}{
	{message(cluster.Broadcast, cluster.Message{Payload: payload(`["ev",1,"2"]`)}),
		`{"type":3,"data":{"packet":{"type":2,"data":["ev",1,"2"]},"opts":{"rooms":[],"except":[],"flags":{}}},"uid":"9b08a70ca22e0790","nsp":"/"}`},
	{message(cluster.Broadcast, cluster.Message{
		Payload:  payload(`["ev"]`),
		Selector: cluster.Selector{Rooms: []string{"r1", "r2"}, Except: []string{"r3"}}, Flags: cluster.Flags{Volatile: true, NoCompress: true},
	}), `{"type":3,"data":{"packet":{"type":2,"data":["ev"]},"opts":{"rooms":["r1","r2"],"except":["r3"],"flags":{"volatile":true,"compress":false}}},"uid":"9b08a70ca22e0790","nsp":"/"}`},
	{message(cluster.Broadcast, cluster.Message{Payload: payload(`["ack"]`), RequestID: request, Flags: cluster.Flags{Timeout: 300 * time.Millisecond}}),
		`{"type":3,"data":{"packet":{"type":2,"data":["ack"]},"requestId":"a48d355531452a64","opts":{"rooms":[],"except":[],"flags":{"timeout":300}}},"uid":"9b08a70ca22e0790","nsp":"/"}`},
	{message(cluster.Broadcast, cluster.Message{
		Payload: payload(`["ack"]`), RequestID: request, Selector: cluster.Selector{Rooms: []string{"id"}},
		Flags: cluster.Flags{ExpectSingleResponse: true, Timeout: 200 * time.Millisecond},
	}), `{"type":3,"data":{"packet":{"type":2,"data":["ack"]},"requestId":"a48d355531452a64","opts":{"rooms":["id"],"except":[],"flags":{"expectSingleResponse":true,"timeout":200}}},"uid":"9b08a70ca22e0790","nsp":"/"}`},
	{message(cluster.SocketsJoin, cluster.Message{Selector: cluster.Selector{Rooms: []string{"room1"}, Except: []string{"r9"}}, Rooms: []string{"j1", "j2"}}),
		`{"type":4,"data":{"opts":{"rooms":["room1"],"except":["r9"],"flags":{}},"rooms":["j1","j2"]},"uid":"9b08a70ca22e0790","nsp":"/"}`},
	{message(cluster.SocketsLeave, cluster.Message{Rooms: []string{"j1"}}),
		`{"type":5,"data":{"opts":{"rooms":[],"except":[],"flags":{}},"rooms":["j1"]},"uid":"9b08a70ca22e0790","nsp":"/"}`},
	{message(cluster.DisconnectSockets, cluster.Message{Selector: cluster.Selector{Rooms: []string{"nobody"}}, Close: true}),
		`{"type":6,"data":{"opts":{"rooms":["nobody"],"except":[],"flags":{}},"close":true},"uid":"9b08a70ca22e0790","nsp":"/"}`},
	{message(cluster.FetchSockets, cluster.Message{RequestID: request}),
		`{"type":7,"data":{"opts":{"rooms":[],"except":[],"flags":{}},"requestId":"a48d355531452a64"},"uid":"9b08a70ca22e0790","nsp":"/"}`},
	{message(cluster.FetchSocketsResponse, cluster.Message{RequestID: request, Sockets: []cluster.SocketInfo{
		{ID: "s1", Handshake: json.RawMessage(`{"issued":1795334001947}`), Rooms: []string{"s1"}, Data: json.RawMessage(`{"name":"x"}`)},
	}}), `{"type":8,"data":{"requestId":"a48d355531452a64","sockets":[{"id":"s1","handshake":{"issued":1795334001947},"rooms":["s1"],"data":{"name":"x"}}]},"uid":"9b08a70ca22e0790","nsp":"/"}`},
	{message(cluster.ServerSideEmit, cluster.Message{Payload: payload(`["hello","w",1]`)}),
		`{"type":9,"data":{"packet":["hello","w",1]},"uid":"9b08a70ca22e0790","nsp":"/"}`},
	{message(cluster.ServerSideEmit, cluster.Message{RequestID: request, Payload: payload(`["q",5]`)}),
		`{"type":9,"data":{"requestId":"a48d355531452a64","packet":["q",5]},"uid":"9b08a70ca22e0790","nsp":"/"}`},
	{message(cluster.ServerSideEmitResponse, cluster.Message{RequestID: request, Payload: payload(`[{"r":5}]`)}),
		`{"type":10,"data":{"requestId":"a48d355531452a64","packet":{"r":5}},"uid":"9b08a70ca22e0790","nsp":"/"}`},
	{message(cluster.BroadcastClientCount, cluster.Message{RequestID: request, Count: 1}),
		`{"type":11,"data":{"requestId":"a48d355531452a64","clientCount":1},"uid":"9b08a70ca22e0790","nsp":"/"}`},
	{message(cluster.BroadcastAck, cluster.Message{RequestID: request, Payload: payload(`["B!"]`)}),
		`{"type":12,"data":{"requestId":"a48d355531452a64","packet":"B!"},"uid":"9b08a70ca22e0790","nsp":"/"}`},
	{message(cluster.AdapterClose, cluster.Message{}), `{"type":13,"uid":"9b08a70ca22e0790","nsp":"/"}`},
}

func TestMessages(t *testing.T) {
	for _, test := range messages {
		if got := sioredis.AppendMessage(nil, test.m); string(got) != test.json {
			t.Errorf("%s:\n got %s\nwant %s", test.m.Type, got, test.json)
		}
		packed, err := sioredis.AppendMessageMsgpack(nil, test.m)
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range [][]byte{[]byte(test.json), packed} {
			got, err := sioredis.DecodeMessage(text)
			if err != nil || !reflect.DeepEqual(normal(got), normal(test.m)) {
				t.Errorf("%s: got %+v, %v, want %+v", test.m.Type, got, err, test.m)
			}
		}
	}
}

// normal makes empty lists nil.
func normal(m *cluster.Message) *cluster.Message {
	c := *m
	for _, list := range []*[]string{&c.Selector.Rooms, &c.Selector.Except, &c.Rooms} {
		if len(*list) == 0 {
			*list = nil
		}
	}
	return &c
}

// The bytes are captured.
func TestMessageBytes(t *testing.T) {
	id := hex.EncodeToString([]byte(uid))
	req := hex.EncodeToString([]byte(request))
	for _, test := range []struct {
		m   *cluster.Message
		hex string
	}{
		{message(cluster.Broadcast, cluster.Message{Payload: payload(`["bin",{"_placeholder":true,"num":0}]`, []byte{1, 2, 3})}),
			"84a47479706503a46461746182a67061636b657482a47479706502a46461746192a362696ec403010203a46f70747383a5726f6f6d7390a665786365707490a5666c61677380a3756964b0" + id + "a36e7370a12f"},
		{message(cluster.Broadcast, cluster.Message{Payload: payload(`["ack"]`), RequestID: request, Flags: cluster.Flags{Timeout: 200 * time.Millisecond}}),
			"84a47479706503a46461746183a67061636b657482a47479706502a46461746191a361636ba9726571756573744964b0" + req + "a46f70747383a5726f6f6d7390a665786365707490a5666c61677381a774696d656f7574ccc8a3756964b0" + id + "a36e7370a12f"},
		{message(cluster.BroadcastClientCount, cluster.Message{RequestID: request, Count: 1}),
			"84a4747970650ba46461746182a9726571756573744964b0" + req + "ab636c69656e74436f756e7401a3756964b0" + id + "a36e7370a12f"},
		{message(cluster.BroadcastAck, cluster.Message{RequestID: request, Payload: payload(`[{"_placeholder":true,"num":0}]`, []byte{7})}),
			"84a4747970650ca46461746182a9726571756573744964b0" + req + "a67061636b6574c40107a3756964b0" + id + "a36e7370a12f"},
		{message(cluster.FetchSockets, cluster.Message{RequestID: request}),
			"84a47479706507a46461746182a46f70747383a5726f6f6d7390a665786365707490a5666c61677380a9726571756573744964b0" + req + "a3756964b0" + id + "a36e7370a12f"},
		{message(cluster.ServerSideEmit, cluster.Message{Payload: payload(`["hello","w"]`)}),
			"84a47479706509a46461746181a67061636b657492a568656c6c6fa177a3756964b0" + id + "a36e7370a12f"},
	} {
		got, err := sioredis.AppendMessageMsgpack(nil, test.m)
		if err != nil || hex.EncodeToString(got) != test.hex {
			t.Errorf("%s:\n got %x, %v\nwant %s", test.m.Type, got, err, test.hex)
		}
		back, err := sioredis.DecodeMessage(unhex(t, test.hex))
		if err != nil || !reflect.DeepEqual(normal(back), normal(test.m)) {
			t.Errorf("%s: got %+v, %v, want %+v", test.m.Type, back, err, test.m)
		}
	}
}

// Rooms of Node.js servers can be numbers, acknowledgements can have no value.
func TestForeignMessages(t *testing.T) {
	m, err := sioredis.DecodeMessage([]byte(`{"type":3,"data":{"packet":{"type":2,"data":["ev"],"nsp":"/"},"opts":{"rooms":[123,"a"],"except":[4],"flags":{"local":false,"compress":true,"timeout":1e99}}},"uid":"emitter","nsp":"/"}`))
	if err != nil || !reflect.DeepEqual(m.Selector, cluster.Selector{Rooms: []string{"123", "a"}, Except: []string{"4"}}) || m.Flags.NoCompress || m.Flags.Timeout != 24*time.Hour {
		t.Errorf("got %+v, %v", m, err)
	}
	m, err = sioredis.DecodeMessage([]byte(`{"type":12,"data":{"requestId":"1"},"uid":"a","nsp":"/"}`))
	if err != nil || string(m.Payload.JSON) != "[]" {
		t.Errorf("got %+v, %v", m, err)
	}
	ack := sioredis.AppendMessage(nil, message(cluster.BroadcastAck, cluster.Message{RequestID: "1", Payload: payload(`[]`)}))
	if bytes.Contains(ack, []byte("packet")) {
		t.Errorf("an acknowledgement without a value is %s", ack)
	}
}

func TestEntries(t *testing.T) {
	for _, test := range []struct {
		m    *cluster.Message
		kind string
		data string
	}{
		{message(cluster.Broadcast, cluster.Message{Payload: payload(`["ev",1,"2"]`)}), "3", `{"packet":{"type":2,"data":["ev",1,"2"]},"opts":{"rooms":[],"except":[],"flags":{}}}`},
		{message(cluster.Broadcast, cluster.Message{
			Payload: payload(`["ev",{"_placeholder":true,"num":0}]`, []byte{1, 2}), Selector: cluster.Selector{Rooms: []string{"r1"}, Except: []string{"r2"}},
		}), "3", "gqZwYWNrZXSCpHR5cGUCpGRhdGGSomV2xAIBAqRvcHRzg6Vyb29tc5GicjGmZXhjZXB0kaJyMqVmbGFnc4A="},
		{message(cluster.SocketsJoin, cluster.Message{Selector: cluster.Selector{Rooms: []string{"x"}}, Rooms: []string{"j1"}}), "4", `{"opts":{"rooms":["x"],"except":[],"flags":{}},"rooms":["j1"]}`},
	} {
		fields, err := sioredis.EncodeEntry(test.m)
		if err != nil {
			t.Fatal(err)
		}
		e := redis.XMessage{ID: "1700000000000-0", Values: map[string]any{}}
		for i, key := range []string{"uid", "nsp", "type", "data"} {
			if fields[2*i] != key {
				t.Errorf("field %d is %v, want %s", i, fields[2*i], key)
			}
			if b, ok := fields[2*i+1].([]byte); ok {
				fields[2*i+1] = string(b)
			}
			e.Values[key] = fields[2*i+1]
		}
		if e.Values["uid"] != uid || e.Values["nsp"] != "/" || e.Values["type"] != test.kind || e.Values["data"] != test.data {
			t.Errorf("got %v, want data %s", e.Values, test.data)
		}
		got, err := sioredis.DecodeEntry(&e)
		want := normal(test.m)
		if want.Recoverable() {
			want.Offset = e.ID
		}
		if err != nil || !reflect.DeepEqual(normal(got), want) {
			t.Errorf("got %+v, %v, want %+v", got, err, want)
		}
	}
}

func TestSessions(t *testing.T) {
	s := &cluster.Session{ID: "sid", PID: "pid", Rooms: []string{"sid", "r"}, Data: []byte(`{"n":[1,null]}`)}
	text, err := sioredis.EncodeSession(s)
	want := base64.StdEncoding.EncodeToString(unhex(t, "84a3736964a3736964a3706964a3706964a5726f6f6d7392a3736964a172a46461746181a16e9201c0"))
	if err != nil || text != want {
		t.Errorf("got %s, %v, want %s", text, err, want)
	}
	got, err := sioredis.DecodeSession(text)
	if err != nil || !reflect.DeepEqual(got, s) {
		t.Errorf("got %+v, %v", got, err)
	}
	for _, text := range []string{"", "x", "wA==", "gA", "kA=="} {
		if got, err := sioredis.DecodeSession(text); err == nil && got.PID != "" {
			t.Errorf("%q: got %+v", text, got)
		}
	}
}

// The numbers are those of the Node.js adapter, a defect with negative ones included.
func TestStreamNames(t *testing.T) {
	opts := &sioredis.StreamsOptions{StreamName: "s", StreamCount: 3}
	for namespace, want := range map[string]string{"/": "s-2", "/chat": "s-1", "/é😀": "s-2", "/notifications": "s--2"} {
		if got := opts.StreamOf(namespace); got != want {
			t.Errorf("stream of %s is %s, want %s", namespace, got, want)
		}
	}
}

func FuzzDecodeMessage(f *testing.F) {
	for _, test := range messages {
		f.Add([]byte(test.json))
		packed, _ := sioredis.AppendMessageMsgpack(nil, test.m)
		f.Add(packed)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := sioredis.DecodeMessage(data)
		if err != nil {
			return
		}
		checkEvent(t, m)
	})
}

func FuzzDecodeEntry(f *testing.F) {
	f.Add("3", `{"packet":{"type":2,"data":["ev",1,"2"]},"opts":{"rooms":[],"except":[],"flags":{}}}`)
	f.Add("3", "gqZwYWNrZXSCpHR5cGUCpGRhdGGSomV2xAIBAqRvcHRzg6Vyb29tc5GicjGmZXhjZXB0kaJyMqVmbGFnc4A=")
	f.Add("13", "")
	f.Fuzz(func(t *testing.T, kind, data string) {
		m, err := sioredis.DecodeEntry(&redis.XMessage{ID: "1-0", Values: map[string]any{"uid": "a", "nsp": "/", "type": kind, "data": data}})
		if err != nil {
			return
		}
		checkEvent(t, m)
	})
}

// checkEvent checks that what is passed on to clients as it is can be.
func checkEvent(t *testing.T, m *cluster.Message) {
	t.Helper()
	if m.Type != cluster.Broadcast {
		return
	}
	var event []any
	if err := json.Unmarshal(m.Payload.JSON, &event); err != nil || len(event) == 0 {
		t.Fatalf("the event is %s", m.Payload.JSON)
	}
	if _, ok := event[0].(string); !ok {
		t.Fatalf("the event is %s", m.Payload.JSON)
	}
}
