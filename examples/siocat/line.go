package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode"

	"github.com/gosocketio/sio/core/parser"
)

// line is what a line of the input says.
type line struct {
	namespace string // "" for the first one
	ask       bool
	event     string
	args      []any
}

// parseLine understands a line. Its first word is a namespace only if it is connected.
func parseLine(text string, isNamespace func(string) bool) (line, error) {
	var l line
	rest := strings.TrimSpace(text)
	if word, after, _ := strings.Cut(rest, " "); isNamespace(word) {
		l.namespace, rest = word, strings.TrimSpace(after)
	}
	if after, ok := strings.CutPrefix(rest, "? "); ok {
		l.ask, rest = true, strings.TrimSpace(after)
	}
	if !strings.HasPrefix(rest, "[") {
		l.event, l.args = "message", []any{rest}
		return l, nil
	}
	values, _ := decodeJSON(rest).([]any)
	if len(values) == 0 {
		return line{}, errors.New(`not of the form ["event",argument,…]`)
	}
	event, ok := values[0].(string)
	if !ok {
		return line{}, errors.New("the name of the event is not a string")
	}
	l.event = event
	for _, v := range values[1:] {
		l.args = append(l.args, binaryIn(v))
	}
	return l, nil
}

// decodeJSON returns the value of a JSON text, with its numbers as they are written,
// or nil.
func decodeJSON(text string) any {
	if !json.Valid([]byte(text)) {
		return nil
	}
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var v any
	if d.Decode(&v) != nil {
		return nil
	}
	return v
}

// binaryIn replaces what stands for binary data.
func binaryIn(v any) any {
	switch v := v.(type) {
	case []any:
		for i := range v {
			v[i] = binaryIn(v[i])
		}
	case map[string]any:
		if text, ok := v["$binary"].(string); ok && len(v) == 1 {
			if data, err := base64.StdEncoding.DecodeString(text); err == nil {
				return data
			}
		}
		for name := range v {
			v[name] = binaryIn(v[name])
		}
	}
	return v
}

// placeholder is what stands for the binary parts in arguments.
var placeholder = regexp.MustCompile(`\{"_placeholder":true,"num":(\d+)\}`)

// maxShown is how much of binary data is printed, in bytes.
const maxShown = 32

// show returns arguments for people, as they came: in JSON, with binary data in hex.
func show(args parser.Args) string {
	var list []string
	for i := range args.Len() {
		text := placeholder.ReplaceAllFunc(args.Raw(i), func(found []byte) []byte {
			n, err := strconv.Atoi(string(placeholder.FindSubmatch(found)[1]))
			if err != nil || n >= len(args.Attachments) {
				return found
			}
			return showBinary(args.Attachments[n])
		})
		list = append(list, printable(string(text)))
	}
	return strings.Join(list, " ")
}

// showSent is show for arguments that are sent.
func showSent(list []any) string {
	var codec parser.JSON
	var shown []string
	for _, arg := range list {
		text, attachments, err := codec.EncodeArgs(arg)
		if err != nil {
			return err.Error() // so says Emit, too
		}
		one := parser.Args{Values: [][]byte{text[1 : len(text)-1]}, Attachments: attachments} // without the brackets
		shown = append(shown, show(one))
	}
	return strings.Join(shown, " ")
}

func showBinary(data []byte) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "<%d bytes", len(data))
	if len(data) > 0 {
		fmt.Fprintf(&b, ": % x", data[:min(len(data), maxShown)])
	}
	if len(data) > maxShown {
		b.WriteString(" …")
	}
	b.WriteByte('>')
	return b.Bytes()
}

// name returns the name of an event, quoted if it is an odd one.
func name(event string) string {
	if event == "" || strings.ContainsFunc(event, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) || r == '"' }) {
		return strconv.QuoteToGraphic(event)
	}
	return event
}

// printable makes harmless what would control a terminal.
func printable(text string) string {
	var b strings.Builder
	for _, r := range text {
		if unicode.IsPrint(r) {
			b.WriteRune(r)
		} else {
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}
