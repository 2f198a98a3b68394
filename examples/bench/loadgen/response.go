//go:build linux

package main

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
)

type respHeader struct {
	accept     []byte
	close      bool
	extensions bool
}

// parseResponse reads one HTTP/1.1 response; n is 0 while it is not whole.
func parseResponse(p []byte) (n, status int, body []byte, hdr respHeader, err error) {
	end := bytes.Index(p, []byte("\r\n\r\n"))
	if end < 0 {
		if len(p) > 64<<10 {
			err = errors.New("response header too large")
		}
		return
	}
	if len(p) < 12 || !bytes.HasPrefix(p, []byte("HTTP/1.")) {
		return 0, 0, nil, hdr, fmt.Errorf("not an HTTP response: %q", clip(p))
	}
	status, err = strconv.Atoi(string(p[9:12]))
	if err != nil {
		return
	}
	length, chunked := -1, false
	head := p[:end]
	i := bytes.IndexByte(head, '\n')
	for i >= 0 && i < len(head) {
		line := head[i+1:]
		j := bytes.IndexByte(line, '\n')
		if j >= 0 {
			line = line[:j]
			i += 1 + j
		} else {
			i = -1
		}
		line = bytes.TrimSuffix(line, []byte("\r"))
		k := bytes.IndexByte(line, ':')
		if k < 0 {
			continue
		}
		name, val := line[:k], bytes.TrimSpace(line[k+1:])
		switch {
		case eqFold(name, "content-length"):
			length, err = strconv.Atoi(string(val))
			if err != nil {
				return
			}
		case eqFold(name, "transfer-encoding"):
			chunked = eqFold(val, "chunked")
		case eqFold(name, "connection"):
			hdr.close = eqFold(val, "close")
		case eqFold(name, "sec-websocket-accept"):
			hdr.accept = val
		case eqFold(name, "sec-websocket-extensions"):
			hdr.extensions = true
		}
	}
	at := end + 4
	switch {
	case status == 101 || status == 204 || status == 304:
		return at, status, nil, hdr, nil
	case chunked:
		var out []byte
		for {
			nl := bytes.Index(p[at:], []byte("\r\n"))
			if nl < 0 {
				return 0, status, nil, hdr, nil
			}
			sz := p[at : at+nl]
			if s := bytes.IndexByte(sz, ';'); s >= 0 {
				sz = sz[:s]
			}
			var size int64
			size, err = strconv.ParseInt(string(sz), 16, 32)
			if err != nil {
				return
			}
			at += nl + 2
			if len(p) < at+int(size)+2 {
				return 0, status, nil, hdr, nil
			}
			if size == 0 {
				return at + 2, status, out, hdr, nil
			}
			if out == nil {
				out = p[at : at+int(size) : at+int(size)]
			} else {
				out = append(out, p[at:at+int(size)]...)
			}
			at += int(size) + 2
		}
	case length >= 0:
		if len(p) < at+length {
			return 0, status, nil, hdr, nil
		}
		return at + length, status, p[at : at+length], hdr, nil
	}
	return 0, status, nil, hdr, errors.New("response with neither Content-Length nor chunks")
}

func eqFold(b []byte, lower string) bool {
	if len(b) != len(lower) {
		return false
	}
	for i := 0; i < len(lower); i++ {
		ch := b[i]
		if 'A' <= ch && ch <= 'Z' {
			ch += 'a' - 'A'
		}
		if ch != lower[i] {
			return false
		}
	}
	return true
}

func clip(p []byte) []byte {
	if len(p) > 160 {
		return p[:160]
	}
	return p
}
