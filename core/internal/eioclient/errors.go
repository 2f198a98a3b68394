package eioclient

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/gorilla/websocket"
)

// Why a connection ended, in the words of the reference client.
const (
	ReasonTransportClose = "transport close"
	ReasonTransportError = "transport error"
	ReasonPingTimeout    = "ping timeout"
	ReasonForcedClose    = "forced close"
)

var (
	// ErrClosed is returned by Send once the connection is closed or closing.
	ErrClosed = errors.New("connection closed")
	// ErrQueueFull is returned by Send if the messages do not fit into the queue.
	ErrQueueFull = errors.New("outgoing queue full")
	// ErrHandshake says that what a server sent first is not a handshake.
	ErrHandshake = errors.New("invalid handshake")

	errTransports = errors.New("no transports available")
	errPacket     = errors.New("invalid packet")
	errTooLarge   = errors.New("message too large")
	errProbe      = errors.New("the server did not answer the probe")
	errNoUpgrade  = errors.New("the server did not switch to websocket")
	errRedirected = errors.New("redirected to another method")
	errPings      = errors.New("too many pings wait for their answers")
	errPing       = errors.New("the server sent no ping in time")
)

// Error says what went wrong with a transport.
type Error struct {
	Transport string // "polling" or "websocket"
	Op        string // "GET", "POST", "handshake", "read", "write"
	Status    int    // of the HTTP answer, if that was the matter
	Body      []byte // of it, up to 4 KiB
	Code      int    // the server's error code, if Message is set
	Message   string // the server's text, from the body or from a websocket close frame
	CloseCode int    // of a websocket close frame, if one came
	Err       error  // anything else; nil if the status says it all
}

// Error returns a text such as "polling: GET: 400 Bad Request: Session ID unknown".
func (e *Error) Error() string {
	parts := []string{e.Transport, e.Op}
	if e.Status != 0 {
		parts = append(parts, strings.TrimSpace(fmt.Sprintf("%d %s", e.Status, http.StatusText(e.Status))))
	}
	if e.CloseCode != 0 {
		parts = append(parts, fmt.Sprintf("closed with code %d", e.CloseCode))
	}
	if e.Message != "" {
		parts = append(parts, e.Message)
	}
	if e.Err != nil {
		parts = append(parts, e.Err.Error())
	}
	return strings.Join(parts, ": ")
}

// Unwrap returns Err.
func (e *Error) Unwrap() error { return e.Err }

// maxErrorBody is how much is kept of an answer that is an error, in bytes.
const maxErrorBody = 4 << 10

// statusError makes an error of an answer that is not 200.
func statusError(transport, op string, status int, body io.Reader) *Error {
	e := &Error{Transport: transport, Op: op, Status: status}
	if body != nil {
		e.Body, _ = io.ReadAll(io.LimitReader(body, maxErrorBody))
	}
	var said struct {
		Code    int
		Message string
	}
	if json.Unmarshal(e.Body, &said) == nil && said.Message != "" {
		e.Code, e.Message = said.Code, said.Message
	} else if text := string(bytes.TrimSpace(e.Body)); isSentence(text) {
		e.Message = text
	}
	return e
}

// protocol3 is how the answers of older servers begin: with the length of a packet.
var protocol3 = regexp.MustCompile(`^\d+:0\{`)

// foreign says what the other end may be, of whose first answer nothing makes sense.
func foreign(body []byte) error {
	switch body = bytes.TrimSpace(body); {
	case protocol3.Match(body):
		return fmt.Errorf("%w: the server seems to speak version 2 of Socket.IO", ErrHandshake)
	case bytes.HasPrefix(body, []byte("<")):
		return fmt.Errorf("%w: the answer is a web page", ErrHandshake)
	case len(body) == 0:
		return fmt.Errorf("%w: the answer is empty", ErrHandshake)
	}
	return fmt.Errorf("%w: the answer is not that of a Socket.IO server", ErrHandshake)
}

// isSentence reports whether the body of an answer is a short text for people, as it
// is when Node's server refuses a websocket.
func isSentence(text string) bool {
	return len(text) <= 200 && !strings.ContainsFunc(text, func(r rune) bool {
		return r == '<' || r == utf8.RuneError || !unicode.IsPrint(r)
	})
}

// socketError makes an error of what reading from a websocket returned, and says
// whether the other end, or nobody, ended it.
func socketError(err error) (*Error, string) {
	e := &Error{Transport: WebSocket, Op: "read"}
	var closed *websocket.CloseError
	switch {
	case errors.As(err, &closed) && closed.Code != websocket.CloseAbnormalClosure:
		e.CloseCode, e.Message = closed.Code, closed.Text
		return e, ReasonTransportClose
	case errors.As(err, &closed), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		e.Err = io.ErrUnexpectedEOF
		return e, ReasonTransportClose
	case errors.Is(err, websocket.ErrReadLimit):
		err = errTooLarge
	}
	e.Err = err
	return e, ReasonTransportError
}
