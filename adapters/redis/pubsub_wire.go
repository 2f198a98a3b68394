package sioredis

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/gosocketio/sio/core/cluster"
)

// The classic format: events are msgpack arrays, most requests and responses JSON.

// classic is the names of the channels of a namespace.
type classic struct{ events, requests, responses string }

func classicNames(key, namespace string) classic {
	return classic{key + "#" + namespace + "#", key + "-request#" + namespace + "#", key + "-response#" + namespace + "#"}
}

// The types of requests and responses. Those from 100 on are ours; official servers
// ignore them.
const (
	classicSockets    = 0
	classicAllRooms   = 1
	classicJoin       = 2
	classicLeave      = 3
	classicDisconnect = 4
	classicFetch      = 5
	classicServerSide = 6
	classicBroadcast  = 7
	classicCount      = 8
	classicAck        = 9
	classicOurs       = 100 // and a cluster.Type
)

// socketsPrefix begins the ids of requests for the ids of sockets, so that the
// response is told from that to other requests.
const socketsPrefix = "sockets "

// encode makes the payload of a message, and says on which channel it goes.
func (c *classic) encode(m *cluster.Message) (channel string, payload []byte, err error) {
	switch m.Type {
	case cluster.Broadcast:
		if m.RequestID != "" {
			payload, err = appendMsgpack(nil, classicQuestion(m), m.Payload.Attachments)
			return c.requests, payload, err
		}
		payload, err = appendMsgpack(nil, classicEvent(m), m.Payload.Attachments)
		if channel = c.events; len(m.Selector.Rooms) == 1 {
			channel += m.Selector.Rooms[0] + "#"
		}
		return channel, payload, err
	case cluster.FetchSocketsResponse, cluster.ServerSideEmitResponse, cluster.BroadcastClientCount, cluster.BroadcastAck:
		channel, payload = c.responses, classicResponse(m)
	default:
		channel, payload = c.requests, classicRequest(m)
	}
	// Binary values, and all acknowledgements, need msgpack, which is known by its first byte.
	if len(m.Payload.Attachments) > 0 || m.Type == cluster.BroadcastAck {
		payload, err = appendMsgpack(nil, payload, m.Payload.Attachments)
	}
	return channel, payload, err
}

// classicPacket writes {"type","data","nsp"}.
func classicPacket(out []byte, m *cluster.Message) []byte {
	out = append(append(out, `{"type":2,"data":`...), m.Payload.JSON...)
	return append(appendString(append(out, `,"nsp":`...), m.Namespace), '}')
}

func classicEvent(m *cluster.Message) []byte {
	out := appendString([]byte{'['}, m.From)
	out = classicPacket(append(out, ','), m)
	if m.From != cluster.EmitterID {
		return append(appendOpts(append(out, ','), m), ']')
	}
	out = appendStrings(append(out, `,{"rooms":`...), m.Selector.Rooms)
	out = appendFlags(append(out, `,"flags":`...), &m.Flags)
	out = appendStrings(append(out, `,"except":`...), m.Selector.Except)
	return append(out, '}', ']')
}

func classicQuestion(m *cluster.Message) []byte {
	out := appendString([]byte(`{"uid":`), m.From)
	out = appendRequestID(out, m, ',')
	out = classicPacket(append(out, `,"type":7,"packet":`...), m)
	return append(appendOpts(append(out, `,"opts":`...), m), '}')
}

func classicRequest(m *cluster.Message) []byte {
	out := []byte{'{'}
	if m.From != cluster.EmitterID || m.Type == cluster.ServerSideEmit {
		out = append(appendString(append(out, `"uid":`...), m.From), ',')
	}
	if m.RequestID != "" {
		out = append(appendRequestID(out, m, 0), ',')
	}
	out = append(out, `"type":`...)
	switch m.Type {
	case cluster.SocketsJoin, cluster.SocketsLeave:
		out = strconv.AppendInt(out, int64(m.Type-cluster.SocketsJoin)+classicJoin, 10)
		out = appendStrings(append(classicOpts(out, m), `,"rooms":`...), m.Rooms)
	case cluster.DisconnectSockets:
		out = strconv.AppendBool(append(classicOpts(append(out, '4'), m), `,"close":`...), m.Close)
	case cluster.FetchSockets:
		out = classicOpts(append(out, '5'), m)
	case cluster.ServerSideEmit:
		out = append(append(out, `6,"data":`...), m.Payload.JSON...)
	default:
		out = strconv.AppendInt(out, classicOurs+int64(m.Type), 10)
	}
	return append(out, '}')
}

func classicOpts(out []byte, m *cluster.Message) []byte {
	out = appendStrings(append(out, `,"opts":{"rooms":`...), m.Selector.Rooms)
	return append(appendStrings(append(out, `,"except":`...), m.Selector.Except), '}')
}

func classicResponse(m *cluster.Message) []byte {
	out := []byte{'{'}
	switch m.Type {
	case cluster.FetchSocketsResponse:
		if id, ok := strings.CutPrefix(m.RequestID, socketsPrefix); ok {
			return classicIDs(id, m.Sockets)
		}
		out = appendSockets(append(appendRequestID(out, m, 0), `,"sockets":`...), m.Sockets)
	case cluster.ServerSideEmitResponse:
		out = appendRequestID(append(out, `"type":6,`...), m, 0)
		out = appendFirst(append(out, `,"data":`...), m)
	case cluster.BroadcastClientCount:
		out = appendRequestID(append(out, `"type":8,`...), m, 0)
		out = strconv.AppendInt(append(out, `,"clientCount":`...), int64(m.Count), 10)
	default:
		out = appendRequestID(append(out, `"type":9,`...), m, 0)
		out = appendFirst(append(out, `,"packet":`...), m)
	}
	return append(out, '}')
}

// appendFirst writes the first value of an answer, or null.
func appendFirst(out []byte, m *cluster.Message) []byte {
	if v := firstElement(m.Payload.JSON); len(v) > 0 {
		return append(out, v...)
	}
	return append(out, "null"...)
}

func classicIDs(requestID string, sockets []cluster.SocketInfo) []byte {
	ids := make([]string, len(sockets))
	for i := range sockets {
		ids[i] = sockets[i].ID
	}
	out := appendString([]byte(`{"requestId":`), requestID)
	return append(appendStrings(append(out, `,"sockets":`...), ids), '}')
}

// decodeClassicEvent reads [uid, packet, opts].
func decodeClassicEvent(data []byte) (*cluster.Message, error) {
	text, attachments, err := classicText(data)
	if err != nil {
		return nil, err
	}
	var parts []json.RawMessage
	if err := json.Unmarshal(text, &parts); err != nil {
		return nil, err
	}
	if len(parts) < 3 {
		return nil, errors.New("message is too short")
	}
	var w classicMessage
	for i, v := range []any{&w.UID, &w.Packet, &w.Opts} {
		if err := json.Unmarshal(parts[i], v); err != nil {
			return nil, err
		}
	}
	m := &cluster.Message{Type: cluster.Broadcast, From: w.UID}
	return m, w.event(m, attachments)
}

// classicText returns the JSON of what is JSON or msgpack.
func classicText(data []byte) ([]byte, [][]byte, error) {
	if len(data) == 0 {
		return nil, nil, errors.New("empty message")
	}
	if data[0] == '{' {
		return data, nil, nil
	}
	return msgpackToJSON(data)
}

// classicMessage is a request or response as it is read.
type classicMessage struct {
	Type        *int            `json:"type"`
	UID         string          `json:"uid"`
	RequestID   string          `json:"requestId"`
	Packet      json.RawMessage `json:"packet"`
	Data        json.RawMessage `json:"data"`
	Opts        wireOpts        `json:"opts"`
	Rooms       roomList        `json:"rooms"`
	Close       bool            `json:"close"`
	Sockets     json.RawMessage `json:"sockets"`
	ClientCount int             `json:"clientCount"`
}

// event sets what an event has.
func (w *classicMessage) event(m *cluster.Message, attachments [][]byte) error {
	var p struct{ Nsp string }
	if err := json.Unmarshal(w.Packet, &p); err != nil {
		return err
	}
	if m.Namespace = p.Nsp; p.Nsp == "" {
		m.Namespace = "/"
	}
	payload, err := decodePacket(cluster.Broadcast, w.Packet)
	m.Payload = cluster.Payload{JSON: payload, Attachments: attachments}
	m.Selector = cluster.Selector{Rooms: w.Opts.Rooms, Except: w.Opts.Except}
	m.Flags = w.Opts.Flags.decode()
	return err
}

// errAllRooms says that a request is for all rooms.
var errAllRooms = errors.New("all rooms are asked for")

// decodeClassic reads a request or a response: of what type it is, types says.
func decodeClassic(data []byte, types func(*classicMessage) (cluster.Type, error)) (*cluster.Message, error) {
	text, attachments, err := classicText(data)
	if err != nil {
		return nil, err
	}
	var w classicMessage
	if err := json.Unmarshal(text, &w); err != nil {
		return nil, err
	}
	m := &cluster.Message{From: w.UID, RequestID: w.RequestID}
	if m.Type, err = types(&w); err != nil {
		return m, err
	}
	switch m.Type {
	case cluster.Broadcast:
		return m, w.event(m, attachments)
	case cluster.FetchSocketsResponse:
		m.Sockets, err = w.sockets()
	case cluster.ServerSideEmit:
		m.Payload.JSON, err = eventArray(w.Data)
	case cluster.ServerSideEmitResponse:
		m.Payload.JSON, err = decodePacket(m.Type, w.Data)
	case cluster.BroadcastAck:
		m.Payload.JSON, err = decodePacket(m.Type, w.Packet)
	}
	m.Payload.Attachments = attachments
	m.Selector = cluster.Selector{Rooms: w.Opts.Rooms, Except: w.Opts.Except}
	m.Rooms, m.Close, m.Count = w.Rooms, w.Close, w.ClientCount
	if w.Type != nil && *w.Type == classicSockets {
		m.Selector.Rooms, m.RequestID = w.Rooms, socketsPrefix+w.RequestID
	}
	return m, err
}

func (w *classicMessage) sockets() ([]cluster.SocketInfo, error) {
	var list []wireSocket
	if err := json.Unmarshal(w.Sockets, &list); err != nil {
		return nil, err
	}
	infos := make([]cluster.SocketInfo, len(list))
	for i, s := range list {
		infos[i] = cluster.SocketInfo{ID: s.ID, Handshake: s.Handshake, Rooms: s.Rooms, Data: s.Data}
	}
	return infos, nil
}

func classicRequests(w *classicMessage) (cluster.Type, error) {
	if w.Type == nil {
		return 0, errors.New("request without a type")
	}
	switch t := *w.Type; t {
	case classicAllRooms:
		return 0, errAllRooms
	case classicSockets, classicFetch:
		return cluster.FetchSockets, nil
	case classicJoin:
		return cluster.SocketsJoin, nil
	case classicLeave:
		return cluster.SocketsLeave, nil
	case classicDisconnect:
		return cluster.DisconnectSockets, nil
	case classicServerSide:
		return cluster.ServerSideEmit, nil
	case classicBroadcast:
		return cluster.Broadcast, nil
	case classicOurs + int(cluster.InitialHeartbeat), classicOurs + int(cluster.Heartbeat), classicOurs + int(cluster.AdapterClose):
		return cluster.Type(t - classicOurs), nil
	default:
		return 0, fmt.Errorf("request of type %d", t)
	}
}

func classicResponses(w *classicMessage) (cluster.Type, error) {
	if w.Type == nil {
		if len(w.Sockets) == 0 {
			return 0, errors.New("response without a type")
		}
		return cluster.FetchSocketsResponse, nil
	}
	switch *w.Type {
	case classicServerSide:
		return cluster.ServerSideEmitResponse, nil
	case classicCount:
		return cluster.BroadcastClientCount, nil
	case classicAck:
		return cluster.BroadcastAck, nil
	}
	return 0, fmt.Errorf("response of type %d", *w.Type)
}
