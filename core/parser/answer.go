package parser

import (
	"bytes"
	"encoding/json"
)

// AnswerError is an acknowledgement by which a handler says that it has failed, as
// those of packages socketio and client do: {"error": message}, with "data" if there
// is more to say.
type AnswerError struct {
	Message string
	Data    json.RawMessage // nil if there is none
}

// Error returns the message.
func (e *AnswerError) Error() string { return e.Message }

// DecodeAnswer is DecodeOne for an acknowledgement. If that is an [AnswerError], and
// nothing else, it returns it, unless v is an *Args, which takes whatever there is.
func (a *Args) DecodeAnswer(v any) error {
	if _, all := v.(*Args); !all {
		if failure := a.failure(); failure != nil {
			return failure
		}
	}
	return a.DecodeOne(v)
}

// failure returns nil if the arguments are no AnswerError. It looks closely only at
// what begins like one.
func (a *Args) failure() *AnswerError {
	if len(a.Values) != 1 || !bytes.HasPrefix(a.Values[0], []byte(`{"error":`)) {
		return nil
	}
	var fields map[string]json.RawMessage
	if json.Unmarshal(a.Values[0], &fields) != nil {
		return nil
	}
	var message *string
	data, more := fields["data"]
	if json.Unmarshal(fields["error"], &message) != nil || message == nil || len(fields) == 2 && !more || len(fields) > 2 {
		return nil
	}
	return &AnswerError{*message, data}
}
