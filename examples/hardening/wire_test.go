//go:build linux

package hardening_test

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"time"
)

// wire is a TCP connection to the server, on which HTTP requests and websocket frames
// are written and read one by one.
type wire struct {
	*net.TCPConn
	r *bufio.Reader
}

// dial connects to the server. All that is done with the connection ends within
// patience.
func (p *process) dial() (*wire, error) { return p.dialWith(nil) }

// dialNarrow is dial with as small a TCP window as the system allows for.
func (p *process) dialNarrow() (*wire, error) {
	return p.dialWith(func(_, _ string, c syscall.RawConn) (err error) {
		controlErr := c.Control(func(fd uintptr) { err = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 1) })
		return errors.Join(err, controlErr)
	})
}

func (p *process) dialWith(control func(network, address string, c syscall.RawConn) error) (*wire, error) {
	dialer := net.Dialer{Timeout: patience, KeepAlive: -1, Control: control}
	c, err := dialer.Dial("tcp", p.addr)
	if err != nil {
		return nil, err
	}
	c.SetDeadline(time.Now().Add(patience))
	return &wire{c.(*net.TCPConn), bufio.NewReaderSize(c, 512)}, nil
}

// reset cuts the connection: the other side gets a TCP reset, and what it had not read
// is lost. Nil is fine.
func (w *wire) reset() {
	if w != nil {
		w.SetLinger(0)
		w.Close()
	}
}

// close closes the connection. Nil is fine.
func (w *wire) close() {
	if w != nil {
		w.Close()
	}
}

// requestText returns a request for the server. Headers are lines.
func requestText(method, query, body string, headers ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s /socket.io/?EIO=4&%s HTTP/1.1\r\nHost: sio\r\n", method, query)
	if method == http.MethodPost {
		fmt.Fprintf(&b, "Content-Type: text/plain\r\nContent-Length: %d\r\n", len(body))
	}
	for _, h := range headers {
		b.WriteString(h + "\r\n")
	}
	return b.String() + "\r\n" + body
}

// upgradeHeaders make a request one for a websocket.
var upgradeHeaders = slices.Clip([]string{
	"Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
})

func (w *wire) write(text string) error {
	_, err := io.WriteString(w, text)
	return err
}

// response reads one that is not of an upgrade.
func (w *wire) response() (status int, body string, err error) {
	res, err := http.ReadResponse(w.r, nil)
	if err != nil {
		return 0, "", err
	}
	defer res.Body.Close()
	all, err := io.ReadAll(res.Body)
	return res.StatusCode, string(all), err
}

// ask writes a request and returns the body of the response, which must be a 200.
func (w *wire) ask(request string) (body string, err error) {
	if err := w.write(request); err != nil {
		return "", err
	}
	status, body, err := w.response()
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("status %d: %s", status, body)
	}
	return body, err
}

// switchProtocols asks for a websocket, with more headers.
func (w *wire) switchProtocols(query string, offer []string) error {
	if err := w.write(requestText("GET", query, "", append(upgradeHeaders, offer...)...)); err != nil {
		return err
	}
	return w.switched()
}

// switched reads the 101.
func (w *wire) switched() error {
	res, err := http.ReadResponse(w.r, nil)
	if err != nil {
		return err
	}
	if res.StatusCode != http.StatusSwitchingProtocols {
		return fmt.Errorf("status %d for a websocket", res.StatusCode)
	}
	return nil
}

// The opcodes of frames.
const (
	opText  = 1
	opClose = 8
	opPing  = 9
)

// mask is that of all our frames.
var mask = [4]byte{0x3a, 0x5c, 0x71, 0x09}

// frameText returns a frame with a message.
func frameText(message string) string { return string(frame(opText, []byte(message))) }

// frame returns one, masked as those of clients are.
func frame(op byte, payload []byte) []byte {
	b := make([]byte, 0, len(payload)+14)
	b = append(b, 0x80|op)
	switch n := len(payload); {
	case n < 126:
		b = append(b, 0x80|byte(n))
	case n < 1<<16:
		b = binary.BigEndian.AppendUint16(append(b, 0x80|126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, 0x80|127), uint64(n))
	}
	b = append(b, mask[:]...)
	for i, c := range payload {
		b = append(b, c^mask[i%4])
	}
	return b
}

// closeFrame returns one with a code.
func closeFrame(code uint16) string {
	return string(frame(opClose, binary.BigEndian.AppendUint16(nil, code)))
}

// maxFrame is more than what the server has to send at a time.
const maxFrame = 4 << 20

// frame reads one.
func (w *wire) frame() (op byte, payload []byte, err error) {
	var head [8]byte
	if _, err := io.ReadFull(w.r, head[:2]); err != nil {
		return 0, nil, err
	}
	op, n := head[0]&0x0f, uint64(head[1]&0x7f)
	switch n {
	case 126:
		_, err = io.ReadFull(w.r, head[:2])
		n = uint64(binary.BigEndian.Uint16(head[:2]))
	case 127:
		_, err = io.ReadFull(w.r, head[:])
		n = binary.BigEndian.Uint64(head[:])
	}
	if err != nil {
		return 0, nil, err
	}
	if n > maxFrame {
		return 0, nil, errors.New("a frame of the server is too large")
	}
	payload = make([]byte, n)
	_, err = io.ReadFull(w.r, payload)
	return op, payload, err
}
