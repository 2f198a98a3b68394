package socketio

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"runtime/debug"
)

// Key is a key for a value that is attached to sockets. Declare one as a package
// variable for each kind of value.
type Key[T any] struct{ name string }

// NewKey returns a key. Sockets of other nodes, and those that were recovered,
// have the value as JSON under that name.
func NewKey[T any](name string) Key[T] { return Key[T]{name} }

// Set attaches a value to the socket.
func (k Key[T]) Set(s *Socket, v T) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.data == nil {
		s.data = make(map[string]any, 1)
	}
	s.data[k.name] = v
}

// Get returns the value of the socket; false if it has none, or one that cannot
// be decoded into T.
func (k Key[T]) Get(s *Socket) (v T, ok bool) {
	s.mu.Lock()
	value := s.data[k.name]
	s.mu.Unlock()
	switch value := value.(type) {
	case T:
		return value, true
	case json.RawMessage: // recovered
		if json.Unmarshal(value, &v) != nil {
			return v, false
		}
		return k.decoded(s, v), true
	}
	return v, false
}

// decoded keeps a value in place of its JSON, unless there is another by now.
func (k Key[T]) decoded(s *Socket, v T) T {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch value := s.data[k.name].(type) {
	case T:
		return value
	case json.RawMessage:
		s.data[k.name] = v
	}
	return v
}

// Delete takes the value away.
func (k Key[T]) Delete(s *Socket) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.data, k.name)
}

// From returns the value of a socket of any node; false if it has none. The error
// is that of decoding it.
func (k Key[T]) From(s *RemoteSocket) (v T, ok bool, err error) {
	if s.local != nil {
		v, ok = k.Get(s.local)
		return v, ok, nil
	}
	value, ok := s.data[k.name].(json.RawMessage)
	if !ok {
		return v, false, nil
	}
	if err := json.Unmarshal(value, &v); err != nil {
		return v, false, fmt.Errorf("socketio: value %q of socket %s: %w", k.name, s.id, err)
	}
	return v, true, nil
}

// encodeData encodes the values of the socket, as far as that is possible.
func (s *Socket) encodeData() (json.RawMessage, error) {
	s.mu.Lock()
	values := maps.Clone(s.data)
	s.mu.Unlock()
	encoded := make(map[string]json.RawMessage, len(values))
	var errs []error
	for name, v := range values {
		value, err := encodeValue(v)
		if err != nil {
			errs = append(errs, fmt.Errorf("%q: %w", name, err))
			continue
		}
		encoded[name] = value
	}
	data, err := json.Marshal(encoded)
	return data, errors.Join(append(errs, err)...)
}

// encodeValue encodes a value, whose methods are user code.
func encodeValue(v any) (data []byte, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &PanicError{Value: p, Stack: debug.Stack()}
		}
	}()
	return json.Marshal(v)
}

// decodeData takes values apart, which are decoded when they are asked for.
func decodeData(data []byte) map[string]any {
	var raw map[string]json.RawMessage
	if json.Unmarshal(data, &raw) != nil {
		return nil
	}
	values := make(map[string]any, len(raw))
	for name, v := range raw {
		values[name] = v
	}
	return values
}
