package sioredis

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/gosocketio/sio/core/cluster"
)

// Most formats carry a message as an object {"type","data","uid","nsp"}, in JSON or,
// with binary values, in msgpack. Msgpack is made of the JSON, and read by way of it.

// eventPacket is the type of an event in the Socket.IO protocol; binaryEventPacket
// that of one with attachments.
const (
	eventPacket       = 2
	binaryEventPacket = 5
)

// appendMessage writes a message in JSON.
func appendMessage(out []byte, m *cluster.Message) []byte {
	out = append(out, `{"type":`...)
	out = strconv.AppendInt(out, int64(m.Type), 10)
	if hasData(m.Type) {
		out = append(out, `,"data":`...)
		out = appendData(out, m)
	}
	out = append(out, `,"uid":`...)
	out = appendString(out, m.From)
	out = append(out, `,"nsp":`...)
	out = appendString(out, m.Namespace)
	return append(out, '}')
}

// appendMessageMsgpack writes a message in msgpack.
func appendMessageMsgpack(out []byte, m *cluster.Message) ([]byte, error) {
	return appendMsgpack(out, appendMessage(nil, m), m.Payload.Attachments)
}

// hasData reports whether messages of a type have data.
func hasData(t cluster.Type) bool {
	return t != cluster.InitialHeartbeat && t != cluster.Heartbeat && t != cluster.AdapterClose
}

// appendData writes the data of a message in JSON. The keys are in the order of the
// Node.js adapters.
func appendData(out []byte, m *cluster.Message) []byte {
	switch m.Type {
	case cluster.Broadcast:
		out = append(out, `{"packet":{"type":2,"data":`...)
		out = append(append(out, m.Payload.JSON...), '}')
		if m.From == cluster.EmitterID {
			out = out[:len(out)-1]
			out = append(appendString(append(out, `,"nsp":`...), m.Namespace), '}')
		}
		out = appendRequestID(out, m, ',')
		out = appendOpts(append(out, `,"opts":`...), m)
	case cluster.SocketsJoin, cluster.SocketsLeave:
		out = appendOpts(append(out, `{"opts":`...), m)
		out = appendStrings(append(out, `,"rooms":`...), m.Rooms)
	case cluster.DisconnectSockets:
		out = appendOpts(append(out, `{"opts":`...), m)
		out = strconv.AppendBool(append(out, `,"close":`...), m.Close)
	case cluster.FetchSockets:
		out = appendOpts(append(out, `{"opts":`...), m)
		out = appendRequestID(out, m, ',')
	case cluster.ServerSideEmit:
		if out = append(out, '{'); m.RequestID != "" {
			out = append(appendRequestID(out, m, 0), ',')
		}
		out = append(append(out, `"packet":`...), m.Payload.JSON...)
	default:
		out = appendResponse(append(out, '{'), m)
	}
	return append(out, '}')
}

// appendResponse writes the data of a response, after the brace.
func appendResponse(out []byte, m *cluster.Message) []byte {
	out = appendRequestID(out, m, 0)
	switch m.Type {
	case cluster.FetchSocketsResponse:
		return appendSockets(append(out, `,"sockets":`...), m.Sockets)
	case cluster.BroadcastClientCount:
		return strconv.AppendInt(append(out, `,"clientCount":`...), int64(m.Count), 10)
	}
	if v := firstElement(m.Payload.JSON); len(v) > 0 {
		out = append(append(out, `,"packet":`...), v...)
	}
	return out
}

func appendRequestID(out []byte, m *cluster.Message, before byte) []byte {
	if m.RequestID == "" {
		return out
	}
	if before != 0 {
		out = append(out, before)
	}
	return appendString(append(out, `"requestId":`...), m.RequestID)
}

func appendOpts(out []byte, m *cluster.Message) []byte {
	out = appendStrings(append(out, `{"rooms":`...), m.Selector.Rooms)
	out = appendStrings(append(out, `,"except":`...), m.Selector.Except)
	out = appendFlags(append(out, `,"flags":`...), &m.Flags)
	return append(out, '}')
}

func appendFlags(out []byte, f *cluster.Flags) []byte {
	start := len(out)
	if f.Volatile {
		out = append(out, `,"volatile":true`...)
	}
	if f.NoCompress {
		out = append(out, `,"compress":false`...)
	}
	if f.ExpectSingleResponse {
		out = append(out, `,"expectSingleResponse":true`...)
	}
	if f.Timeout > 0 {
		ms := max(int64(f.Timeout/time.Millisecond), 1)
		out = strconv.AppendInt(append(out, `,"timeout":`...), ms, 10)
	}
	if len(out) == start {
		return append(out, '{', '}')
	}
	out[start] = '{' // in place of the comma
	return append(out, '}')
}

func appendStrings(out []byte, list []string) []byte {
	out = append(out, '[')
	for i, s := range list {
		if i > 0 {
			out = append(out, ',')
		}
		out = appendString(out, s)
	}
	return append(out, ']')
}

func appendSockets(out []byte, sockets []cluster.SocketInfo) []byte {
	out = append(out, '[')
	for i := range sockets {
		s := &sockets[i]
		if i > 0 {
			out = append(out, ',')
		}
		out = appendString(append(out, `{"id":`...), s.ID)
		out = appendObject(append(out, `,"handshake":`...), s.Handshake)
		out = appendStrings(append(out, `,"rooms":`...), s.Rooms)
		out = appendObject(append(out, `,"data":`...), s.Data)
		out = append(out, '}')
	}
	return append(out, ']')
}

// appendObject writes JSON that can be missing, without white space.
func appendObject(out, text []byte) []byte {
	compact := bytes.NewBuffer(out)
	if len(text) == 0 || json.Compact(compact, text) != nil {
		return append(out, '{', '}')
	}
	return compact.Bytes()
}

// firstElement returns the first element of a JSON array, or nothing.
func firstElement(array []byte) json.RawMessage {
	var elements []json.RawMessage
	if json.Unmarshal(array, &elements) != nil || len(elements) == 0 {
		return nil
	}
	return elements[0]
}

// wireMessage is a message as it is read.
type wireMessage struct {
	Type cluster.Type    `json:"type"`
	Data json.RawMessage `json:"data"`
	UID  string          `json:"uid"`
	Nsp  string          `json:"nsp"`
}

type wireData struct {
	Packet      json.RawMessage `json:"packet"`
	RequestID   string          `json:"requestId"`
	Opts        wireOpts        `json:"opts"`
	Rooms       roomList        `json:"rooms"`
	Close       bool            `json:"close"`
	Sockets     []wireSocket    `json:"sockets"`
	ClientCount int             `json:"clientCount"`
}

type wireOpts struct {
	Rooms  roomList  `json:"rooms"`
	Except roomList  `json:"except"`
	Flags  wireFlags `json:"flags"`
}

type wireFlags struct {
	Volatile bool    `json:"volatile"`
	Compress *bool   `json:"compress"`
	Timeout  float64 `json:"timeout"`
	Single   bool    `json:"expectSingleResponse"`
}

type wireSocket struct {
	ID        string          `json:"id"`
	Handshake json.RawMessage `json:"handshake"`
	Rooms     roomList        `json:"rooms"`
	Data      json.RawMessage `json:"data"`
}

type wirePacket struct {
	Type int             `json:"type"`
	Data json.RawMessage `json:"data"`
}

// roomList is a list of rooms. In JavaScript these can be numbers.
type roomList []string

// UnmarshalJSON implements [json.Unmarshaler].
func (l *roomList) UnmarshalJSON(text []byte) error {
	var list []json.RawMessage
	if err := json.Unmarshal(text, &list); err != nil {
		return err
	}
	*l = make(roomList, len(list))
	for i, room := range list {
		(*l)[i] = string(room)
		if room[0] == '"' {
			if err := json.Unmarshal(room, &(*l)[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

// maxTimeout bounds what another node may have this one wait for.
const maxTimeout = 24 * time.Hour

func (f *wireFlags) decode() cluster.Flags {
	ms := min(max(f.Timeout, 0), float64(maxTimeout/time.Millisecond))
	return cluster.Flags{
		Volatile: f.Volatile, NoCompress: f.Compress != nil && !*f.Compress,
		Timeout: time.Duration(ms * float64(time.Millisecond)), ExpectSingleResponse: f.Single,
	}
}

// decodeMessage reads a message in JSON or msgpack.
func decodeMessage(text []byte) (*cluster.Message, error) {
	var attachments [][]byte
	if len(text) == 0 {
		return nil, errors.New("empty message")
	}
	if text[0] != '{' {
		var err error
		if text, attachments, err = msgpackToJSON(text); err != nil {
			return nil, err
		}
	}
	var w wireMessage
	if err := json.Unmarshal(text, &w); err != nil {
		return nil, err
	}
	m := &cluster.Message{Type: w.Type, From: w.UID, Namespace: w.Nsp}
	return m, decodeData(m, w.Data, attachments)
}

// decodeData reads the data of a message, whose type is known, in JSON.
func decodeData(m *cluster.Message, text []byte, attachments [][]byte) error {
	if !hasData(m.Type) {
		return nil
	}
	var d wireData
	if err := json.Unmarshal(text, &d); err != nil {
		return err
	}
	m.RequestID = d.RequestID
	m.Selector = cluster.Selector{Rooms: d.Opts.Rooms, Except: d.Opts.Except}
	m.Flags = d.Opts.Flags.decode()
	m.Rooms, m.Close, m.Count = d.Rooms, d.Close, d.ClientCount
	for _, s := range d.Sockets {
		m.Sockets = append(m.Sockets, cluster.SocketInfo{ID: s.ID, Handshake: s.Handshake, Rooms: s.Rooms, Data: s.Data})
	}
	payload, err := decodePacket(m.Type, d.Packet)
	m.Payload = cluster.Payload{JSON: payload, Attachments: attachments}
	return err
}

// decodePacket reads the packet of a message: an array of values in the end.
func decodePacket(t cluster.Type, packet json.RawMessage) ([]byte, error) {
	switch t {
	case cluster.Broadcast:
		var p wirePacket
		if err := json.Unmarshal(packet, &p); err != nil {
			return nil, err
		}
		if p.Type != eventPacket && p.Type != binaryEventPacket {
			return nil, fmt.Errorf("packet of type %d", p.Type)
		}
		return eventArray(p.Data)
	case cluster.ServerSideEmit:
		return eventArray(packet)
	case cluster.ServerSideEmitResponse, cluster.BroadcastAck:
		return slices.Concat([]byte{'['}, packet, []byte{']'}), nil
	}
	return nil, nil
}

// eventArray checks that what is to be sent to clients as it is looks like an event:
// an array that begins with a name.
func eventArray(text []byte) ([]byte, error) {
	if len(text) < 4 || text[0] != '[' || text[1] != '"' {
		return nil, errors.New("packet is not an event")
	}
	return text, nil
}
