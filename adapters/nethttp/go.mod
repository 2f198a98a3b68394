module github.com/gosocketio/sio/adapters/nethttp

go 1.25.0

require github.com/gosocketio/sio/core v0.1.0

replace github.com/gosocketio/sio/core => ../../core
