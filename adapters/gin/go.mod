module github.com/gosocketio/sio/adapters/gin

go 1.25.0

require github.com/gosocketio/sio/core v0.1.0

require (
	github.com/gin-contrib/gzip v1.2.5
	github.com/gin-gonic/gin v1.12.0
)

replace github.com/gosocketio/sio/core => ../../core
