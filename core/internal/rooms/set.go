package rooms

// set is a set that iterates like a slice. Small sets, the common case, are
// searched; larger ones keep an index of positions.
type set[T comparable] struct {
	list []T
	pos  map[T]int32
}

// searchLimit is the size up to which searching the list beats a map.
const searchLimit = 12

func (s *set[T]) find(v T) int {
	if s.pos != nil {
		if i, ok := s.pos[v]; ok {
			return int(i)
		}
		return -1
	}
	for i := range s.list {
		if s.list[i] == v {
			return i
		}
	}
	return -1
}

func (s *set[T]) has(v T) bool { return s.find(v) >= 0 }

// add reports whether v is new.
func (s *set[T]) add(v T) bool {
	if s.find(v) >= 0 {
		return false
	}
	s.list = append(s.list, v)
	switch {
	case s.pos != nil:
		s.pos[v] = int32(len(s.list) - 1)
	case len(s.list) > searchLimit:
		s.pos = make(map[T]int32, 2*len(s.list))
		for i, v := range s.list {
			s.pos[v] = int32(i)
		}
	}
	return true
}

// remove reports whether v was there. The last element takes its place.
func (s *set[T]) remove(v T) bool {
	i := s.find(v)
	if i < 0 {
		return false
	}
	last := len(s.list) - 1
	moved := s.list[last]
	s.list[i] = moved
	var zero T
	s.list[last] = zero
	s.list = s.list[:last]
	if s.pos != nil {
		s.pos[moved] = int32(i)
		delete(s.pos, v)
	}
	s.shrink()
	return true
}

// shrink gives memory back when a set has become much smaller than it was.
func (s *set[T]) shrink() {
	if c := cap(s.list); c >= 64 && len(s.list) <= c/4 {
		s.list = append(make([]T, 0, c/2), s.list...)
	}
	if s.pos != nil && len(s.list) <= searchLimit/2 {
		s.pos = nil
	}
}
