package cluster

import "slices"

// quorum tells whether all nodes have answered. It works with names where they are
// known and with numbers elsewhere. It is guarded by its owner's mutex.
type quorum struct {
	ready     bool // whether it is known who is waited for
	named     bool
	waiting   map[string]struct{} // if named
	expected  int                 // if not
	answers   int                 // of all nodes
	answered  map[string]struct{} // those that gave their name
	gone      map[string]struct{}
	abandoned bool // nobody is waited for any longer
}

// open sets who is waited for. Nodes may have answered or left before.
func (q *quorum) open(c census) {
	q.ready = true
	q.named = c.count == 0
	q.expected = c.count
	q.waiting = make(map[string]struct{}, len(c.names))
	for _, id := range c.names {
		if !has(q.answered, id) && !has(q.gone, id) {
			q.waiting[id] = struct{}{}
		}
	}
}

// answer notes that a node answered. It reports false if it did so before.
func (q *quorum) answer(id string) bool {
	if id != "" {
		if has(q.answered, id) {
			return false
		}
		put(&q.answered, id)
		delete(q.waiting, id)
	}
	q.answers++
	return true
}

// leave notes that a node is gone.
func (q *quorum) leave(id string) {
	if has(q.gone, id) {
		return
	}
	put(&q.gone, id)
	delete(q.waiting, id)
	if q.ready && !q.named && !has(q.answered, id) && q.expected > 0 {
		q.expected--
	}
}

// complete reports whether nobody is waited for.
func (q *quorum) complete() bool {
	if q.abandoned {
		return true
	}
	if q.named {
		return q.ready && len(q.waiting) == 0
	}
	return q.ready && q.answers >= q.expected
}

// missing returns the nodes that did not answer: their names, if known, and their
// number.
func (q *quorum) missing() ([]string, int) {
	if !q.named {
		return nil, max(q.expected-q.answers, 0)
	}
	names := make([]string, 0, len(q.waiting))
	for id := range q.waiting {
		names = append(names, id)
	}
	slices.Sort(names)
	return names, len(names)
}

func has(set map[string]struct{}, key string) bool {
	_, ok := set[key]
	return ok
}

func put(set *map[string]struct{}, key string) {
	if *set == nil {
		*set = map[string]struct{}{}
	}
	(*set)[key] = struct{}{}
}
