module github.com/gosocketio/sio/adapters/echo

go 1.25.0

require github.com/gosocketio/sio/core v0.1.0

require github.com/labstack/echo/v4 v4.16.0

replace github.com/gosocketio/sio/core => ../../core
