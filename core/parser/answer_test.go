package parser_test

import (
	"errors"
	"testing"

	"github.com/gosocketio/sio/core/parser"
)

func TestDecodeAnswer(t *testing.T) {
	args := func(values ...string) *parser.Args {
		a := new(parser.Args)
		for _, v := range values {
			a.Values = append(a.Values, []byte(v))
		}
		return a
	}
	for _, failed := range []struct{ answer, message, data string }{
		{`{"error":"no"}`, "no", ""},
		{`{"error":""}`, "", ""},
		{`{"error":"no","data":{"n":1}}`, "no", `{"n":1}`},
	} {
		for _, v := range []any{new(int), new(any), new(parser.None), new(map[string]any), new(struct{ N int })} {
			var e *parser.AnswerError
			if err := args(failed.answer).DecodeAnswer(v); !errors.As(err, &e) || e.Message != failed.message || string(e.Data) != failed.data || err.Error() != failed.message {
				t.Errorf("%s into %T: %v", failed.answer, v, err)
			}
		}
		var all parser.Args
		if err := args(failed.answer).DecodeAnswer(&all); err != nil || string(all.Raw(0)) != failed.answer {
			t.Errorf("%s into Args: %s, %v", failed.answer, all.Raw(0), err)
		}
	}
	for _, answer := range []*parser.Args{
		args(`{"error":null}`), args(`{"error":1}`), args(`{"error":"no","n":1}`), args(`{"error":"no","data":1,"n":1}`),
		args(`{"n":1,"error":"no"}`), args(`{"error":"no"}`, `1`), args(`{"error":`), args(`"error"`), args(),
	} {
		var v any
		var e *parser.AnswerError
		if err := answer.DecodeAnswer(&v); errors.As(err, &e) {
			t.Errorf("%s is taken for a failure", answer.Values)
		}
	}
	var n int
	if err := args(`3`).DecodeAnswer(&n); n != 3 || err != nil {
		t.Errorf("got %d, %v", n, err)
	}
}
