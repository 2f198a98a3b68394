package statefuzz

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"

	"github.com/gosocketio/sio/core/internal/memnet"
)

// network is the way to the server.
type network struct {
	ln    *memnet.Listener
	wait  sync.WaitGroup // for those who read answers
	conns []net.Conn     // all that there ever were; only the model's goroutine dials
	offer string         // an extension, in websocket handshakes
}

func (n *network) dial() net.Conn {
	c, err := n.ln.Dial(context.Background(), "", "")
	if err != nil {
		panic(err) // the listener is closed last of all
	}
	n.conns = append(n.conns, c)
	return c
}

// exchange is a request, on a connection of its own, and the answer.
type exchange struct {
	conn net.Conn

	mu          sync.Mutex // guards what follows
	over        bool
	status      int // 0 if there was no answer
	contentType string
	body        []byte
	taken       bool
}

const requestHead = "%s /socket.io/?%s HTTP/1.1\r\nHost: server\r\nConnection: close\r\n%s\r\n"

// begin sends a request and lets the answer come. The headers end with line breaks.
func (n *network) begin(method, query, headers, body string) *exchange {
	x := n.beginPartly(method, query, headers, body, len(body))
	return x
}

// beginPartly sends only so many bytes of the body.
func (n *network) beginPartly(method, query, headers, body string, part int) *exchange {
	if method == http.MethodPost {
		headers += fmt.Sprintf("Content-Length: %d\r\n", len(body))
	}
	x := &exchange{conn: n.dial()}
	// The answer is read while the body is written: a refusal comes before its end.
	n.wait.Go(x.read)
	io.WriteString(x.conn, fmt.Sprintf(requestHead, method, query, headers)+body[:part])
	return x
}

func (x *exchange) read() {
	var status int
	var contentType string
	var body []byte
	if r, err := http.ReadResponse(bufio.NewReader(x.conn), nil); err == nil {
		body, err = io.ReadAll(r.Body)
		if err == nil {
			status, contentType = r.StatusCode, r.Header.Get("Content-Type")
		}
	}
	x.conn.Close()
	x.mu.Lock()
	defer x.mu.Unlock()
	x.over, x.status, x.contentType, x.body = true, status, contentType, body
}

// cut breaks the connection off.
func (x *exchange) cut() { x.conn.Close() }

func (x *exchange) isOver() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.over
}

// take returns the answer, once.
func (x *exchange) take() (status int, contentType string, body []byte, ok bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if !x.over || x.taken {
		return 0, "", nil, false
	}
	x.taken = true
	return x.status, x.contentType, x.body, true
}

// refusals are the statuses that a server may answer with when it does not serve.
var refusals = map[int]bool{
	0:                                      true, // the connection was broken off
	http.StatusBadRequest:                  true,
	http.StatusForbidden:                   true,
	http.StatusMethodNotAllowed:            true,
	http.StatusRequestTimeout:              true,
	http.StatusRequestEntityTooLarge:       true,
	http.StatusTooManyRequests:             true,
	http.StatusInternalServerError:         true, // other methods than GET and POST, as the reference server
	http.StatusServiceUnavailable:          true,
	http.StatusRequestHeaderFieldsTooLarge: true,
}

func queryOf(protocol int, transport, rest string) string {
	return strings.TrimSuffix(fmt.Sprintf("EIO=%d&transport=%s&%s", protocol, transport, rest), "&")
}
