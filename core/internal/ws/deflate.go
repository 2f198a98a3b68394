package ws

import (
	"bytes"
	"compress/flate"
	"sync"
)

// Prepared keeps the compressed form of one message, so that a broadcast
// compresses it once. The zero value is ready. It may be used concurrently, by
// any number of connections, in Frames that are all alike.
type Prepared struct {
	once sync.Once
	body []byte // nil: compression does not pay
}

// deflated returns the compressed form of the message, and false if that is not
// shorter.
func (f *Frame) deflated() ([]byte, bool) {
	// The function must not hold f, or every caller's frames would move to the heap.
	shared, prefix, payload := f.Shared, f.Prefix, f.Payload
	if shared == nil {
		body := deflate(prefix, payload)
		return body, body != nil
	}
	shared.once.Do(func() { shared.body = deflate(prefix, payload) })
	return shared.body, shared.body != nil
}

// deflater is reused, because a flate.Writer is more than half a MiB.
type deflater struct {
	out bytes.Buffer
	w   *flate.Writer
}

var deflaters = sync.Pool{New: func() any {
	d := &deflater{}
	d.w, _ = flate.NewWriter(&d.out, flate.BestSpeed) // the level is valid
	return d
}}

// deflate compresses the message by RFC 7692, section 7.2.1, into new memory. It
// returns nil if nothing is gained.
func deflate(prefix, payload []byte) []byte {
	d := deflaters.Get().(*deflater)
	defer d.free()
	d.w.Reset(&d.out)
	// Writes to a bytes.Buffer do not fail.
	d.w.Write(prefix)
	d.w.Write(payload)
	d.w.Flush()
	// The empty block at the end is left out; the receiver adds it.
	body := bytes.TrimSuffix(d.out.Bytes(), []byte{0, 0, 0xff, 0xff})
	if len(body) >= len(prefix)+len(payload) {
		return nil
	}
	return bytes.Clone(body)
}

func (d *deflater) free() {
	if d.out.Cap() > 2*bufferAt {
		d.out = bytes.Buffer{}
	}
	d.out.Reset()
	deflaters.Put(d)
}
