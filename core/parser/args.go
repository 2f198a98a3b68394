package parser

import (
	"encoding/json"
	"reflect"
)

// Args are the undecoded arguments of a received packet. Decoding does not
// change them: several goroutines may do it at the same time.
type Args struct {
	// Values holds the encoded arguments, in the format of the parser: JSON texts
	// for the default one. They must not be modified.
	Values [][]byte
	// Attachments holds the binary parts that Values refer to, if any.
	Attachments [][]byte
	// Unmarshal decodes one of Values into the value that v points to.
	// A nil Unmarshal stands for the default parser's.
	Unmarshal func(value []byte, attachments [][]byte, v any) error
}

// Len returns the number of arguments.
func (a *Args) Len() int { return len(a.Values) }

// Raw returns the argument at position i as it was received, or nil if there is
// none. It is JSON only if the parser's format is. It must not be modified.
func (a *Args) Raw(i int) json.RawMessage {
	if i < 0 || i >= len(a.Values) {
		return nil
	}
	return a.Values[i]
}

// Scan decodes the arguments, in order, into the values that dst point to. A nil
// among dst skips an argument, and arguments beyond dst are ignored. An argument
// that is null leaves the value alone, or makes it nil if it can be.
//
// An argument that is missing is an error, [ErrMissing], unless its value can be
// nil (pointer, slice, map, interface): those are optional, and become nil.
//
// A []byte or [json.RawMessage] that is filled from an attachment or argument is
// not a copy: it may be kept, but others that decode the same packet see what is
// done to it.
//
// Scan stops at the first argument that does not fit and returns an [*ArgError].
func (a *Args) Scan(dst ...any) error {
	for i, v := range dst {
		if v == nil {
			continue
		}
		if err := a.Decode(i, v); err != nil {
			return err
		}
	}
	return nil
}

// Decode decodes the argument at position i into the value that v points to, by
// the rules of [Args.Scan].
func (a *Args) Decode(i int, v any) error {
	var err error
	switch {
	case i < 0 || i >= len(a.Values):
		err = clearOptional(v)
	case a.Unmarshal != nil:
		err = a.Unmarshal(a.Values[i], a.Attachments, v)
	default:
		err = unmarshal(a.Values[i], a.Attachments, v, nil)
	}
	if err != nil {
		return newArgError(i, v, err)
	}
	return nil
}

// None is the type of an argument that there is not: of an event without
// arguments, and of an acknowledgement without values.
type None struct{}

// DecodeOne decodes the first argument into the value that v points to, by the
// rules of [Args.Scan]; further ones are ignored. A *[None] takes no argument, an
// *Args all of them.
func (a *Args) DecodeOne(v any) error {
	switch v := v.(type) {
	case *None:
		return nil
	case *Args:
		*v = *a
		return nil
	}
	return a.Decode(0, v)
}

// clearOptional makes nil what v points to, if that can be nil.
func clearOptional(v any) error {
	p := reflect.ValueOf(v)
	if p.Kind() != reflect.Pointer || p.IsNil() {
		return &json.InvalidUnmarshalError{Type: reflect.TypeOf(v)}
	}
	switch e := p.Elem(); e.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map, reflect.Interface:
		e.SetZero()
		return nil
	}
	return ErrMissing
}
