module github.com/gosocketio/sio/adapters/nethttp

go 1.26.0

require github.com/gosocketio/sio/core v0.1.0

require github.com/gorilla/websocket v1.5.3 // indirect

replace github.com/gosocketio/sio/core => ../../core
