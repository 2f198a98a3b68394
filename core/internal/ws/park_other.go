//go:build !linux

package ws

// CanPark says whether connections can be parked on this system.
const CanPark = false

// Parker parks nothing on this system.
type Parker struct{}

// Park reports false.
func (*Parker) Park(*Conn, func()) bool { return false }

// Unpark does nothing.
func (*Parker) Unpark(*Conn) {}
