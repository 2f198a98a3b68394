module github.com/gosocketio/sio/adapters/chi

go 1.26.0

require github.com/gosocketio/sio/core v0.1.0

require github.com/go-chi/chi/v5 v5.5.0

require github.com/gorilla/websocket v1.5.3 // indirect

replace github.com/gosocketio/sio/core => ../../core
