package mixedcluster_test

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"os"
	"sync"
)

// The same as testdata/js/wire.js, for the programs in Go.

// binaryKey marks a binary value: {"$b":"base64"}.
const binaryKey = "$b"

func pack(v any) any {
	switch v := v.(type) {
	case []byte:
		return map[string]any{binaryKey: base64.StdEncoding.EncodeToString(v)}
	case []any:
		packed := make([]any, len(v))
		for i, e := range v {
			packed[i] = pack(e)
		}
		return packed
	case map[string]any:
		packed := make(map[string]any, len(v))
		for k, e := range v {
			packed[k] = pack(e)
		}
		return packed
	}
	return v
}

func unpack(v any) any {
	switch v := v.(type) {
	case []any:
		for i, e := range v {
			v[i] = unpack(e)
		}
	case map[string]any:
		if s, ok := v[binaryKey].(string); ok {
			b, _ := base64.StdEncoding.DecodeString(s)
			return b
		}
		for k, e := range v {
			v[k] = unpack(e)
		}
	}
	return v
}

// command is what a program is told to do. See the operations of server.js.
type command struct {
	ID       int
	Op       string
	Nsp      string
	Rooms    []string
	Except   []string
	Join     []string
	Args     []any
	Name     string
	Timeout  int // ms
	Close    bool
	Volatile bool
	Count    int
	Gap      int // ms
	Filler   string
}

// output is where a program tells.
type output struct {
	mu sync.Mutex
}

func (o *output) write(line map[string]any) {
	text, err := json.Marshal(line)
	if err != nil {
		panic(err)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	os.Stdout.Write(append(text, '\n'))
}

// tell reports something that was not asked for.
func (o *output) tell(event map[string]any) {
	o.write(map[string]any{"event": pack(event)})
}

// serve obeys commands until the input ends, each on a goroutine of its own unless
// it is quick.
func (o *output) serve(ops map[string]func(*command) (any, error)) {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		c := new(command)
		if err := json.Unmarshal(lines.Bytes(), c); err != nil {
			panic(err)
		}
		c.Args, _ = unpack(c.Args).([]any)
		if slow[c.Op] {
			go o.obey(ops, c)
			continue
		}
		o.obey(ops, c)
	}
}

// slow operations wait for something.
var slow = map[string]bool{"call": true, "ask": true, "askSocket": true, "fetch": true, "flood": true}

func (o *output) obey(ops map[string]func(*command) (any, error), c *command) {
	result, err := ops[c.Op](c)
	if err != nil {
		o.write(map[string]any{"id": c.ID, "error": err.Error()})
		return
	}
	o.write(map[string]any{"id": c.ID, "result": pack(result)})
}
