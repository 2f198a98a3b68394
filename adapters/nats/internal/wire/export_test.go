package wire

// Held returns how many bytes of parts are held.
func (a *Assembler) Held() int {
	n := 0
	for _, m := range a.partial {
		n += len(m.data)
	}
	if n != a.bytes {
		panic("the count is wrong")
	}
	return n
}
