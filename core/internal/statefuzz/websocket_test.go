package statefuzz

import (
	"bufio"
	"bytes"
	"compress/flate"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
)

// opcodes of websocket frames.
const (
	opContinuation = 0
	opText         = 1
	opBinary       = 2
	opClose        = 8
	opPing         = 9

	rsv1 = 0x40 // compressed
)

// offerDeflate is the header of a client that takes compressed messages.
const offerDeflate = "Sec-WebSocket-Extensions: permessage-deflate; client_no_context_takeover; server_no_context_takeover\r\n"

// socketConn is the client's end of a websocket, by hand: it can send what no library
// would.
type socketConn struct {
	conn net.Conn

	write sync.Mutex // held while writing

	mu       sync.Mutex // guards what follows
	accepted bool
	status   int // of a refusal
	over     bool
	closed   bool // a close frame came
	messages []message
	fault    string // what the server did wrong
}

// message is what came in one frame.
type message struct {
	data   []byte
	binary bool
}

const socketHeaders = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n" +
	"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"

const socketHead = "GET /socket.io/?%s HTTP/1.1\r\nHost: server\r\n" + socketHeaders + "%s\r\n"

// openSocket sends a handshake, with extra bytes right behind it, and lets the answer
// come.
func (n *network) openSocket(query string, behind []byte) *socketConn {
	c := &socketConn{conn: n.dial()}
	n.wait.Go(c.read)
	c.raw(append(fmt.Appendf(nil, socketHead, query, n.offer), behind...))
	return c
}

func (c *socketConn) read() {
	defer func() {
		c.conn.Close()
		c.mu.Lock()
		c.over = true
		c.mu.Unlock()
	}()
	r := bufio.NewReader(c.conn)
	res, err := http.ReadResponse(r, nil)
	if err != nil {
		return
	}
	c.mu.Lock()
	c.accepted, c.status = res.StatusCode == http.StatusSwitchingProtocols, res.StatusCode
	c.mu.Unlock()
	if !c.accepted {
		io.Copy(io.Discard, res.Body)
		return
	}
	for {
		op, data, err := c.readFrame(r)
		if err != nil {
			return
		}
		switch op {
		case opClose:
			c.mu.Lock()
			c.closed = true
			c.mu.Unlock()
			c.frame(opClose, data)
			return
		case opText, opBinary:
			c.keep(message{data, op == opBinary})
		}
	}
}

// readFrame reads a frame of the server, which sends each message in one.
func (c *socketConn) readFrame(r *bufio.Reader) (op byte, data []byte, err error) {
	var head [10]byte
	if _, err := io.ReadFull(r, head[:2]); err != nil {
		return 0, nil, err
	}
	op = head[0] & 0x0f
	length := uint64(head[1] & 0x7f)
	switch length {
	case 126:
		_, err = io.ReadFull(r, head[2:4])
		length = uint64(binary.BigEndian.Uint16(head[2:4]))
	case 127:
		_, err = io.ReadFull(r, head[2:10])
		length = binary.BigEndian.Uint64(head[2:10])
	}
	if err != nil {
		return 0, nil, err
	}
	compressed := head[0]&rsv1 != 0
	if head[0]&0xb0 != 0x80 || head[1]&0x80 != 0 || length > 1<<24 {
		c.mu.Lock()
		c.fault = fmt.Sprintf("the server sent a frame that begins with % x", head)
		c.mu.Unlock()
		return 0, nil, io.ErrUnexpectedEOF
	}
	data = make([]byte, length)
	if _, err = io.ReadFull(r, data); err != nil || !compressed {
		return op, data, err
	}
	data, err = inflate(data)
	if err != nil {
		c.mu.Lock()
		c.fault = "the server sent a message that cannot be inflated: " + err.Error()
		c.mu.Unlock()
	}
	return op, data, err
}

// inflate undoes permessage-deflate: what it leaves out at the end of a message is added,
// and an empty last block, so that the reader finds an end.
func inflate(data []byte) ([]byte, error) {
	return io.ReadAll(flate.NewReader(io.MultiReader(bytes.NewReader(data), strings.NewReader("\x00\x00\xff\xff\x01\x00\x00\xff\xff"))))
}

// appendFrame appends a frame as clients send them, masked.
func appendFrame(b []byte, first byte, data []byte) []byte {
	b = append(b, first)
	switch n := len(data); {
	case n < 126:
		b = append(b, 0x80|byte(n))
	default:
		b = append(b, 0x80|126)
		b = binary.BigEndian.AppendUint16(b, uint16(n))
	}
	mask := [4]byte{0x12, 0x34, 0x56, 0x78}
	b = append(b, mask[:]...)
	for i, v := range data {
		b = append(b, v^mask[i%4])
	}
	return b
}

// frame sends a whole message, or a control frame.
func (c *socketConn) frame(op byte, data []byte) { c.raw(appendFrame(nil, 0x80|op, data)) }

// fragments sends a text message in several frames, with a ping in between.
func (c *socketConn) fragments(data []byte, size int) {
	var b []byte
	op := byte(opText)
	for len(data) > size {
		b = appendFrame(b, op, data[:size])
		b = appendFrame(b, 0x80|opPing, []byte("in between"))
		data, op = data[size:], opContinuation
	}
	c.raw(appendFrame(b, 0x80|op, data))
}

// raw sends bytes.
func (c *socketConn) raw(b []byte) {
	c.write.Lock()
	defer c.write.Unlock()
	c.conn.Write(b)
}

// cut breaks the connection off, without a close frame.
func (c *socketConn) cut() { c.conn.Close() }

// take returns what has come since.
func (c *socketConn) take() []message {
	c.mu.Lock()
	defer c.mu.Unlock()
	m := c.messages
	c.messages = nil
	return m
}

func (c *socketConn) state() (accepted, over bool, fault string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.accepted, c.over, c.fault
}

func (c *socketConn) keep(m message) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.messages = append(c.messages, m)
}
