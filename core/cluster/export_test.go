package cluster

// PendingCalls returns how many calls a node remembers.
func PendingCalls(n *Node) int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.calls)
}

// Hubs returns how many namespaces a memory remembers.
func Hubs(m *Memory) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.hubs)
}

// Kept returns how many messages and sessions a memory remembers of a namespace.
func Kept(m *Memory, namespace string) (messages, bytes, sessions int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	h := m.hubs[namespace]
	if h == nil {
		return 0, 0, 0
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.history.kept(), h.history.bytes, h.history.byAge.Len()
}

// Window is what recognizes duplicates.
type Window = window

// Add notes a number and reports whether it is new.
func (w *Window) Add(seq uint64) bool { return w.add(seq) }

// WindowSize is how far back duplicates are recognized.
const WindowSize = windowSize
