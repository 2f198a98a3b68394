package sioredis

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"

	"github.com/redis/go-redis/v9"

	"github.com/gosocketio/sio/core/cluster"
)

// encodeEntry makes the fields of an entry. The data is JSON or, with binary values,
// msgpack in base64.
func encodeEntry(m *cluster.Message) ([]any, error) {
	fields := []any{"uid", m.From, "nsp", m.Namespace, "type", strconv.Itoa(int(m.Type))}
	if !hasData(m.Type) {
		return fields, nil
	}
	data := appendData(make([]byte, 0, len(m.Payload.JSON)+128), m)
	if len(m.Payload.Attachments) == 0 {
		return append(fields, "data", data), nil
	}
	packed, err := appendMsgpack(nil, data, m.Payload.Attachments)
	if err != nil {
		return nil, err
	}
	return append(fields, "data", base64.StdEncoding.EncodeToString(packed)), nil
}

// decodeEntry reads an entry.
func decodeEntry(e *redis.XMessage) (*cluster.Message, error) {
	uid, _ := e.Values["uid"].(string)
	namespace, _ := e.Values["nsp"].(string)
	kind, _ := e.Values["type"].(string)
	data, _ := e.Values["data"].(string)
	t, err := strconv.Atoi(kind)
	if err != nil {
		return nil, fmt.Errorf("type %q", kind)
	}
	m := &cluster.Message{Type: cluster.Type(t), From: uid, Namespace: namespace}
	if err := decodeEntryData(m, data); err != nil {
		return nil, err
	}
	if m.Recoverable() {
		m.Offset = e.ID
	}
	return m, nil
}

func decodeEntryData(m *cluster.Message, data string) error {
	if data == "" {
		if hasData(m.Type) {
			return errors.New("no data")
		}
		return nil
	}
	if data[0] == '{' {
		return decodeData(m, []byte(data), nil)
	}
	packed, err := base64.StdEncoding.DecodeString(data)
	if err != nil {
		return err
	}
	text, attachments, err := msgpackToJSON(packed)
	if err != nil {
		return err
	}
	return decodeData(m, text, attachments)
}
