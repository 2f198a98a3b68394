package sionats
import (_ "github.com/nats-io/nats.go"
 _ "github.com/gosocketio/sio/core/cluster")
