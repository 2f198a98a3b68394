package sionats

import "github.com/gosocketio/sio/adapters/nats/internal/wire"

// What the tests of the subjects and offsets need.
var (
	Token       = token
	ValidPrefix = validPrefix
	ParseOffset = parseOffset
)

const MaxMessage = wire.MaxMessage
