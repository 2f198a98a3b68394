package parser

import (
	"encoding/json"
	"errors"
	"reflect"
	"strconv"
)

// ArgError reports an argument that does not fit the type that it was to be
// decoded into.
type ArgError struct {
	Index int    // position of the argument, from 0
	Type  string // the Go type that was asked for
	Err   error

	target reflect.Type // nil if it is not known
}

// newArgError reports that the argument at position i does not fit what v points
// to.
func newArgError(i int, v any, err error) *ArgError {
	t := reflect.TypeOf(v)
	if t == nil {
		return &ArgError{Index: i, Type: "nil", Err: err}
	}
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return &ArgError{Index: i, Type: t.String(), Err: err, target: t}
}

// Error returns a text such as "args[1] as int: argument missing". It is meant for
// those who know the program: see Public.
func (e *ArgError) Error() string {
	return "args[" + strconv.Itoa(e.Index) + "] as " + e.Type + ": " + e.Err.Error()
}

// Unwrap returns what is wrong: [ErrMissing] or the error of the decoder.
func (e *ArgError) Unwrap() error { return e.Err }

// Public returns a text for the peer that sent the argument, such as "argument 2:
// expected an integer" or "argument 1: expected a string as user.name". It counts
// from 1, and tells nothing of the program: no types, no texts of other errors.
func (e *ArgError) Public() string {
	text := "argument " + strconv.Itoa(e.Index+1)
	if errors.Is(e.Err, ErrMissing) {
		return text + " is missing"
	}
	expected, field := expectation(e.target), ""
	if wrong := (*json.UnmarshalTypeError)(nil); errors.As(e.Err, &wrong) && wrong.Field != "" {
		expected, field = expectation(wrong.Type), " as "+wrong.Field
	}
	if expected == "" {
		return text + " is not valid"
	}
	return text + ": expected " + expected + field
}

// expectation says in the words of JSON what values of the type are; nothing if
// they say that themselves.
func expectation(t reflect.Type) string {
	for t != nil && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t == nil || reflect.PointerTo(t).Implements(unmarshaler) || reflect.PointerTo(t).Implements(textUnmarshaler) {
		return ""
	}
	switch t.Kind() {
	case reflect.String:
		return "a string"
	case reflect.Bool:
		return "a boolean"
	case reflect.Float32, reflect.Float64:
		return "a number"
	case reflect.Struct, reflect.Map:
		return "an object"
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			return "binary data"
		}
		return "an array"
	case reflect.Array:
		return "an array"
	}
	if t.Kind() >= reflect.Int && t.Kind() <= reflect.Uint64 {
		return "an integer"
	}
	return ""
}
