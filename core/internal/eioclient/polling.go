package eioclient

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/gosocketio/sio/core/internal/packet"
)

// polling is the long-polling transport.
type polling struct{ c *Conn }

func (p *polling) name() string { return Polling }
func (p *polling) abort()       {} // requests end with the context of the connection

// openPolling does the handshake.
func (c *Conn) openPolling(ctx context.Context) error {
	p := &polling{c}
	body, failed := p.do(ctx, http.MethodGet, nil)
	if failed != nil {
		return failed
	}
	packets := packet.NewPayloadReader(body, packet.Text4)
	hello, err := packets.Next()
	if err != nil {
		return &Error{Transport: Polling, Op: "handshake", Err: foreign(body)}
	}
	if err := c.greet(hello); err != nil {
		return &Error{Transport: Polling, Op: "handshake", Err: err}
	}
	c.first, c.tr = packets, p
	return nil
}

// readPolls is the reader of the polling transport. It begins with the packets that
// are there already; nil if there are none.
func (c *Conn) readPolls(p *polling, packets *packet.PayloadReader) {
	for {
		if packets != nil && !c.handleAll(packets) || c.stopsPolling() {
			return
		}
		body, failed := p.get(c.ctx)
		if failed != nil {
			c.end(ReasonTransportError, failed)
			return
		}
		packets = packet.NewPayloadReader(body, packet.Text4)
	}
}

// handleAll deals with the packets of a body, one by one: a list of small ones would
// be much larger than the body. It reports false if nothing more is to be read.
func (c *Conn) handleAll(packets *packet.PayloadReader) bool {
	for {
		p, err := packets.Next()
		switch limit := c.opts.MaxMessage; {
		case err == io.EOF:
			return true
		case err != nil:
			err = errPacket
		case limit > 0 && int64(len(p.Data)) > limit:
			err = errTooLarge
		}
		if err != nil {
			c.end(ReasonTransportError, &Error{Transport: Polling, Op: "read", Err: err})
			return false
		}
		if !c.handle(p) {
			return false
		}
	}
}

// stopsPolling reports whether the reader of the polling transport has to end because
// of a pause. Once it did, resume starts another.
func (c *Conn) stopsPolling() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.draining {
		c.polling = false
		c.changed.Broadcast()
	}
	return c.draining
}

func (p *polling) get(ctx context.Context) ([]byte, *Error) {
	// A body, even an empty one, keeps the HTTP client from sending the request again
	// when its connection breaks: what the server has put into the lost answer would
	// be missing, and nobody would know.
	return p.do(ctx, http.MethodGet, struct{ io.Reader }{http.NoBody})
}

func (p *polling) write(batch []outgoing) *Error {
	packets := make([]packet.Packet, len(batch))
	size := 0
	for i, out := range batch {
		packets[i] = out.Packet
		size += packet.PayloadSize(out.Packet, packet.Text4)
	}
	return p.post(p.c.ctx, packet.AppendPayload(make([]byte, 0, size), packets, packet.Text4))
}

func (p *polling) bye(ctx context.Context) error {
	if err := p.post(ctx, []byte("1")); err != nil {
		return err
	}
	return nil
}

func (p *polling) post(ctx context.Context, body []byte) *Error {
	if d := p.c.opts.RequestTimeout; d > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, d)
		defer cancel()
	}
	_, err := p.do(ctx, http.MethodPost, bytes.NewReader(body))
	return err
}

// do makes a request and returns the body of its answer.
func (p *polling) do(ctx context.Context, method string, body io.Reader) ([]byte, *Error) {
	c := p.c
	req, err := http.NewRequestWithContext(ctx, method, c.address(Polling), body)
	if err != nil {
		return nil, &Error{Transport: Polling, Op: method, Err: err}
	}
	for name, values := range c.opts.Header {
		req.Header[name] = values
	}
	if host := c.opts.Header.Get("Host"); host != "" {
		req.Host = host
	}
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "text/plain;charset=UTF-8")
	}
	if req.Header.Get("Accept") == "" {
		req.Header.Set("Accept", "*/*")
	}
	res, err := c.httpClient().Do(req)
	if err != nil {
		var failed *url.Error
		if errors.As(err, &failed) {
			err = failed.Err // its text shows the address, and so the sid
		}
		return nil, &Error{Transport: Polling, Op: method, Err: err}
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, statusError(Polling, method, res.StatusCode, res.Body)
	}
	if res.Request != nil && res.Request.Method != method {
		return nil, &Error{Transport: Polling, Op: method, Err: errRedirected}
	}
	if c.hs.SID == "" {
		c.follow(res)
	}
	data, err := p.readAll(res.Body)
	if err != nil {
		return nil, &Error{Transport: Polling, Op: method, Err: err}
	}
	return data, nil
}

// follow notes where the handshake was redirected to, unless that is another host:
// the user's headers must not go there.
func (c *Conn) follow(res *http.Response) {
	to := res.Request.URL
	if to.Host == c.url.Host && (to.Scheme == c.url.Scheme || to.Scheme == "https") {
		c.url.Scheme, c.url.Path, c.url.RawPath = to.Scheme, to.Path, to.RawPath
	}
}

// payloadFactor is how many messages of the greatest size an answer to a poll may
// have.
const payloadFactor = 4

func (p *polling) readAll(r io.Reader) ([]byte, error) {
	limit := p.c.opts.MaxMessage
	if limit > math.MaxInt64/payloadFactor {
		limit = -1
	}
	return readAll(r, payloadFactor*limit)
}

// readAll reads up to limit bytes; a negative limit is none.
func readAll(r io.Reader, limit int64) ([]byte, error) {
	if limit < 0 || limit == math.MaxInt64 {
		return io.ReadAll(r)
	}
	data, err := io.ReadAll(io.LimitReader(r, limit+1))
	if int64(len(data)) > limit {
		return nil, errTooLarge
	}
	return data, err
}

// address returns the URL of a request.
func (c *Conn) address(transport string) string {
	u := c.url
	q := u.Query()
	q.Set("EIO", "4")
	q.Set("transport", transport)
	if c.hs.SID != "" {
		q.Set("sid", c.hs.SID)
	}
	if c.opts.ForceBase64 {
		q.Set("b64", "1")
	}
	if transport == Polling && !c.opts.NoTimestamp {
		q.Set(c.opts.TimestampParam, timestamp())
	}
	u.RawQuery = q.Encode()
	return u.String()
}

var timestamps atomic.Uint64

// timestamp returns a text that no other request of this process has.
func timestamp() string {
	return strconv.FormatInt(time.Now().UnixMilli(), 36) + "-" + strconv.FormatUint(timestamps.Add(1), 36)
}

// httpClient returns the client for the polling transport.
func (c *Conn) httpClient() *http.Client {
	if c.client != nil {
		return c.client
	}
	if c.opts.HTTPClient != nil {
		own := *c.opts.HTTPClient
		own.Jar, own.Timeout = c.jar(), 0
		c.client = &own
		return c.client
	}
	c.own = newHTTPTransport(c.opts)
	c.client = &http.Client{Transport: c.own, Jar: c.opts.Jar}
	return c.client
}

// jar returns the cookies of both transports.
func (c *Conn) jar() http.CookieJar {
	if c.opts.HTTPClient != nil && c.opts.HTTPClient.Jar != nil {
		return c.opts.HTTPClient.Jar
	}
	return c.opts.Jar
}

// newHTTPTransport returns a transport whose idle connections go before the server
// might close them: the default of Node's is 5 s, and a request that meets a closing
// connection is lost.
func newHTTPTransport(o *Options) *http.Transport {
	return &http.Transport{
		Proxy:               o.Proxy,
		DialContext:         o.DialContext,
		TLSClientConfig:     cloneTLS(o.TLS),
		ForceAttemptHTTP2:   true,
		TLSHandshakeTimeout: 10 * time.Second,
		IdleConnTimeout:     3 * time.Second,
		ReadBufferSize:      readBuffer,
		WriteBufferSize:     readBuffer,
	}
}

func cloneTLS(config *tls.Config) *tls.Config {
	if config == nil {
		return nil
	}
	return config.Clone()
}

// releaseClient is called when nothing polls or posts any more.
func (c *Conn) releaseClient() {
	if c.own != nil {
		c.own.CloseIdleConnections()
	}
	c.own, c.client = nil, nil
}
